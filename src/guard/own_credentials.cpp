#include "own_credentials.hpp"

#include "account_id.hpp"

namespace aft::guarding {

own_credentials::own_credentials(const guard& g, const account_news& news)
    : guard_(g), news_(news), desk_(watch()),
      whose_([this](const request& r, reader& db) -> result<credential_owner, problem> {
        const argument_policy needed{admission::signed_in, {}, !is_safe(r.method())};
        const auto me = guard_.need_owner(r, db, needed);
        if (!me) return me.reason();
        return owner(*me);
      }) {}

credential_owner own_credentials::owner(const user& me) const {
  return {subject_of(me.id), me.email, me.permissions};
}

credential_watch own_credentials::watch() const {
  return [this](transaction& tx, const request& r, const credential_change& what) {
    news_.credential_changed(tx, r, what);
  };
}

void own_credentials::add_routes(const routes& api) const {
  const auto own = api.require_user();
  if (guard_.second_factor()) add_totp_routes(own, *guard_.second_factor(), whose_, watch());
  if (guard_.keys()) add_api_key_routes(own, *guard_.keys(), whose_, watch());
}

}  // namespace aft::guarding

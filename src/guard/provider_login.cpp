#include "provider_login.hpp"

#include "account_id.hpp"

namespace aft::guarding {
namespace {

problem not_linked(link_refusal why) {
  switch (why) {
    case link_refusal::email_unverified:
      return {403, "the provider does not say that the e-mail address is yours",
              "email_unverified"};
    case link_refusal::account_unverified:
      return {403, "there is an account with that address, which nobody has proven to be theirs",
              "account_unverified"};
    case link_refusal::no_account: break;
  }
  return {403, "there is no account with that address", "no_account"};
}

problem not_let_in() { return {403, "this account cannot log in", "account_disabled"}; }

}  // namespace

result<auth::account, problem> provider_login::add(const request& r, const oidc_identity& who,
                                                   transaction& tx) const {
  if (!guard_.options().registration) return not_linked(link_refusal::no_account);
  const auto made =
      auth::add_account(tx, {.email = who.email, .password_hash = "", .verified = true});
  if (!made) return problem{422, "the provider gives no e-mail address that is one", "no_email"};
  link_identity(tx, who, subject_of(made->id));
  news_.note(tx, audit_event::user_created, made->id, r, who.issuer);
  return *made;
}

result<auth::account, problem> provider_login::account_for(const request& r,
                                                           const oidc_identity& who,
                                                           transaction& tx) const {
  const auto linked = account_of_identity(
      tx, who, [&tx](std::string_view email) -> std::optional<account_of_email> {
        const auto found = auth::find_account(tx, email);
        if (!found) return {};
        return account_of_email{subject_of(found->id), found->verified_at.has_value()};
      });
  if (!linked && linked.reason() == link_refusal::no_account) return add(r, who, tx);
  if (!linked) return not_linked(linked.reason());
  const auto found = auth::find_account(tx, account_of(*linked));
  if (!found || found->disabled) return not_let_in();
  return *found;
}

result<signed_in, problem> provider_login::enter(const request& r, const oidc_identity& who,
                                                 transaction& tx) const {
  const auto account = account_for(r, who, tx);
  if (!account) {
    news_.note(tx, audit_event::login_fail, 0, r, who.issuer);
    return account.reason();
  }
  const auto id = account->id;
  if (const auto old = r.cookie(guard_.session_cookie())) auth::end_session(tx, *old);
  const bool is_half = second_.is_due(tx, id);
  signed_in in{*account,
               auth::begin_session(tx, id, visit_of(r), guard_.options().sessions, is_half),
               {},
               is_half};
  if (is_half) return in;
  if (!auth::find_device(tx, r.cookie(guard_.device_cookie()).value_or(""), id)) {
    in.device = auth::know_device(tx, id);
  }
  news_.note(tx, audit_event::login_success, id, r, who.issuer);
  return in;
}

}  // namespace aft::guarding

#include "credential_desk.hpp"

#include <algorithm>

#include <aft/auth/recovery_codes.hpp>

namespace aft::auth {

problem refusal_of_code(totp_verdict verdict) {
  if (verdict == totp_verdict::locked) {
    problem p{429, "too many wrong codes; try again later", "code_locked"};
    p.retry_after_seconds = 60;
    return p;
  }
  if (verdict == totp_verdict::off) {
    return {409, "there is no second factor to do this with", "totp_off"};
  }
  return {422, "the code is wrong, or was used before", "wrong_code"};
}

result<totp_setup, problem> credential_desk::begin_totp(transaction& tx, const totp& second,
                                                        const credential_owner& who) const {
  auto setup = second.begin(tx, who.subject, who.name.empty() ? who.subject : who.name);
  if (!setup) return problem{409, "there is a second factor already", "totp_on"};
  return *std::move(setup);
}

result<std::vector<std::string>, problem> credential_desk::confirm_totp(
    transaction& tx, const request& r, const totp& second, const credential_owner& who,
    std::string_view code) const {
  const auto verdict = second.confirm(tx, who.subject, code);
  if (verdict != totp_verdict::accepted) return refusal_of_code(verdict);
  tell(tx, r, credential_change_kind::second_factor_on, who);
  return make_recovery_codes(tx, who.subject);
}

std::optional<problem> credential_desk::remove_totp(transaction& tx, const request& r,
                                                    const totp& second, const credential_owner& who,
                                                    std::string_view code) const {
  const auto verdict = second.check(tx, who.subject, code);
  const bool proven = verdict == totp_verdict::accepted ||
                      (verdict == totp_verdict::wrong && use_recovery_code(tx, who.subject, code));
  if (!proven) return refusal_of_code(verdict);
  totp::remove(tx, who.subject);
  tx.execute("delete from aft_recovery_code where subject = $1", who.subject);
  tell(tx, r, credential_change_kind::second_factor_off, who);
  return {};
}

result<std::vector<std::string>, problem> credential_desk::new_codes(transaction& tx,
                                                                     const request& r,
                                                                     const totp& second,
                                                                     const credential_owner& who,
                                                                     std::string_view code) const {
  const auto verdict = second.check(tx, who.subject, code);
  if (verdict != totp_verdict::accepted) return refusal_of_code(verdict);
  tell(tx, r, credential_change_kind::recovery_codes_made, who);
  return make_recovery_codes(tx, who.subject);
}

result<new_api_key, problem> credential_desk::make_key(transaction& tx, const request& r,
                                                       const api_keys& keys,
                                                       const credential_owner& who,
                                                       const wanted_key& what) const {
  for (const auto& scope : what.scopes) {
    if (std::find(who.scopes.begin(), who.scopes.end(), scope) == who.scopes.end()) {
      return problem{422, "there is no such scope to give", "unknown_scope"};
    }
  }
  auto made = keys.make(tx, {.subject = who.subject,
                             .name = what.name,
                             .scopes = what.scopes,
                             .lifetime = days(what.days)});
  tell(tx, r, credential_change_kind::api_key_made, who, made.id);
  return made;
}

std::optional<problem> credential_desk::revoke_key(transaction& tx, const request& r,
                                                   const credential_owner& who,
                                                   std::int64_t id) const {
  if (!api_keys::revoke(tx, who.subject, id)) return not_found("there is no such key");
  tell(tx, r, credential_change_kind::api_key_revoked, who, id);
  return {};
}

}  // namespace aft::auth

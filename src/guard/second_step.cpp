#include "second_step.hpp"

#include <algorithm>

#include <fmt/format.h>

#include <aft/auth/recovery_codes.hpp>

#include "../auth/credential_desk.hpp"
#include "account_id.hpp"
#include "account_problems.hpp"

namespace aft::guarding {
namespace {

// Six digits, perhaps in two groups; recovery codes are longer and have letters.
std::string as_one_time_code(std::string_view typed) {
  std::string digits;
  for (const char c : typed.substr(0, 16)) {
    if (c != ' ' && c != '-') digits += c;
  }
  return digits;
}
bool is_one_time_code(std::string_view text) {
  return text.size() <= 8 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

bool second_step::is_due(reader& db, std::int64_t account) const {
  return guard_.second_factor() && totp::is_on(db, subject_of(account));
}

std::optional<problem> second_step::take(const request& r, const auth::account& who,
                                         std::string_view code, transaction& tx) const {
  const auto subject = subject_of(who.id);
  const auto digits = as_one_time_code(code);
  if (is_one_time_code(digits)) {
    const auto verdict = guard_.second_factor()->check(tx, subject, digits);
    if (verdict == totp_verdict::accepted) return {};
    return auth::refusal_of_code(verdict);
  }
  if (!use_recovery_code(tx, subject, code)) return auth::refusal_of_code(totp_verdict::wrong);
  news_.note(tx, audit_event::token_delete, who.id, r, "recovery code");
  news_.send(tx, account_message_kind::recovery_code_used, who.email, who.id);
  return {};
}

result<signed_in, problem> second_step::enter(const request& r, std::string_view code,
                                              transaction& tx) const {
  const auto v = guard_.visitor_of(r, tx);
  const auto who = v->awaits_second ? auth::find_account(tx, v->account) : std::nullopt;
  if (!who || who->disabled) {
    return problem{401, "this begins with the password", "not_signed_in"};
  }
  // As with the password, nobody can make the owner wait at a device that is known.
  const auto device = auth::find_device(tx, r.cookie(guard_.device_cookie()).value_or(""), who->id);
  const auto key =
      device ? fmt::format("second-device/{}", *device) : fmt::format("second/{}", who->id);
  const std::vector<auth::throttle_key> keys{{key, guard_.options().account_attempts}};
  if (const auto wait = auth::begin_attempt(tx, keys)) {
    news_.note(tx, audit_event::login_lock, who->id, r);
    return too_many(*wait);
  }
  if (auto wrong = take(r, *who, code, tx)) {
    news_.note(tx, audit_event::login_fail, who->id, r, "second factor");
    return *std::move(wrong);
  }
  auth::end_attempt(tx, keys, {key});
  auth::end_session(tx, who->id, v->session);
  signed_in in{*who, auth::begin_session(tx, who->id, visit_of(r), guard_.options().sessions)};
  if (!device) in.device = auth::know_device(tx, who->id);
  news_.note(tx, audit_event::login_success, who->id, r);
  return in;
}

}  // namespace aft::guarding

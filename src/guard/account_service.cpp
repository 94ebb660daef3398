#include "account_service.hpp"

#include <fmt/format.h>

#include "account_problems.hpp"

namespace aft::guarding {

// Everything that a login needs to know, whether there is such an account or not.
struct account_service::login_try {
  std::optional<auth::account> who;
  std::string stored;
  std::optional<std::int64_t> device;
  std::vector<auth::throttle_key> keys;

  login_try(const accounts& options, const guard& g, const request& r, std::string_view email) {
    g.db().read([&](reader& db) {
      who = auth::find_account(db, email);
      stored = auth::password_of(db, email);
      device = auth::find_device(db, r.cookie(g.device_cookie()).value_or(""), who ? who->id : 0);
    });
    if (device) {  // nobody else can make its owner wait
      keys = {{fmt::format("device/{}", *device), options.account_attempts}};
    } else {
      keys = for_address(r, "login", options.address_attempts);
      keys.push_back({"account/" + auth::email_key(email), options.account_attempts});
    }
  }
};

std::optional<problem> account_service::weak(std::string_view password, std::string_view email,
                                             std::string_view pointer) const {
  const auto why = auth::judge_password(password, options_.passwords, email);
  if (!why) return {};
  field_error wrong;
  wrong.in = "body";
  wrong.pointer = pointer;
  wrong.code = auth::to_string(*why);
  wrong.detail = auth::explain(*why, options_.passwords);
  problem p{422, "the password " + wrong.detail};
  p.code = "weak_password";
  p.errors.push_back(std::move(wrong));
  return p;
}

result<signed_in, problem> account_service::log_in(const request& r, std::string_view email,
                                                   std::string_view password) const {
  const login_try attempt(options_, guard_, r, email);
  auto& db = guard_.db();
  const auto wait =
      db.write([&](transaction& tx) { return auth::begin_attempt(tx, attempt.keys); });
  const auto id = attempt.who ? attempt.who->id : 0;
  if (wait) {
    news_.note_alone("authn_login_lock", id, r);
    return too_many(*wait);
  }
  const bool right = passwords_.check(attempt.stored, password);
  if (!right || !attempt.who || attempt.who->disabled) {
    news_.note_alone("authn_login_fail", id, r);
    return wrong_credentials();
  }
  std::string anew;
  if (passwords_.needs_storing_anew(attempt.stored)) {
    anew = passwords_.store(password);
  }
  std::optional<signed_in> in;
  db.write([&](transaction& tx) {
    in.reset();
    const auto now = auth::find_account(tx, id);
    // Not if it was changed while the password was hashed.
    if (!now || now->disabled || auth::password_of(tx, id) != attempt.stored) return;
    auth::end_attempt(tx, attempt.keys, {"account/" + auth::email_key(email)});
    if (!anew.empty()) auth::set_password(tx, id, anew);
    // The cookie that came with it is never taken over (session fixation), but ended.
    if (const auto old = r.cookie(guard_.session_cookie())) auth::end_session(tx, *old);
    const bool is_half = second_.is_due(tx, id);
    in = signed_in{
        *now, auth::begin_session(tx, id, visit_of(r), options_.sessions, is_half), {}, is_half};
    if (is_half) return;
    if (!attempt.device) in->device = auth::know_device(tx, id);
    news_.note(tx, "authn_login_success", id, r);
  });
  if (!in) return wrong_credentials();
  return *std::move(in);
}

void account_service::log_out(const request& r, transaction& tx) const {
  if (const auto token = r.cookie(guard_.session_cookie())) auth::end_session(tx, *token);
}

void account_service::add_new(transaction& tx, std::string_view email, const std::string& hash,
                              const request& r) const {
  const auto made = auth::add_account(tx, {std::string(email), hash, !makes_accounts_at_once()});
  if (made) news_.note(tx, "user_created", made->id, r);
}

std::optional<problem> account_service::register_account(const request& r, std::string_view email,
                                                         std::string_view password) const {
  if (auto p = weak(password, email, "/password")) return p;
  auto& db = guard_.db();
  const auto keys = for_address(r, "register", options_.address_attempts);
  if (const auto wait = db.write([&](transaction& tx) { return auth::begin_attempt(tx, keys); })) {
    return too_many(*wait);
  }
  const auto hash = passwords_.store(password);
  db.write([&](transaction& tx) {
    const auto there = auth::find_account(tx, email);
    if (makes_accounts_at_once()) {
      if (!there) add_new(tx, email, hash, r);
      return;
    }
    const auto key = "message/" + auth::email_key(email);
    if (auth::begin_attempt(tx, {{key, options_.message_attempts}})) return;
    if (there) {
      news_.send(tx, account_message_kind::already_registered, there->email, there->id);
      return;
    }
    auto token = auth::make_mailed_token(
        tx, {auth::token_purpose::register_account, {}, std::string(email), hash},
        options_.confirm_within);
    news_.send(tx, account_message_kind::confirm_registration, std::string(email), 0, "confirm",
               std::move(token), options_.confirm_within);
  });
  return {};
}

std::optional<problem> account_service::confirm(const request& r, std::string_view token,
                                                transaction& tx) const {
  const auto found = auth::find_mailed_token(tx, token);
  if (!found || found->purpose == auth::token_purpose::reset_password) return useless_token();
  auth::use_mailed_token(tx, token);
  switch (found->purpose) {
    case auth::token_purpose::register_account:
      add_new(tx, found->email, found->password_hash, r);
      return {};
    case auth::token_purpose::verify_email:
    case auth::token_purpose::change_email: break;
    case auth::token_purpose::reset_password: return useless_token();
  }
  const auto who = auth::find_account(tx, found->account.value_or(0));
  if (!who) return useless_token();
  if (!auth::set_email(tx, who->id, found->email)) return useless_token();
  if (found->purpose == auth::token_purpose::change_email) {
    // What was mailed to the old address opens nothing any more.
    auth::void_mailed_tokens(tx, who->id);
    news_.send(tx, account_message_kind::email_changed, who->email, who->id);
  }
  news_.note(tx, "user_updated", who->id, r);
  return {};
}

std::optional<problem> account_service::forgot_password(const request& r, std::string_view email,
                                                        transaction& tx) const {
  if (const auto wait =
          auth::begin_attempt(tx, for_address(r, "forgot", options_.address_attempts))) {
    return too_many(*wait);
  }
  const auto key = "message/" + auth::email_key(email);
  const bool again = auth::begin_attempt(tx, {{key, options_.message_attempts}}).has_value();
  const auto who = auth::find_account(tx, email);
  if (again || !who || who->disabled) return {};
  auto token = auth::make_mailed_token(
      tx, {auth::token_purpose::reset_password, who->id, who->email, {}}, options_.reset_within);
  news_.send(tx, account_message_kind::reset_password, who->email, who->id, "reset",
             std::move(token), options_.reset_within);
  return {};
}

std::optional<problem> account_service::reset_password(const request& r, std::string_view token,
                                                       std::string_view password) const {
  auto& db = guard_.db();
  const auto keys = for_address(r, "reset", options_.address_attempts);
  if (const auto wait = db.write([&](transaction& tx) { return auth::begin_attempt(tx, keys); })) {
    return too_many(*wait);
  }
  const auto is_good = [](const std::optional<auth::mailed_token>& t) {
    return t && t->purpose == auth::token_purpose::reset_password;
  };
  const auto found = db.read([&](reader& in) { return auth::find_mailed_token(in, token); });
  if (!is_good(found)) return useless_token();
  if (auto p = weak(password, found->email, "/password")) return p;
  const auto hash = passwords_.store(password);
  return db.write([&](transaction& tx) -> std::optional<problem> {
    const auto used = auth::use_mailed_token(tx, token);
    if (!is_good(used) || !used->account) return useless_token();
    const auto who = auth::find_account(tx, *used->account);
    // Bound to the address it was sent to.
    if (!who || who->disabled || who->email != used->email) return useless_token();
    auth::set_password(tx, who->id, hash);
    auth::set_verified(tx, who->id);
    auth::end_sessions(tx, who->id);
    auth::forget_devices(tx, who->id);
    auth::void_mailed_tokens(tx, who->id);
    auth::end_attempt(tx, {{"account/" + auth::email_key(who->email), options_.account_attempts}},
                      {"account/" + auth::email_key(who->email)});
    news_.send(tx, account_message_kind::password_changed, who->email, who->id);
    news_.note(tx, "authn_password_change", who->id, r);
    return {};
  });
}

// That it is still the owner who sits there.
std::optional<problem> account_service::prove(const request& r, const user& me,
                                              std::string_view password) const {
  auto& db = guard_.db();
  const std::vector<auth::throttle_key> keys{
      {fmt::format("prove/{}", me.id), options_.account_attempts}};
  if (const auto wait = db.write([&](transaction& tx) { return auth::begin_attempt(tx, keys); })) {
    return too_many(*wait);
  }
  const auto stored = db.read([&](reader& in) { return auth::password_of(in, me.id); });
  if (!passwords_.check(stored, password)) {
    news_.note_alone("authn_login_fail", me.id, r);
    problem p{403, "the password is wrong"};
    p.code = "wrong_credentials";
    return p;
  }
  db.write([&](transaction& tx) { auth::end_attempt(tx, keys, {keys[0].text}); });
  return {};
}

result<signed_in, problem> account_service::change_password(const request& r, const user& me,
                                                            std::string_view current,
                                                            std::string_view wanted) const {
  if (auto p = prove(r, me, current)) return *std::move(p);
  if (auto p = weak(wanted, me.email, "/password")) return *std::move(p);
  const auto hash = passwords_.store(wanted);
  return guard_.db().write([&](transaction& tx) -> result<signed_in, problem> {
    auth::set_password(tx, me.id, hash);
    auth::end_sessions(tx, me.id, me.session);
    auth::forget_devices(tx, me.id);
    auth::void_mailed_tokens(tx, me.id);
    auto token = auth::renew_session(tx, me.session, true);
    if (token.empty()) return wrong_credentials();
    news_.send(tx, account_message_kind::password_changed, me.email, me.id);
    news_.note(tx, "authn_password_change", me.id, r);
    return signed_in{auth::find_account(tx, me.id).value(), std::move(token),
                     auth::know_device(tx, me.id)};
  });
}

result<signed_in, problem> account_service::reauthenticate(const request& r, const user& me,
                                                           std::string_view password) const {
  if (auto p = prove(r, me, password)) return *std::move(p);
  return guard_.db().write([&](transaction& tx) -> result<signed_in, problem> {
    auto token = auth::renew_session(tx, me.session, true);
    if (token.empty()) return wrong_credentials();
    news_.note(tx, "session_renewed", me.id, r);
    return signed_in{auth::find_account(tx, me.id).value(), std::move(token), {}};
  });
}

std::optional<problem> account_service::change_email(const request& r, const user& me,
                                                     std::string_view email,
                                                     transaction& tx) const {
  const std::vector<auth::throttle_key> keys{
      {fmt::format("change_email/{}", me.id), options_.account_attempts}};
  if (const auto wait = auth::begin_attempt(tx, keys)) return too_many(*wait);
  const auto there = auth::find_account(tx, email);
  if (there && there->id != me.id) {
    news_.send(tx, account_message_kind::already_registered, there->email, there->id);
    return {};
  }
  auto token = auth::make_mailed_token(
      tx, {auth::token_purpose::change_email, me.id, std::string(email), {}},
      options_.confirm_within);
  news_.send(tx, account_message_kind::confirm_new_email, std::string(email), me.id, "confirm",
             std::move(token), options_.confirm_within);
  news_.note(tx, "user_updated", me.id, r);
  return {};
}

}  // namespace aft::guarding

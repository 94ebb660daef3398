#pragma once
// Accounts for an app: app.use(aft::accounts{...}) mounts the routes to register, log in and so on,
// and teaches handlers who asks, see aft/guard/user.hpp.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <aft/auth/audit.hpp>
#include <aft/auth/oidc.hpp>
#include <aft/auth/password_rules.hpp>
#include <aft/auth/sessions.hpp>
#include <aft/auth/throttle.hpp>
#include <aft/auth/totp.hpp>
#include <aft/ground/function.hpp>
#include <aft/guard/user.hpp>
#include <aft/storage/sealed.hpp>

namespace aft {

enum class account_message_kind : std::uint8_t {
  confirm_registration,  // the link makes the account
  verify_email,          // the link proves the address
  already_registered,    // somebody tried to register with the address of an account
  reset_password,        // the link leads to a new password
  confirm_new_email,     // to the new address; the link changes it
  email_changed,         // to the old address
  password_changed,
  second_factor_on,  // this and those below tell of changes to what lets the owner in
  second_factor_off,
  recovery_codes_made,
  recovery_code_used,
  api_key_made,
  api_key_revoked,
};

// What is to be sent to the owner of an address.
struct account_message {
  account_message_kind kind;
  std::string to;
  std::int64_t account = 0;  // 0: there is none yet
  std::string token{};       // secret, good once
  std::string link{};        // accounts::site with the page and the token
  duration valid_for{};      // of the link
};

// What happened, for an audit log; named as OWASP's logging vocabulary does.
struct account_event {
  std::string_view name;     // "authn_login_success"
  std::int64_t account = 0;  // 0: nobody known
  std::string address{}, device{};
  std::string target{};  // what it was done to, where that is not the account: "API key 5"
};

// An account elsewhere that users may log in with: {api}/oidc/{name}/login leads there, and
// oidc_options::redirect_url is {site}{api}/oidc/{name}/callback. Who comes back has the account
// that is linked, or the one with the same address where both sides have proven it, or else, where
// anybody may register, a new one.
struct login_provider {
  std::string name;                     // lower-case letters, digits and hyphens: "example-id"
  std::string label{};                  // on the page to log in: "Example ID"; empty: the name
  const oidc_client* client = nullptr;  // must outlive the app
};

struct accounts {
  // Where the pages are seen from outside, "https://notes.example.org"; for links in messages.
  // Never taken from a request.
  std::string site{};
  std::string site_name{};  // on the pages; no password may be made of it

  // Called in the transaction that wants the message sent, so that enqueueing a job or an e-mail
  // commits with it. On the writer, on PostgreSQL on several at once; must not block. Without one
  // nobody can confirm an address, so that accounts are good at once, and there is no password
  // reset and no change of address.
  function<void(transaction&, const account_message&)> on_message{};
  // Called in the transaction that it is about, likewise; for a refusal in one of its own.
  function<void(transaction&, const account_event&)> on_event{};
  const audit_log* audit = nullptr;  // notes the same events; must outlive the app

  std::string api = "/api/account";  // JSON routes are below it
  std::string pages = "/account";    // pages are below it; empty: none
  std::string after_login = "/";     // where the pages lead then
  std::string style{};               // CSS after that of the pages, to give them other colours
  bool registration = true;          // anybody may; else accounts are made by auth::add_account

  auth::session_limits sessions{};
  // Event streams and WebSockets end with the session, or the token of it, that they began under:
  // at once where a node of PostgreSQL or this process ends it, else at the next look, so often.
  duration stream_check = seconds(5);
  auth::password_rules passwords{};
  auth::pepper pepper{};
  password_cost cost{};
  // Passwords that are hashed at the same time, each with the memory of its cost; other log-ins
  // wait. 0: as many as half of the processors.
  unsigned hash_threads = 0;
  // For so long, as lane_options::max_wait says; then 503 with Retry-After. 0: any time will do.
  duration hash_wait = seconds(5);
  std::map<std::string, std::vector<std::string>> permissions{};  // of roles

  // With a ring, which must outlive the app, users may have a second factor: one-time passwords of
  // an app, which shows site_name, and recovery codes. It seals their secrets.
  const key_ring* second_factor_keys = nullptr;
  totp_options second_factor{};  // without an issuer: site_name

  // Accounts elsewhere that users may log in with.
  std::vector<login_provider> providers{};

  // With a prefix ("notes") users may make API keys, see aft/auth/api_key.hpp. Who comes with
  // "Authorization: Bearer notes_..." is the key's owner, without roles, and with those of the
  // owner's permissions that are the key's scopes. What is below `api` is closed to keys, but
  // for {api}/me.
  std::string api_keys{};

  auth::throttle_rule account_attempts{};                     // to log in, from unknown devices
  auth::throttle_rule address_attempts{.free_attempts = 20};  // of one address, to all accounts
  auth::throttle_rule message_attempts{.free_attempts = 1, .first_wait = minutes(2)};  // to one

  duration confirm_within = hours(24);  // of registration and new addresses
  duration reset_within = minutes(30);

  // Cookies are "__Host-session" and "__Host-device" for HTTPS and localhost alone. False, where
  // there is no HTTPS: "session" and "device", which a man in the middle can read and set.
  bool secure_cookies = true;

  // Unsafe requests by cookie must come from pages of this server or of access_options::origins
  // with credentials, by Sec-Fetch-Site or else Origin. True: they also carry a signed token, in
  // X-CSRF-Token or the form field csrf_token; GET {api}/csrf gives one.
  bool csrf_tokens = false;

  // Who bears "Authorization: Bearer ...", where that is not a session. Any thread.
  function<std::optional<user>(reader&, std::string_view token)> bearer{};
};

}  // namespace aft

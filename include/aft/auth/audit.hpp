#pragma once
// Who did what, when and from where, in the transaction that did it, so that neither is without the
// other. Each row holds a hash over itself and the row before: what is changed, removed or put in
// between afterwards is found.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <aft/ground/json.hpp>
#include <aft/ground/time.hpp>
#include <aft/http/message.hpp>
#include <aft/storage/sealed.hpp>
#include <aft/storage/transaction.hpp>

namespace aft {

// Names of OWASP's logging vocabulary. A host adds its own in the same form: "invoice_approved".
namespace audit_event {
inline constexpr std::string_view login_success = "authn_login_success";
inline constexpr std::string_view login_success_after_fail = "authn_login_successafterfail";
inline constexpr std::string_view login_fail = "authn_login_fail";
inline constexpr std::string_view login_lock = "authn_login_lock";
inline constexpr std::string_view password_change = "authn_password_change";
inline constexpr std::string_view password_change_fail = "authn_password_change_fail";
inline constexpr std::string_view impossible_travel = "authn_impossible_travel";
inline constexpr std::string_view token_created = "authn_token_created";
inline constexpr std::string_view token_revoked = "authn_token_revoked";
inline constexpr std::string_view token_reuse = "authn_token_reuse";
inline constexpr std::string_view token_delete = "authn_token_delete";
inline constexpr std::string_view access_denied = "authz_fail";
inline constexpr std::string_view access_change = "authz_change";
inline constexpr std::string_view admin_action = "authz_admin";
inline constexpr std::string_view rate_limit_exceeded = "excess_rate_limit_exceeded";
inline constexpr std::string_view input_validation_fail = "input_validation_fail";
inline constexpr std::string_view sensitive_create = "sensitive_create";
inline constexpr std::string_view sensitive_read = "sensitive_read";
inline constexpr std::string_view sensitive_update = "sensitive_update";
inline constexpr std::string_view sensitive_delete = "sensitive_delete";
inline constexpr std::string_view session_created = "session_created";
inline constexpr std::string_view session_renewed = "session_renewed";
inline constexpr std::string_view session_expired = "session_expired";
inline constexpr std::string_view session_use_after_expire = "session_use_after_expire";
inline constexpr std::string_view user_created = "user_created";
inline constexpr std::string_view user_updated = "user_updated";
inline constexpr std::string_view user_archived = "user_archived";
inline constexpr std::string_view user_deleted = "user_deleted";
inline constexpr std::string_view system_startup = "sys_startup";
inline constexpr std::string_view system_shutdown = "sys_shutdown";
inline constexpr std::string_view system_restart = "sys_restart";
inline constexpr std::string_view system_crash = "sys_crash";
}  // namespace audit_event

enum class audit_level : std::uint8_t { info, warning, critical };

// What is to be noted. Texts may come from strangers: control characters are kept as "\u000a", so
// that no line of an export is anybody's but ours, and what is longer than 256 bytes is cut.
struct audit_entry {
  std::string event;     // lower-case letters, digits and "_"; throws aft::error otherwise
  std::string actor{};   // an account's id; empty: nobody known
  std::string target{};  // what it was done to: "note 12"
  audit_level level = audit_level::info;
  std::string address{}, agent{};  // from where; see from()
  std::string request_id{};
  raw_json details{"{}"};  // made by audit_details(); at most 4,096 bytes

  // Takes address and agent from a request.
  audit_entry&& from(const request& r) &&;
};

// Further facts, as JSON of any mapped type. A secret_text does not compile here.
template <class T>
raw_json audit_details(const T& facts) {
  return {json::write(facts)};
}

struct audit_row {
  std::int64_t id;
  time_point at;
  std::string event, level, actor, target, address, agent, request, details, hash;
};

// The end of the log at some moment. Kept where the database's administrator cannot write, it shows
// that a log was not made anew as a whole.
struct audit_head {
  std::int64_t last = 0;
  std::string hash{};
};

struct audit_verdict {
  bool is_sound = true;
  std::int64_t rows = 0;   // that were looked at
  std::int64_t where = 0;  // the first row that is wrong
  std::string why{};       // in one sentence
};

// Const from any thread. With a key ring, which must outlive it, each hash is sealed with a key
// that is not in the database: who can write the database cannot make the chain anew either.
//
// On PostgreSQL transactions that append conflict with one another, and are run again; so note what
// matters, not every request.
class audit_log {
 public:
  explicit audit_log(const key_ring* keys = nullptr) : keys_(keys) {}

  // The number of the row: 1, 2, 3 ...
  std::int64_t append(transaction& tx, const audit_entry& what) const;

  // Reads all rows. `known`: a head that was kept elsewhere.
  audit_verdict verify(reader& db, const std::optional<audit_head>& known = {}) const;

  static audit_head head(reader& db);
  // The newest first; those before a number, if it is not 0.
  static std::vector<audit_row> list(reader& db, std::int64_t before = 0, std::int64_t limit = 100);

  // Drops rows that are older, at most 10,000 at once, in due form: the rest stays sound. How many.
  std::int64_t drop_before(transaction& tx, time_point moment) const;

 private:
  std::string seal(std::string_view hash) const;
  bool is_sealed(std::string_view hash, std::string_view seal) const;
  const key_ring* keys_;
};

}  // namespace aft

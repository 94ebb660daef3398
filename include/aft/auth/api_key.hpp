#pragma once
// Keys by which programs come in. "notes_4fQ...": a prefix that secret scanners find, 256 bits, and
// a checksum, so that a typing error is told without a look into the database. A key is shown once;
// stored is its SHA-256.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <aft/ground/result.hpp>
#include <aft/ground/time.hpp>
#include <aft/storage/transaction.hpp>

namespace aft {

enum class api_key_refusal : std::uint8_t {
  malformed,  // not of our prefix, or its checksum is wrong
  unknown,
  expired,
  revoked,
};

// What is known of a key; never the key itself.
struct api_key {
  std::int64_t id;
  std::string subject;  // whose it is
  std::string name;
  std::string hint;  // "notes_4fQzK1", to know it again by
  std::vector<std::string> scopes;
  time_point created_at;
  std::optional<time_point> expires_at, last_used_at, revoked_at;

  bool allows(std::string_view scope) const;
};

struct new_api_key {
  std::int64_t id;
  std::string key;  // to be shown now, and never again
};

struct api_key_request {
  std::string subject;
  std::string name;  // 1 to 100 characters, for people
  std::vector<std::string> scopes{};
  std::optional<duration> lifetime = days(90);  // nothing: for ever
};

// The keys with one prefix: 1 to 20 lower-case letters and digits. Const from any thread.
class api_keys {
 public:
  explicit api_keys(std::string prefix);  // throws configuration_error

  // Throws a problem, 422, for a name that is empty or too long, or a lifetime that is over.
  new_api_key make(transaction& tx, const api_key_request& what) const;

  result<api_key, api_key_refusal> find(reader& db, std::string_view key) const;

  // For what lasts longer than a request: nothing where it is revoked or over.
  static std::optional<api_key> find_live(reader& db, std::int64_t id);

  // Notes that the key was used, at most once a minute; false where it was noted already. `find`
  // does not write, so call this where there is a transaction.
  static bool note_use(transaction& tx, const api_key& key);

  // Of one subject, the newest first, with those that are over.
  static std::vector<api_key> list(reader& db, std::string_view subject);
  // From the next request on, and what is open hears of it (auth::sessions_topic). False where it
  // is not that subject's, or revoked already.
  static bool revoke(transaction& tx, std::string_view subject, std::int64_t id);

 private:
  std::string prefix_;  // with its "_"
};

}  // namespace aft

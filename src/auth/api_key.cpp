#include <aft/auth/api_key.hpp>

#include <algorithm>

#include <aft/auth/sessions.hpp>
#include <aft/ground/digest.hpp>
#include <aft/ground/encoding.hpp>
#include <aft/ground/error.hpp>
#include <aft/ground/problem.hpp>
#include <aft/ground/random.hpp>

namespace aft {
namespace {

constexpr std::string_view key_letters =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
constexpr std::size_t random_letters = 43;  // 256 bits
constexpr std::size_t checksum_letters = 6;
constexpr std::size_t hint_letters = 6;
constexpr std::size_t max_name = 100;

std::string checksum_of(std::string_view key) {
  const auto hash = sha256(key);
  std::string letters;
  for (std::size_t i = 0; i < checksum_letters; ++i) {
    letters += key_letters[static_cast<unsigned char>(hash[i]) % key_letters.size()];
  }
  return letters;
}

std::string api_key_hash(std::string_view key) { return to_base64url(sha256(key)); }

bool is_prefix(std::string_view text) {
  return !text.empty() && text.size() <= 20 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
  });
}

}  // namespace

bool api_key::allows(std::string_view scope) const {
  return std::find(scopes.begin(), scopes.end(), scope) != scopes.end();
}

api_keys::api_keys(std::string prefix) : prefix_(std::move(prefix)) {
  if (!is_prefix(prefix_)) {
    throw configuration_error("the prefix of API keys has 1 to 20 lower-case letters and digits");
  }
  prefix_ += '_';
}

new_api_key api_keys::make(transaction& tx, const api_key_request& what) const {
  if (what.name.empty() || what.name.size() > max_name) {
    throw problem{422, "the name of a key has 1 to 100 characters", "name"};
  }
  if (what.lifetime && *what.lifetime <= duration()) {
    throw problem{422, "a key that is over before it is made", "lifetime"};
  }
  auto key = prefix_;
  for (std::size_t i = 0; i < random_letters; ++i) {
    key += key_letters[random_number(key_letters.size())];
  }
  key += checksum_of(key);
  std::optional<time_point> until;
  if (what.lifetime) until = tx.now() + *what.lifetime;
  const auto id = tx.one<std::int64_t>(
      "insert into aft_api_key (subject, name, hint, key_hash, scopes, created_at, expires_at) "
      "values ($1, $2, $3, $4, $5, $6, $7) returning id",
      what.subject, what.name, key.substr(0, prefix_.size() + hint_letters), api_key_hash(key),
      what.scopes, tx.now(), until);
  return {id, std::move(key)};
}

result<api_key, api_key_refusal> api_keys::find(reader& db, std::string_view key) const {
  if (key.size() != prefix_.size() + random_letters + checksum_letters ||
      !key.starts_with(prefix_) ||
      checksum_of(key.substr(0, key.size() - checksum_letters)) !=
          key.substr(key.size() - checksum_letters)) {
    return api_key_refusal::malformed;
  }
  auto found = db.find<api_key>("select * from aft_api_key where key_hash = $1", api_key_hash(key));
  if (!found) return api_key_refusal::unknown;
  if (found->revoked_at) return api_key_refusal::revoked;
  if (found->expires_at && *found->expires_at <= db.now()) return api_key_refusal::expired;
  return *std::move(found);
}

std::optional<api_key> api_keys::find_live(reader& db, std::int64_t id) {
  return db.find<api_key>(
      "select * from aft_api_key where id = $1 and revoked_at is null and "
      "(expires_at is null or expires_at > $2)",
      id, db.now());
}

bool api_keys::note_use(transaction& tx, const api_key& key) {
  return tx.execute(
             "update aft_api_key set last_used_at = $1 where id = $2 and "
             "(last_used_at is null or last_used_at <= $3)",
             tx.now(), key.id, tx.now() - minutes(1)) > 0;
}

std::vector<api_key> api_keys::list(reader& db, std::string_view subject) {
  return db.all<api_key>("select * from aft_api_key where subject = $1 order by id desc", subject);
}

bool api_keys::revoke(transaction& tx, std::string_view subject, std::int64_t id) {
  tx.notify(auth::sessions_topic);
  return tx.execute(
             "update aft_api_key set revoked_at = $1 where id = $2 and subject = $3 and "
             "revoked_at is null",
             tx.now(), id, subject) > 0;
}

}  // namespace aft

#include <aft/auth/refresh_token.hpp>

#include <algorithm>

#include <aft/ground/digest.hpp>
#include <aft/ground/encoding.hpp>
#include <aft/ground/random.hpp>

namespace aft {
namespace {

struct stored_refresh {
  std::int64_t id;
  std::string family, subject;
  time_point expires_at, family_until;
  std::optional<time_point> used_at, ended_at;
};

std::string refresh_hash(std::string_view token) { return to_base64url(sha256(token)); }

std::optional<stored_refresh> find_refresh(reader& db, std::string_view token) {
  return db.find<stored_refresh>("select * from aft_refresh_token where token_hash = $1",
                                 refresh_hash(token));
}

std::string store_refresh(transaction& tx, const std::string& family, std::string_view subject,
                          time_point family_until, const refresh_options& options) {
  auto token = random_token();
  const auto now = tx.now();
  tx.execute(
      "insert into aft_refresh_token (family, subject, token_hash, created_at, expires_at, "
      "family_until) values ($1, $2, $3, $4, $5, $6)",
      family, subject, refresh_hash(token), now, std::min(now + options.lifetime, family_until),
      family_until);
  return token;
}

std::int64_t end_family(transaction& tx, const std::string& family) {
  return tx.execute(
      "update aft_refresh_token set ended_at = $1 where family = $2 and ended_at is null", tx.now(),
      family);
}

}  // namespace

std::string start_refresh(transaction& tx, std::string_view subject,
                          const refresh_options& options) {
  return store_refresh(tx, random_token(16), subject, tx.now() + options.family_lifetime, options);
}

result<refreshed, refresh_refusal> use_refresh(transaction& tx, std::string_view token,
                                               const refresh_options& options) {
  const auto found = find_refresh(tx, token);
  if (!found || found->ended_at) return refresh_refusal::unknown;
  const bool is_first =
      tx.execute("update aft_refresh_token set used_at = $1 where id = $2 and used_at is null",
                 tx.now(), found->id);
  if (!is_first) {
    end_family(tx, found->family);
    return refresh_refusal::reused;
  }
  if (tx.now() >= found->expires_at) return refresh_refusal::expired;
  auto next = store_refresh(tx, found->family, found->subject, found->family_until, options);
  return refreshed{found->subject, found->family, std::move(next)};
}

bool end_refresh(transaction& tx, std::string_view token) {
  const auto found = find_refresh(tx, token);
  return found && end_family(tx, found->family) > 0;
}

std::int64_t end_refresh_of(transaction& tx, std::string_view subject) {
  const auto families = tx.all<std::string>(
      "select distinct family from aft_refresh_token where subject = $1 and ended_at is null",
      subject);
  for (const auto& family : families) end_family(tx, family);
  return std::int64_t(families.size());
}

std::int64_t drop_expired_refresh(transaction& tx) {
  return tx.execute("delete from aft_refresh_token where family_until <= $1", tx.now());
}

}  // namespace aft

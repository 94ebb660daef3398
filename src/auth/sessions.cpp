#include <aft/auth/sessions.hpp>

#include <algorithm>
#include <span>

#include <aft/ground/random.hpp>
#include <aft/storage/sql_text.hpp>

#include "token_hash.hpp"

namespace aft::auth {
namespace {

constexpr std::size_t longest_device = 200, longest_address = 45, longest_token = 128;
constexpr int most_devices = 20;
constexpr std::size_t most_awaiting = 10;  // a second factor, of one account

// Without a half of a character at its end, and without what could act on a terminal.
std::string shown(std::string_view text, std::size_t longest) {
  std::string kept;
  for (const char c : text.substr(0, longest)) {
    const auto byte = static_cast<unsigned char>(c);
    kept += byte < 0x20 || byte >= 0x7f ? '?' : c;
  }
  return kept;
}

struct joined {
  session of;
  account who;
};

}  // namespace

std::string begin_session(transaction& tx, std::int64_t account, const visit& from,
                          const session_limits& limits, bool awaits_second) {
  const auto now = tx.now();
  tx.execute("delete from aft_session where account = $1 and (created_at <= $2 or seen_at <= $3)",
             account, now - limits.absolute, now - limits.idle);
  // Who knows the password alone cannot push out those who have shown the second factor, too.
  const auto most =
      awaits_second ? most_awaiting : std::max<std::size_t>(limits.most_per_account, 1);
  const auto too_many = tx.execute(
      "delete from aft_session where account = $1 and awaits_second = $3 and id not in (select id "
      "from aft_session where account = $1 and awaits_second = $3 "
      "order by seen_at desc, id desc limit $2)",
      account, most - 1, awaits_second);
  if (too_many > 0) tx.notify(sessions_topic);
  auto token = random_token();
  tx.execute(
      "insert into aft_session (token_hash, account, created_at, seen_at, fresh_at, "
      "awaits_second, device, address) values ($1, $2, $3, $3, $3, $4, $5, $6)",
      token_hash(token), account, now, awaits_second, shown(from.device, longest_device),
      shown(from.address, longest_address));
  return token;
}

std::optional<found_session> find_session(reader& db, std::string_view token,
                                          const session_limits& limits) {
  if (token.empty() || token.size() > longest_token) return {};
  auto row = db.find<joined>(
      "select s.id as \"of.id\", s.account as \"of.account\", s.created_at as \"of.created_at\", "
      "s.seen_at as \"of.seen_at\", s.fresh_at as \"of.fresh_at\", "
      "s.awaits_second as \"of.awaits_second\", s.device as \"of.device\", "
      "s.address as \"of.address\", a.id as \"who.id\", a.email as \"who.email\", "
      "a.verified_at as \"who.verified_at\", a.roles as \"who.roles\", "
      "a.tenant as \"who.tenant\", a.disabled as \"who.disabled\", "
      "a.created_at as \"who.created_at\" "
      "from aft_session s join aft_account a on a.id = s.account where s.token_hash = $1",
      token_hash(token));
  if (!row || row->who.disabled) return {};
  const auto now = db.now();
  const auto& s = row->of;
  if (s.created_at + limits.absolute <= now || s.seen_at + limits.idle <= now) return {};
  if (s.awaits_second && s.created_at + limits.second_within <= now) return {};
  const bool fresh = !s.awaits_second && s.fresh_at + limits.fresh > now;
  return found_session{std::move(row->of), std::move(row->who), fresh};
}

void touch_session(transaction& tx, std::int64_t id, time_point seen_at) {
  tx.execute("update aft_session set seen_at = $2 where id = $1 and seen_at < $2", id, seen_at);
}

std::string renew_session(transaction& tx, std::int64_t id, bool fresh) {
  const auto now = tx.now();
  tx.notify(sessions_topic);
  auto token = random_token();
  const auto changed =
      fresh ? tx.execute(
                  "update aft_session set token_hash = $2, fresh_at = $3, seen_at = $3, "
                  "awaits_second = $4 where id = $1",
                  id, token_hash(token), now, false)
            : tx.execute("update aft_session set token_hash = $2 where id = $1", id,
                         token_hash(token));
  return changed ? token : "";
}

std::vector<session> list_sessions(reader& db, std::int64_t account, const session_limits& limits) {
  const auto now = db.now();
  return db.all<session>(
      "select * from aft_session where account = $1 and created_at > $2 and seen_at > $3 "
      "and not awaits_second "
      "order by seen_at desc, id desc",
      account, now - limits.absolute, now - limits.idle);
}

bool end_session(transaction& tx, std::int64_t account, std::int64_t id) {
  tx.notify(sessions_topic);
  return tx.execute("delete from aft_session where account = $1 and id = $2", account, id) == 1;
}
bool end_session(transaction& tx, std::string_view token) {
  tx.notify(sessions_topic);
  return tx.execute("delete from aft_session where token_hash = $1", token_hash(token)) == 1;
}
std::int64_t end_sessions(transaction& tx, std::int64_t account, std::int64_t but) {
  tx.notify(sessions_topic);
  return tx.execute("delete from aft_session where account = $1 and id <> $2", account, but);
}

std::string session_key(std::string_view token) { return token_hash(token); }

namespace {

// Few sizes, so that there are few statements: what is left of one is filled up.
constexpr std::size_t sizes_of_parts[] = {1, 8, 64};

void drop_live(reader& db, std::span<const std::string> keys, const session_limits& limits,
               std::vector<std::string>& ended) {
  const auto now = db.now();
  sql_text q(
      "select s.token_hash from aft_session s join aft_account a on a.id = s.account where "
      "not a.disabled and not s.awaits_second and s.created_at > $1 and s.seen_at > $2 and "
      "s.token_hash in (",
      now - limits.absolute, now - limits.idle);
  const auto room = *std::find_if(std::begin(sizes_of_parts), std::end(sizes_of_parts),
                                  [&](std::size_t size) { return size >= keys.size(); });
  q.add("$1", keys.front());
  for (std::size_t i = 1; i < room; ++i) q.add(", $1", keys[std::min(i, keys.size() - 1)]);
  q.add(")");
  for (const auto& live : db.all<std::string>(q)) std::erase(ended, live);
}

}  // namespace

std::vector<std::string> ended_sessions(reader& db, const std::vector<std::string>& keys,
                                        const session_limits& limits) {
  std::vector<std::string> ended;
  const std::size_t most = std::end(sizes_of_parts)[-1];
  for (std::size_t at = 0; at < keys.size(); at += most) {
    const auto part = std::span(keys).subspan(at, std::min(most, keys.size() - at));
    std::vector<std::string> of_part(part.begin(), part.end());
    drop_live(db, part, limits, of_part);
    ended.insert(ended.end(), of_part.begin(), of_part.end());
  }
  return ended;
}

std::string know_device(transaction& tx, std::int64_t account) {
  tx.execute(
      "delete from aft_device where account = $1 and id not in (select id from aft_device "
      "where account = $1 order by id desc limit $2)",
      account, most_devices - 1);
  auto token = random_token();
  tx.execute("insert into aft_device (token_hash, account, created_at) values ($1, $2, $3)",
             token_hash(token), account, tx.now());
  return token;
}

std::optional<std::int64_t> find_device(reader& db, std::string_view token, std::int64_t account) {
  return db.find<std::int64_t>("select id from aft_device where token_hash = $1 and account = $2",
                               token_hash(token.substr(0, longest_token)), account);
}

std::int64_t forget_devices(transaction& tx, std::int64_t account) {
  return tx.execute("delete from aft_device where account = $1", account);
}

}  // namespace aft::auth

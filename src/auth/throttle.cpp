#include <aft/auth/throttle.hpp>

#include <algorithm>

#include "token_hash.hpp"

namespace aft::auth {
namespace {

struct throttle_row {
  std::int64_t attempts = 0;
  time_point opens_at{}, forget_at{};
};

duration wait_after(std::int64_t attempts, const throttle_rule& rule) {
  const auto over = attempts - rule.free_attempts;
  if (over < 0) return {};
  auto wait = rule.first_wait;
  for (std::int64_t i = 0; i < over && wait < rule.longest_wait; ++i) wait = wait * 2;
  return std::min(wait, rule.longest_wait);
}

// Groups of an IPv6 address that it begins with, as numbers.
std::string first_half(std::string_view address) {
  std::vector<std::string> before, after;
  bool gap = false;
  std::size_t at = 0;
  while (at <= address.size()) {
    const auto end = std::min(address.find(':', at), address.size());
    const auto group = address.substr(at, end - at);
    if (group.empty() && at > 0 && end < address.size()) gap = true;
    else if (!group.empty()) (gap ? after : before).emplace_back(group);
    if (address.substr(at).starts_with("::")) gap = true;
    at = end + 1;
  }
  while (before.size() + after.size() < 8) before.emplace_back("0");
  before.insert(before.end(), after.begin(), after.end());
  std::string half;
  for (std::size_t i = 0; i < 4; ++i) half += before[i] + ":";
  return half + ":/64";
}

}  // namespace

std::optional<duration> begin_attempt(transaction& tx, const std::vector<throttle_key>& keys) {
  const auto now = tx.now();
  // A few of the forgotten at each attempt keep the table as small as the last day was busy.
  tx.execute(
      "delete from aft_throttle where key in (select key from aft_throttle where forget_at <= $1 "
      "order by forget_at limit 10)",
      now);
  std::vector<throttle_row> rows;
  std::optional<duration> wait;
  for (const auto& key : keys) {
    auto row = tx.find<throttle_row>(
                     "select attempts, opens_at, forget_at from aft_throttle where key = $1",
                     token_hash(key.text))
                   .value_or(throttle_row{});
    if (row.forget_at <= now) row = {};
    if (row.opens_at > now) wait = std::max(wait.value_or(duration()), row.opens_at - now);
    rows.push_back(row);
  }
  if (wait) return wait;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const auto attempts = rows[i].attempts + 1;
    const auto& rule = keys[i].rule;
    tx.execute(
        "insert into aft_throttle (key, attempts, opens_at, forget_at) values ($1, $2, $3, $4) "
        "on conflict (key) do update set attempts = $2, opens_at = $3, forget_at = $4",
        token_hash(keys[i].text), attempts, now + wait_after(attempts, rule),
        now + rule.forget_after);
  }
  return {};
}

void end_attempt(transaction& tx, const std::vector<throttle_key>& keys,
                 const std::vector<std::string>& cleared) {
  for (const auto& key : keys) {
    const auto hash = token_hash(key.text);
    if (std::find(cleared.begin(), cleared.end(), key.text) != cleared.end()) {
      tx.execute("delete from aft_throttle where key = $1", hash);
    } else {
      tx.execute(
          "update aft_throttle set attempts = attempts - 1, opens_at = $2 "
          "where key = $1 and attempts > 0",
          hash, tx.now());
    }
  }
}

std::string address_key(std::string_view address) {
  if (address.find('.') != address.npos) {  // also ::ffff:192.0.2.1
    const auto colon = address.rfind(':');
    return std::string(colon == address.npos ? address : address.substr(colon + 1));
  }
  if (address.find(':') == address.npos) return std::string(address);
  return first_half(address.substr(0, address.find('%')));
}

}  // namespace aft::auth

#include "limiter.hpp"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include <aft/ground/error.hpp>
#include <aft/ground/random.hpp>

#include "head.hpp"
#include "ip_address.hpp"

namespace aft::http {
namespace {

constexpr std::int64_t per_microsecond = 1'000, per_second = 1'000'000'000;  // nanoseconds
constexpr duration longest_period = days(366);

detail::hash_secret make_hash_secret() {
  const auto bytes = random_bytes(sizeof(detail::hash_secret));
  detail::hash_secret s{};
  std::memcpy(&s, bytes.data(), sizeof s);
  return s;
}

std::string_view name_of(limit_by by) {
  switch (by) {
    case limit_by::address: return "address";
    case limit_by::user: return "user";
    case limit_by::api_key: return "api-key";
    case limit_by::all: return "all";
  }
  return "";
}

std::string checked_name(std::string&& given, limit_by by, const limit_key& key) {
  const bool fits = given.size() <= 64 && std::all_of(given.begin(), given.end(), [](char c) {
                      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                             (c >= '0' && c <= '9') || c == '-' || c == '_';
                    });
  if (!fits) {
    throw configuration_error("the name \"" + given +
                              "\" of a limit must be of up to 64 letters, digits, '-' and '_'");
  }
  if (!given.empty()) return std::move(given);
  return key ? "key" : std::string(name_of(by));
}

// IPv4 by all of its bytes, IPv6 by its first half.
std::string address_text(const request& r) {
  const auto* client = request_access::client(r);
  const auto a = !client           ? ip_address()
                 : client->proxies ? client->proxies->find_client(client->peer, r)
                                   : client->peer;
  std::string text("a");
  const auto begin = a.bytes.begin() + (a.is_v4() ? 12 : 0);
  text.append(begin, begin + (a.is_v4() ? 4 : 8));
  return text;
}

std::int64_t whole_seconds(std::int64_t nanoseconds) {
  return (nanoseconds + per_second - 1) / per_second;
}

}  // namespace

limiter::limiter(rate_limit how)
    : is_named_(!how.name.empty()), name_(checked_name(std::move(how.name), how.by, how.key)),
      by_(how.by), key_(std::move(how.key)), shared_(how.shared), requests_(how.requests),
      per_(how.per), secret_(make_hash_secret()) {
  if (shared_ && !is_named_) {
    throw configuration_error("a shared limit needs a name, by which all processes know it");
  }
  const auto burst = how.burst ? how.burst : how.requests;
  if (how.requests < 1 || burst < 1 || burst > how.requests) {
    throw configuration_error("the limit " + name_ +
                              " must let in at least one request, and a burst of 1 to all of them");
  }
  if (per_ <= duration() || per_ > longest_period || how.requests > per_.in_microseconds()) {
    throw configuration_error("the limit " + name_ +
                              " must be for a time of up to 366 days, and for one request in each "
                              "microsecond at most");
  }
  rate_.step = per_.in_microseconds() * per_microsecond / how.requests;
  rate_.room = rate_.step * burst;
  table_ = std::make_unique<rate_table>(how.max_keys);
}

limiter::limiter(concurrency_limit how)
    : is_named_(!how.name.empty()), name_(how.name.empty() && how.by == limit_by::all && !how.key
                                              ? "at-once"
                                              : checked_name(std::move(how.name), how.by, how.key)),
      by_(how.by), key_(std::move(how.key)), secret_(make_hash_secret()), places_(how.requests) {
  if (places_ < 1) {
    throw configuration_error("the limit " + name_ + " must let in at least one request");
  }
}

std::optional<std::string> limiter::key_text(const request& r, std::string_view caller) const {
  if (key_) {
    auto own = key_(r);
    if (own.empty()) return {};
    return own.insert(0, 1, 'k');
  }
  switch (by_) {
    case limit_by::all: return "*";
    case limit_by::user: return caller.empty() ? address_text(r) : "u" + std::string(caller);
    case limit_by::api_key: return caller.empty() ? address_text(r) : "t" + std::string(caller);
    case limit_by::address: break;
  }
  return address_text(r);
}

// Where processes share it, the time of day is what they have in common.
std::int64_t limiter::now() const {
  const auto moment = shared_ ? clock_->now().since_1970() : clock_->steady();
  return moment.in_microseconds() * per_microsecond;
}

allowance limiter::say(bool is_given, std::int64_t full_at, std::int64_t now) const {
  allowance a;
  a.is_given = is_given;
  a.full_in = std::max<std::int64_t>(full_at - now, 0);
  a.left = std::max<std::int64_t>((rate_.room - a.full_in) / rate_.step, 0);
  if (!is_given) a.retry_in = a.full_in + rate_.step - rate_.room;
  return a;
}

allowance limiter::take(std::uint64_t key) {
  if (table_) {
    const auto moment = now();
    const auto taken = table_->take(key, moment, rate_);
    return say(taken.is_given, taken.full_at, moment);
  }
  std::lock_guard lock(mutex_);
  auto& held = held_[key];
  if (held == places_) return {};
  return {true, places_ - ++held};
}

void limiter::give_back(std::uint64_t key) {
  if (table_) return table_->give_back(key, rate_);
  std::lock_guard lock(mutex_);
  const auto found = held_.find(key);
  if (found != held_.end() && --found->second == 0) held_.erase(found);
}

void limiter::undo(taken_limit& t) {
  ++t.what.left;
  if (!table_) return;
  t.what.full_in = std::max<std::int64_t>(t.what.full_in - rate_.step, 0);
  give_back(t.key);
}

allowance limiter::learn(std::uint64_t key, bool is_given, std::int64_t full_at) {
  table_->set(key, full_at);
  return say(is_given, full_at, now());
}

std::string limiter::policy(std::string_view shown_name) const {
  if (places_) return fmt::format("\"{}\";q={};qu=\"concurrent-requests\"", shown_name, places_);
  return fmt::format("\"{}\";q={};w={}", shown_name, requests_,
                     (per_.in_microseconds() + 999'999) / 1'000'000);
}

std::string limiter::refusal() const {
  if (places_) return fmt::format("more requests than {} are under way", places_);
  return fmt::format("more requests than {} in {} s", requests_,
                     double(per_.in_microseconds()) / 1e6);
}

namespace {

class held_place {
 public:
  held_place(std::shared_ptr<limiter> of, std::uint64_t key, std::shared_ptr<const void> with)
      : of_(std::move(of)), key_(key), with_(std::move(with)) {}
  held_place(const held_place&) = delete;
  held_place& operator=(const held_place&) = delete;
  ~held_place() { of_->give_back(key_); }

 private:
  std::shared_ptr<limiter> of_;  // a WebSocket may outlive the routes
  std::uint64_t key_;
  std::shared_ptr<const void> with_;  // another place of the same request
};

}  // namespace

std::shared_ptr<const void> hold_place(limiter& of, std::uint64_t key,
                                       std::shared_ptr<const void> with) {
  return std::make_shared<const held_place>(of.shared_from_this(), key, std::move(with));
}

// A name that an earlier limit of the route has, too, gets a number.
void add_limit_lines(const std::vector<taken_limit>& limits, buffer& lines) {
  std::string policies, states;
  for (std::size_t i = 0; i < limits.size(); ++i) {
    const auto& limit = limits[i];
    const auto earlier =
        std::count_if(limits.begin(), limits.begin() + std::ptrdiff_t(i),
                      [&](const taken_limit& l) { return l.of->name() == limit.of->name(); });
    const auto name =
        earlier ? fmt::format("{}-{}", limit.of->name(), earlier + 1) : limit.of->name();
    const auto* comma = i ? ", " : "";
    policies += comma + limit.of->policy(name);
    states += fmt::format("{}\"{}\";r={}", comma, name, limit.what.left);
    if (!limit.of->counts_places()) {
      states += fmt::format(";t={}", whole_seconds(limit.what.full_in));
    }
  }
  lines.append("RateLimit-Policy: " + policies + "\r\nRateLimit: " + states + "\r\n");
}

}  // namespace aft::http

#pragma once
// One limit of how often somebody may ask, and what a request has taken of it.

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <aft/ground/buffer.hpp>
#include <aft/ground/clock.hpp>
#include <aft/http/rate_limit.hpp>

#include "../ground/keyed_hash.hpp"
#include "rate_table.hpp"

namespace aft::http {

class call;
struct route_entry;

// What a limit says of a request.
struct allowance {
  bool is_given = false;
  std::int64_t left = 0;      // requests, after this one
  std::int64_t full_in = 0;   // nanoseconds, until all are there again; 0: not known
  std::int64_t retry_in = 0;  // until there is one, where none was given
};

class limiter;

// What a request has of one limit.
struct taken_limit {
  limiter* of;
  std::uint64_t key;
  allowance what;
};

// Shared by the routes of a group, and by requests that hold a place of it. Any thread, once its
// clock is known.
class limiter : public std::enable_shared_from_this<limiter> {
 public:
  explicit limiter(rate_limit how);
  explicit limiter(concurrency_limit how);
  limiter(const limiter&) = delete;
  limiter& operator=(const limiter&) = delete;

  const std::string& name() const { return name_; }
  bool is_shared() const { return shared_; }
  bool counts_places() const { return places_ > 0; }
  // Whether who asks has to be found out first, which may take the database.
  bool asks_who() const { return !key_ && (by_ == limit_by::user || by_ == limit_by::api_key); }
  limit_by by() const { return by_; }
  const rate& pace() const { return rate_; }
  std::size_t most_keys() const { return table_->most_keys(); }

  // Before the first request.
  void use(const clock& c) { clock_ = &c; }

  // What the request counts for; nothing: it does not. `caller` is who asks, empty for a stranger.
  std::optional<std::string> key_text(const request& r, std::string_view caller) const;
  std::uint64_t hash(std::string_view key) const { return detail::keyed_hash(secret_, key); }

  allowance take(std::uint64_t key);
  void give_back(std::uint64_t key);

  // What a rate has given is given back; a place is spoken of as if it were, but is its holder's.
  void undo(taken_limit& t);

  // Of a shared one: what the database says is the case.
  std::int64_t now() const;
  allowance learn(std::uint64_t key, bool is_given, std::int64_t full_at);

  std::string policy(std::string_view shown_name) const;  // an element of RateLimit-Policy
  std::string refusal() const;                            // a sentence

 private:
  allowance say(bool is_given, std::int64_t full_at, std::int64_t now) const;

  const bool is_named_;
  std::string name_;
  limit_by by_;
  limit_key key_;
  bool shared_ = false;
  std::int64_t requests_ = 0;  // in each period; of a rate, as are the next
  duration per_{};
  rate rate_{};
  std::unique_ptr<rate_table> table_{};
  const clock* clock_ = nullptr;
  detail::hash_secret secret_;
  std::int64_t places_ = 0;  // at once; 0: it is a rate
  std::mutex mutex_;
  std::unordered_map<std::uint64_t, std::int64_t> held_{};  // places by key; guarded by mutex_
};

// One request's share of a limit that processes have in common.
struct shared_take {
  std::string name;  // of the limit
  std::string key;   // a hash
  std::size_t most_keys;
  rate pace;
  std::int64_t now;  // nanoseconds since 1970
  bool is_given = false;
  std::int64_t full_at = 0;
};

// Takes all of them, or none: where one is refused, what the others have taken (is_given) is given
// back. Waits for the database, and throws where that does not answer.
struct shared_limits {
  void* context = nullptr;  // null: there is no database
  void (*take)(void* context, std::vector<shared_take>& all) = nullptr;
};

// A place that was taken, until it is destroyed.
std::shared_ptr<const void> hold_place(limiter& of, std::uint64_t key,
                                       std::shared_ptr<const void> with);

// Appends RateLimit-Policy and RateLimit.
void add_limit_lines(const std::vector<taken_limit>& limits, buffer& lines);

}  // namespace aft::http

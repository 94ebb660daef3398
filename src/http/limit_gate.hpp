#pragma once
// Lets requests of routes with limits in, or not.

#include <map>
#include <string>
#include <vector>

#include <aft/ground/clock.hpp>
#include <aft/ground/log.hpp>
#include <aft/ground/resource.hpp>

#include "limiter.hpp"

namespace aft::http {

// Finds out who asks, on `least` or a greater lane: an account's id, or the bearer token that is
// known. Empty: a stranger.
struct caller_finder {
  void* context = nullptr;  // null: there are no accounts
  lane least = lane::io;
  std::string (*find)(void* context, call& c, limit_by by) = nullptr;
};

// Filled on one thread, afterwards const from any.
class limit_gate {
 public:
  explicit limit_gate(const logger& log) : log_(log) {}

  const clock* time = &system_clock_;
  caller_finder callers{};
  shared_limits shared{};

  // Takes the limits of a route into use: sets is_limited and limit_lane, and appends what is wrong
  // with them.
  void start(route_entry& entry, std::string& wrong);

  // Those limits that need no more than the request, first; then the others, on limit_lane. False:
  // refused, and the call has failed. May throw.
  bool take_first(call& c) const;
  bool take_rest(call& c) const;

 private:
  bool take(call& c, limiter& l, std::vector<shared_take>* to_share = nullptr) const;
  bool take_shared(call& c, std::vector<shared_take>& all, std::size_t first) const;
  void refuse(call& c) const;

  const logger& log_;
  clock system_clock_;
  std::map<std::string, const limiter*> shared_names_{};
};

}  // namespace aft::http

#include "circuit_breaker.hpp"

#include <cstdint>

namespace aft::client {

circuit_breaker::circuit& circuit_breaker::find(const std::string& server, time_point now) {
  if (circuits_.size() >= most_servers && !circuits_.contains(server)) {
    std::erase_if(circuits_, [this, now](const auto& entry) {
      return !entry.second.is_open && now - entry.second.since > options_.window;
    });
    if (circuits_.size() >= most_servers) circuits_.clear();
  }
  auto& c = circuits_[server];
  const auto half = options_.window / 2;
  // The clock may have been set back, too.
  if (now - c.since > options_.window || now < c.since) {
    c.current = c.before = {};
    c.since = now;
  } else if (now - c.since > half) {
    c.before = std::exchange(c.current, {});
    c.since = now;
  }
  return c;
}

bool circuit_breaker::admits(const std::string& server, time_point now) {
  if (options_.least_calls <= 0) return true;
  std::lock_guard lock(mutex_);
  auto& c = find(server, now);
  if (!c.is_open) return true;
  if (now >= c.opened_at && now - c.opened_at < options_.open) return false;
  return !std::exchange(c.is_tried, true);
}

void circuit_breaker::answered(const std::string& server, bool well, time_point now) {
  if (options_.least_calls <= 0) return;
  std::lock_guard lock(mutex_);
  auto& c = find(server, now);
  if (c.is_open) {
    if (!c.is_tried) return;  // it had begun before
    c.is_tried = false;
    c.is_open = !well;
    c.opened_at = now;
    c.current = c.before = {};
    return;
  }
  ++c.current.calls;
  c.current.failures += !well;
  const auto calls = std::int64_t(c.current.calls) + c.before.calls;
  const auto failures = std::int64_t(c.current.failures) + c.before.failures;
  if (calls < options_.least_calls || failures * 100 < calls * options_.percent) return;
  c.is_open = true;
  c.is_tried = false;
  c.opened_at = now;
}

void circuit_breaker::gave_up(const std::string& server) {
  std::lock_guard lock(mutex_);
  if (const auto at = circuits_.find(server); at != circuits_.end()) at->second.is_tried = false;
}

}  // namespace aft::client

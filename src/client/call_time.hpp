#pragma once
// How long a call may take.

#include <algorithm>
#include <chrono>

#include <aft/ground/time.hpp>

#include "../ground/coarse_clock.hpp"
#include "../ground/deadline.hpp"

namespace aft::client {

// From its making, at most until the deadline of what this thread does.
class call_time {
 public:
  using moment = std::chrono::steady_clock::time_point;

  explicit call_time(duration most) : end_(std::chrono::steady_clock::now()) {
    if (const auto at = aft::detail::thread_deadline) {
      most = std::min(most, milliseconds(at - aft::detail::coarse_milliseconds()));
    }
    end_ += std::chrono::microseconds(std::min(most, days(365)));
  }

  moment end() const { return end_; }
  duration left() const { return end_ - std::chrono::steady_clock::now(); }  // may be negative

 private:
  moment end_;
};

}  // namespace aft::client

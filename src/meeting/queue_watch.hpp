#pragma once
// How long calls wait for a lane. A queue that is only bounded in length may hold more than a lane
// does in the time that a client is willing to wait: then every answer comes too late, and all work
// is for nothing. So those who have waited too long are refused instead of run, and those who come
// while others wait for long are refused at once.

#include <atomic>
#include <chrono>
#include <cstddef>

#include <aft/ground/time.hpp>

namespace aft::meeting {

// Any thread.
class queue_watch {
 public:
  using moment = std::chrono::steady_clock::time_point;

  explicit queue_watch(duration longest)  // none: any time will do
      : longest_(longest > duration() ? std::chrono::microseconds(longest.in_microseconds())
                                      : std::chrono::microseconds::max()) {}

  bool lets_in() const {
    return !late_.load(std::memory_order_relaxed) || !waiting_.load(std::memory_order_relaxed);
  }
  moment entered() {
    waiting_.fetch_add(1, std::memory_order_relaxed);
    return std::chrono::steady_clock::now();
  }
  void turned_away() { waiting_.fetch_sub(1, std::memory_order_relaxed); }

  // Its turn has come. False: too late.
  bool begins(moment entered_at) {
    const auto waited = std::chrono::steady_clock::now() - entered_at;
    late_.store(waited > longest_ / 2, std::memory_order_relaxed);
    waiting_.fetch_sub(1, std::memory_order_relaxed);
    return waited <= longest_;
  }

 private:
  const std::chrono::microseconds longest_;
  std::atomic<std::size_t> waiting_{0};
  std::atomic<bool> late_{false};  // the last whose turn came had waited for half of that time
};

}  // namespace aft::meeting

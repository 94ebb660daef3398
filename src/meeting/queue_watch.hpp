#pragma once
// How long calls wait for a lane. A queue that is only bounded in length may hold more than a lane
// does in the time that a client is willing to wait: then every answer comes too late, and all work
// is for nothing. So once the lane is behind, and not for a moment only, those who have waited too
// long are refused instead of run, and those who come are refused at once.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include <aft/ground/time.hpp>

namespace aft::meeting {

// Any thread.
class queue_watch {
 public:
  using moment = std::chrono::steady_clock::time_point;

  explicit queue_watch(duration longest)  // none: any time will do
      : longest_(longest > duration() ? longest.in_microseconds() : INT64_MAX / patience) {}

  bool lets_in() const {
    return !behind_.load(std::memory_order_relaxed) || !waiting_.load(std::memory_order_relaxed);
  }
  moment entered() {
    waiting_.fetch_add(1, std::memory_order_relaxed);
    return now();
  }
  void turned_away() { waiting_.fetch_sub(1, std::memory_order_relaxed); }

  // Its turn has come at `at`. False: too late.
  bool begins(moment entered_at, moment at) {
    waiting_.fetch_sub(1, std::memory_order_relaxed);
    const auto limit = longest_wait();
    const auto waited = microseconds(at - entered_at);
    const auto time = microseconds(at.time_since_epoch());
    const bool long_wait = waited > limit / 2;
    // What was long ago says nothing: the lane has been idle in between.
    const auto last_begun = begun_at_.exchange(time, std::memory_order_relaxed);
    const bool stale = microseconds(entered_at.time_since_epoch()) - last_begun > limit;
    auto since = stale ? 0 : long_since_.load(std::memory_order_relaxed);
    if (!long_wait) since = 0;
    else if (!since) since = time;
    long_since_.store(since, std::memory_order_relaxed);
    // Who was behind a short while ago has not become fast, but has turned others away.
    const auto last = behind_at_.load(std::memory_order_relaxed);
    const bool behind =
        long_wait && (time - since >= limit || (last && time - last < relapse * limit));
    if (behind) behind_at_.store(time, std::memory_order_relaxed);
    behind_.store(behind, std::memory_order_relaxed);
    return !behind || waited <= limit;
  }

  // It has been run.
  void ended(moment began) {
    const auto took = microseconds(now() - began);
    const auto usual = usual_.load(std::memory_order_relaxed);
    usual_.store(usual + (took - usual) / 8, std::memory_order_relaxed);
  }

  static moment now() { return std::chrono::steady_clock::now(); }

 private:
  static constexpr std::int64_t patience = 10;  // who asks for what takes long will wait for long
  static constexpr std::int64_t relapse = 4;

  std::int64_t longest_wait() const {
    return std::max(longest_, patience * usual_.load(std::memory_order_relaxed));
  }
  template <class D>
  static std::int64_t microseconds(D d) {
    return std::chrono::duration_cast<std::chrono::microseconds>(d).count();
  }

  const std::int64_t longest_;               // microseconds, as all times here
  std::atomic<std::int64_t> usual_{0};       // that a call takes
  std::atomic<std::int64_t> long_since_{0};  // all have waited for half of the longest time; 0: no
  std::atomic<std::int64_t> begun_at_{0};    // the last of them
  std::atomic<std::int64_t> behind_at_{0};   // when it was last; 0: never
  std::atomic<std::size_t> waiting_{0};
  std::atomic<bool> behind_{false};
};

}  // namespace aft::meeting

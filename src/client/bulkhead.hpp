#pragma once
// How many calls there may be at once, so that one slow server does not take them all.

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <map>
#include <mutex>
#include <string>

#include <aft/ground/function.hpp>

namespace aft::client {

// Any thread.
class bulkhead {
 public:
  enum class outcome { entered, late, cancelled };
  using moment = std::chrono::steady_clock::time_point;

  bulkhead(std::size_t most, std::size_t most_per_server)
      : most_(most), most_per_server_(most_per_server) {}

  // Waits for room. Who has entered leaves again.
  outcome enter(const std::string& server, moment until, const function<bool()>& cancelled) {
    std::unique_lock lock(mutex_);
    while (inside_ >= most_ || is_full(server)) {
      if (std::chrono::steady_clock::now() >= until) return outcome::late;
      if (cancelled) {
        lock.unlock();
        if (cancelled()) return outcome::cancelled;
        lock.lock();
      }
      const auto slice = std::chrono::steady_clock::now() + std::chrono::milliseconds(50);
      left_.wait_until(lock, cancelled ? std::min(until, slice) : until);
    }
    ++inside_;
    ++by_server_[server];
    return outcome::entered;
  }

  void leave(const std::string& server) {
    {
      std::lock_guard lock(mutex_);
      --inside_;
      const auto at = by_server_.find(server);
      if (--at->second == 0) by_server_.erase(at);
    }
    left_.notify_all();
  }

 private:
  bool is_full(const std::string& server) const {
    const auto at = by_server_.find(server);
    return at != by_server_.end() && at->second >= most_per_server_;
  }

  const std::size_t most_, most_per_server_;
  std::mutex mutex_;
  std::condition_variable left_;
  std::size_t inside_ = 0;                        // guarded by mutex_
  std::map<std::string, std::size_t> by_server_;  // guarded by mutex_
};

}  // namespace aft::client

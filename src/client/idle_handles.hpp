#pragma once
// Connections that wait for the next call.

#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "curl.hpp"

namespace aft::client {

// Any thread.
class idle_handles {
 public:
  explicit idle_handles(std::size_t most) : most_(most) {}

  // One whose connection leads to the server, or a new one.
  std::unique_ptr<curl_handle> take(const std::string& server) {
    std::vector<entry> old;  // closed without the mutex
    std::unique_ptr<curl_handle> found;
    {
      std::lock_guard lock(mutex_);
      const auto oldest = std::chrono::steady_clock::now() - longest;
      std::size_t kept = 0;
      while (kept < idle_.size() && idle_[kept].since < oldest) ++kept;
      old.assign(std::make_move_iterator(idle_.begin()),
                 std::make_move_iterator(idle_.begin() + std::ptrdiff_t(kept)));
      idle_.erase(idle_.begin(), idle_.begin() + std::ptrdiff_t(kept));
      for (auto at = idle_.end(); at != idle_.begin() && !found;) {
        if ((--at)->server != server) continue;
        found = std::move(at->handle);
        idle_.erase(at);
        break;
      }
    }
    return found ? std::move(found) : std::make_unique<curl_handle>();
  }

  void give_back(const std::string& server, std::unique_ptr<curl_handle> handle) {
    entry dropped;
    std::lock_guard lock(mutex_);
    if (most_ == 0) return;
    if (idle_.size() >= most_) {
      dropped = std::move(idle_.front());
      idle_.erase(idle_.begin());
    }
    idle_.push_back({server, std::move(handle), std::chrono::steady_clock::now()});
  }

 private:
  static constexpr auto longest = std::chrono::seconds(60);

  struct entry {
    std::string server{};
    std::unique_ptr<curl_handle> handle{};
    std::chrono::steady_clock::time_point since{};
  };
  const std::size_t most_;
  std::mutex mutex_;
  std::vector<entry> idle_;  // the longest idle first; guarded by mutex_
};

}  // namespace aft::client

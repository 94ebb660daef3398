#pragma once
// A writer that does not do all it can.

#include <atomic>
#include <chrono>
#include <functional>
#include <thread>
#include <utility>

#include "storage_sample.hpp"

namespace bench {

// One thread that commits about a thousand times a second.
class steady_commits {
 public:
  explicit steady_commits(std::function<void()> commit)
      : thread_([this, commit = std::move(commit)] {
          for (auto next = clock::now(); !stop_; next += std::chrono::milliseconds(1)) {
            std::this_thread::sleep_until(next);
            commit();
          }
        }) {}
  steady_commits(const steady_commits&) = delete;
  steady_commits& operator=(const steady_commits&) = delete;
  ~steady_commits() {
    stop_ = true;
    thread_.join();
  }

 private:
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace bench

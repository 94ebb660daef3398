#pragma once
// Ends a test program that hangs, and says which part of it did.

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <thread>

class watchdog {
 public:
  explicit watchdog(const char* what, std::chrono::seconds patience = std::chrono::seconds(60))
      : thread_([this, what, patience] {
          std::unique_lock lock(mutex_);
          if (ended_.wait_for(lock, patience, [this] { return over_; })) return;
          std::fprintf(stderr, "it hangs: %s\n", what);
          std::_Exit(3);
        }) {}
  watchdog(const watchdog&) = delete;
  watchdog& operator=(const watchdog&) = delete;
  ~watchdog() {
    {
      std::lock_guard lock(mutex_);
      over_ = true;
    }
    ended_.notify_one();
    thread_.join();
  }

 private:
  std::mutex mutex_;
  std::condition_variable ended_;
  bool over_ = false;  // guarded by mutex_
  std::thread thread_;
};

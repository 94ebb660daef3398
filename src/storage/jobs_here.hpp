#pragma once
// Who works off the jobs of a database in this process.

#include <mutex>

namespace aft::jobs {
class runner;
}

namespace aft::storage {

// Any thread. For those who store jobs: while with() calls, nobody is dismissed.
class jobs_here {
 public:
  void set(jobs::runner* who) {
    std::lock_guard lock(mutex_);
    who_ = who;
  }
  // Null: nobody.
  template <class F>
  auto with(F&& f) {
    std::lock_guard lock(mutex_);
    return f(who_);
  }

 private:
  std::mutex mutex_;
  jobs::runner* who_ = nullptr;  // guarded by mutex_
};

}  // namespace aft::storage

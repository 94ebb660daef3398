#pragma once
// Marks threads that may not wait for other threads: event loops, and the writer of a database.

namespace aft::detail {

// Null where the thread may wait; else why it may not.
inline thread_local const char* must_not_wait = nullptr;

class no_waiting {
 public:
  explicit no_waiting(const char* why) : before_(must_not_wait) { must_not_wait = why; }
  no_waiting(const no_waiting&) = delete;
  no_waiting& operator=(const no_waiting&) = delete;
  ~no_waiting() { must_not_wait = before_; }

 private:
  const char* before_;
};

}  // namespace aft::detail

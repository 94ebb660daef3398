#pragma once
// Marks threads by what they do: those that may not wait for others (event loops, the writer of a
// database), and those of lanes.

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

// Whose lane this thread is at the moment: null, or an address that those who may not be waited for
// on it know. One that waits for itself to end would wait for ever.
inline thread_local const void* serving = nullptr;

class serving_for {
 public:
  explicit serving_for(const void* whom) : before_(serving) { serving = whom; }
  serving_for(const serving_for&) = delete;
  serving_for& operator=(const serving_for&) = delete;
  ~serving_for() { serving = before_; }

 private:
  const void* before_;
};

}  // namespace aft::detail

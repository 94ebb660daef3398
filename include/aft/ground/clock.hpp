#pragma once
// Where the library reads the time of day, so that a test can move it.

#include <cstdint>

#include <aft/ground/time.hpp>

namespace aft {

// The system's clock. Any thread. Timeouts of sockets do not use it: they run on the system's
// monotonic clock.
class clock {
 public:
  clock() = default;
  clock(const clock&) = delete;
  clock& operator=(const clock&) = delete;
  virtual ~clock() = default;
  virtual time_point now() const;

  // Since some moment in the past. Goes on evenly, also where somebody sets the time of day: for
  // how long something takes.
  virtual duration steady() const;
};

// A clock that stands still until it is moved, for tests. Any thread.
class manual_clock : public clock {
 public:
  explicit manual_clock(time_point start = {});
  time_point now() const override;
  duration steady() const override;
  void advance(duration by);    // time passes
  void set(time_point moment);  // somebody sets the time of day; no time passes

 private:
  std::int64_t microseconds_;  // atomic, as is all here
  std::int64_t steady_ = 0;    // microseconds
};

}  // namespace aft

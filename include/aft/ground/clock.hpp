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
};

// A clock that stands still until it is moved, for tests. Any thread.
class manual_clock : public clock {
 public:
  explicit manual_clock(time_point start = {});
  time_point now() const override;
  void set(time_point moment);
  void advance(duration by);

 private:
  std::int64_t microseconds_;  // atomic
};

}  // namespace aft

#pragma once
// A clock for time-outs: it only goes forward, costs next to nothing, and is right to some
// milliseconds.

#include <time.h>

#include <cstdint>

namespace aft::detail {

inline std::int64_t coarse_milliseconds() {
  timespec now;
#if defined(CLOCK_MONOTONIC_COARSE)
  ::clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
#else
  ::clock_gettime(CLOCK_MONOTONIC, &now);
#endif
  return std::int64_t(now.tv_sec) * 1000 + now.tv_nsec / 1'000'000;
}

}  // namespace aft::detail

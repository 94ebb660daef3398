#pragma once
// The lanes beside the event loops.

#include <cstddef>

#include <aft/ground/time.hpp>

namespace aft {

struct lane_options {
  unsigned work_threads = 4;        // for aft::blocking handlers
  std::size_t max_waiting = 1'000;  // of their requests; beyond: 503 with Retry-After
  // For a thread, and for the writer: a request that has waited for longer is answered 503 with
  // Retry-After, and a new one at once while others wait for half of it. 0: as long as it takes.
  duration max_wait = seconds(5);
};

}  // namespace aft

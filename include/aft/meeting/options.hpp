#pragma once
// The lanes beside the event loops.

#include <cstddef>

namespace aft {

struct lane_options {
  unsigned work_threads = 4;        // for aft::blocking handlers
  std::size_t max_waiting = 1'000;  // of their requests; beyond: 503 with Retry-After
};

}  // namespace aft

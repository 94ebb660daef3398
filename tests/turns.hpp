#pragma once
// How long the kernel lets the calling thread keep a processor that others wait for.

#include <cstdint>

#include "ground/prompt_thread.hpp"

// Nanoseconds; 0 where threads have no turns of their own.
inline std::uint64_t turn_here() {
  aft::detail::scheduling now;
  if (::syscall(SYS_sched_getattr, 0, &now, sizeof now, 0) != 0) return 0;
  return now.policy == SCHED_OTHER ? now.runtime : 0;
}

inline bool has_turns() { return turn_here() > 0; }

#pragma once
// Threads that others wait for, and that have done soon what they are woken for.

#if defined(__linux__)
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include <cstdint>

namespace aft::detail {

#if defined(__linux__)
// As sched_setattr(2) has it; not every C library does.
struct scheduling {
  std::uint32_t size = sizeof(scheduling);
  std::uint32_t policy = 0;
  std::uint64_t flags = 0;
  std::int32_t nice = 0;
  std::uint32_t priority = 0;
  std::uint64_t runtime = 0;  // nanoseconds
  std::uint64_t deadline = 0;
  std::uint64_t period = 0;
};
#endif

// Linux lets a thread that has just got a processor keep it for milliseconds, whoever wakes up
// meanwhile, unless that one asks for shorter turns: from 6.12 on a thread may. Then the calling
// thread need not wait for the end of another's burst. It gets no larger share of the processors by
// that. Elsewhere, and where a host gave it real time or idle time, this does nothing.
inline void want_short_turns() noexcept {
#if defined(__linux__) && defined(SYS_sched_getattr) && defined(SYS_sched_setattr)
  constexpr std::uint64_t turn = 100'000;  // the shortest there is
  scheduling now;
  if (::syscall(SYS_sched_getattr, 0, &now, sizeof now, 0) != 0) return;
  if (now.policy != SCHED_OTHER || now.runtime <= turn) return;  // 0: it knows no turns
  now.size = sizeof now;
  now.runtime = turn;
  static_cast<void>(::syscall(SYS_sched_setattr, 0, &now, 0));
#endif
}

}  // namespace aft::detail

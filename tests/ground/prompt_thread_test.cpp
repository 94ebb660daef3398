#include "ground/prompt_thread.hpp"

#include <sys/resource.h>

#include <thread>

#include <doctest/doctest.h>

#include "../turns.hpp"

namespace {

// What `f` finds on a thread of its own.
template <class F>
auto on_a_thread(F f) {
  decltype(f()) found{};
  std::thread([&] { found = f(); }).join();
  return found;
}

}  // namespace

TEST_CASE("a thread that wants short turns has them, and is as nice as before") {
  if (!has_turns()) {
    MESSAGE("SKIPPED: this kernel gives no thread turns of its own");
    return;
  }
  struct state {
    std::uint64_t turn;
    int nice;
  };
  const auto before = on_a_thread([] { return state{turn_here(), 0}; });
  const auto after = on_a_thread([] {
    ::setpriority(PRIO_PROCESS, 0, 3);  // of this thread alone
    aft::detail::want_short_turns();
    return state{turn_here(), ::getpriority(PRIO_PROCESS, 0)};
  });
  CHECK(before.turn > 100'000);
  CHECK(after.turn == 100'000);
  CHECK(after.nice == 3);
}

TEST_CASE("who was made one of idle time stays so") {
  const bool stays = on_a_thread([] {
    sched_param none{};
    if (::sched_setscheduler(0, SCHED_IDLE, &none) != 0) return true;
    aft::detail::want_short_turns();
    return ::sched_getscheduler(0) == SCHED_IDLE;
  });
  CHECK(stays);
}

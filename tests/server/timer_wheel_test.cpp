#include "server/timer_wheel.hpp"

#include <map>
#include <vector>

#include <doctest/doctest.h>

namespace {
struct timer : aft::server::timed {
  int name = 0;
};
}  // namespace

TEST_CASE("deadlines pass at their tick, also far ones and ones that were put off or drawn near") {
  aft::server::timer_wheel wheel;
  std::vector<timer> timers(6);
  for (int i = 0; i < 6; ++i) timers[std::size_t(i)].name = i;
  wheel.add(timers[0], 3);
  wheel.add(timers[1], 1000);
  wheel.add(timers[2], 5);
  wheel.add(timers[3], 600);
  wheel.add(timers[4], 5);
  wheel.add(timers[5], 0);
  wheel.set(timers[2], 300);  // put off
  wheel.set(timers[3], 10);   // drawn near
  wheel.remove(timers[4]);
  std::map<int, unsigned> passed;
  for (int i = 0; i < 1200; ++i) {
    wheel.tick([&](aft::server::timed& t) {
      passed[static_cast<timer&>(t).name] = wheel.now();
      wheel.remove(t);
    });
  }
  CHECK(passed == std::map<int, unsigned>{{0, 3}, {1, 1000}, {2, 300}, {3, 10}, {5, 1}});
}

TEST_CASE("a timer may be set anew while it expires") {
  aft::server::timer_wheel wheel;
  timer t;
  wheel.add(t, 1);
  int expired = 0;
  for (int i = 0; i < 100; ++i) {
    wheel.tick([&](aft::server::timed& x) {
      ++expired;
      wheel.set(x, wheel.now() + 10);
    });
  }
  CHECK(expired == 10);
  wheel.remove(t);
}

#include <aft/ground/clock.hpp>

#include <ctime>

#include <doctest/doctest.h>

TEST_CASE("a manual clock moves only when it is moved") {
  aft::manual_clock c(aft::time_point(aft::seconds(100)));
  CHECK(c.now().since_1970() == aft::seconds(100));
  c.advance(aft::minutes(1));
  CHECK(c.now().since_1970() == aft::seconds(160));
  CHECK(c.steady() == aft::minutes(1));
  c.set(aft::time_point());
  CHECK(c.now() == aft::time_point());
  CHECK(c.steady() == aft::minutes(1));
}

TEST_CASE("the clock is the system's") {
  const auto before = std::time(nullptr);
  const auto now = aft::clock().now().since_1970();
  CHECK(now >= aft::seconds(before));
  CHECK(now <= aft::seconds(std::time(nullptr) + 1));
}

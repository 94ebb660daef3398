#include <aft/ground/function.hpp>

#include <memory>
#include <string>

#include <doctest/doctest.h>

TEST_CASE("a function holds what cannot be copied, and gives it up when moved from") {
  auto number = std::make_unique<int>(4);
  aft::function<int(int)> f = [n = std::move(number)](int x) { return *n + x; };
  CHECK(f(3) == 7);
  aft::function<int(int)> g = std::move(f);
  CHECK(!f);
  CHECK(g(1) == 5);
}

TEST_CASE("an empty function says so") {
  aft::function<void()> none;
  CHECK(!none);
  none = [] {};
  CHECK(none);
  none = nullptr;
  CHECK(!none);
}

TEST_CASE("what a function holds is destroyed once") {
  auto shared = std::make_shared<int>(0);
  {
    aft::function<long()> f = [shared] { return shared.use_count(); };
    CHECK(f() == 2);
    aft::function<long()> g = std::move(f);
    CHECK(g() == 2);
  }
  CHECK(shared.use_count() == 1);
}

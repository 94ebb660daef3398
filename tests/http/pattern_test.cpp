#include <aft/http/pattern.hpp>

#include <doctest/doctest.h>

// What does not compile is tested in tests/refused.

TEST_CASE("a pattern knows its text and where it was written") {
  auto f = [](int) {};
  const aft::pattern<decltype(f)> p = "/notes/{id}";
  CHECK(p.text() == "/notes/{id}");
  CHECK(p.place().line == 9);
  CHECK(std::string_view(p.place().file).ends_with("pattern_test.cpp"));
}

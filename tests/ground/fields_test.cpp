#include <aft/ground/fields.hpp>

#include <doctest/doctest.h>

TEST_CASE("the fields of a struct are bound in order") {
  struct three {
    int a, b, c;
  } t{1, 2, 3};
  CHECK(aft::reflect::detail::bound_fields<3>::apply(t, [](int& a, int& b, int& c) {
          a = 10;
          return b * 100 + c;
        }) == 203);
  CHECK(t.a == 10);
}

#include <aft/ground/resource.hpp>

#include <doctest/doctest.h>

TEST_CASE("each type has one key, const or not") {
  CHECK(aft::key_of<int>() == aft::key_of<const int>());
  CHECK(aft::key_of<int>() != aft::key_of<long>());
}

TEST_CASE("lanes are ordered by what they may do") {
  CHECK(aft::lane::io < aft::lane::work);
  CHECK(aft::lane::work < aft::lane::write);
}

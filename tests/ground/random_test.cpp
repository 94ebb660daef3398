#include <aft/ground/random.hpp>

#include <set>

#include <doctest/doctest.h>

TEST_CASE("tokens do not repeat, and have the length of their bytes") {
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(aft::random_token());
  CHECK(seen.size() == 1000);
  CHECK(seen.begin()->size() == 43);  // 32 bytes in base64url
}

TEST_CASE("random numbers stay below their bound and reach all of it") {
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(aft::random_number(5));
  CHECK(seen == std::set<std::uint64_t>{0, 1, 2, 3, 4});
  CHECK(aft::random_number(1) == 0);
}

TEST_CASE("comparisons in constant time are comparisons") {
  CHECK(aft::equal_in_constant_time("abc", "abc"));
  CHECK(!aft::equal_in_constant_time("abc", "abd"));
  CHECK(!aft::equal_in_constant_time("abc", "ab"));
  CHECK(aft::equal_in_constant_time("", ""));
}

#include <ground/keyed_hash.hpp>

#include <string>

#include <doctest/doctest.h>

TEST_CASE("the keyed hash is SipHash-2-4, by its authors' vectors") {
  const aft::detail::hash_secret secret{0x0706050403020100, 0x0f0e0d0c0b0a0908};
  std::string bytes;
  const auto hash = [&] { return aft::detail::keyed_hash(secret, bytes); };
  CHECK(hash() == 0x726fdb47dd0e0e31);
  bytes += char(0);
  CHECK(hash() == 0x74f839c593dc67fd);
  for (int i = 1; i < 15; ++i) bytes += char(i);
  CHECK(hash() == 0xa129ca6149be45e5);
}

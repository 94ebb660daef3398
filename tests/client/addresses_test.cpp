#include "client/addresses.hpp"

#include <doctest/doctest.h>

#include <aft/ground/error.hpp>

namespace {

bool open(const char* text) {
  return aft::client::on_open_internet(*aft::http::ip_address::parse(text));
}

}  // namespace

TEST_CASE("addresses of the open internet are told from all others") {
  for (const auto* text :
       {"1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "172.15.255.255",
        "172.32.0.0", "192.167.255.255", "198.17.255.255", "223.255.255.255", "2606:4700::1111",
        "2001:4860:4860::8888", "64:ff9b::101:101", "::ffff:1.1.1.1"}) {
    CAPTURE(text);
    CHECK(open(text));
  }
  for (const auto* text : {"0.0.0.0",          "0.1.2.3",         "10.0.0.1",    "100.64.0.1",
                           "127.0.0.1",        "127.255.0.1",     "169.254.0.1", "169.254.169.254",
                           "172.16.0.1",       "172.31.255.255",  "192.0.0.1",   "192.0.2.1",
                           "192.88.99.1",      "192.168.1.1",     "198.18.0.1",  "198.19.255.1",
                           "198.51.100.1",     "203.0.113.1",     "224.0.0.1",   "239.1.1.1",
                           "240.0.0.1",        "255.255.255.255", "::",          "::1",
                           "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1",
                           "64:ff9b:1::1",     "100::1",          "2001::1",     "2001:db8::1",
                           "2002:7f00:1::",    "3fff::1",         "fc00::1",     "fd12:3456::1",
                           "fe80::1",          "fec0::1",         "ff02::1",     "5f00::1"}) {
    CAPTURE(text);
    CHECK_FALSE(open(text));
  }
}

TEST_CASE("networks can be allowed besides, and must be networks") {
  const aft::client::allowed_addresses some(aft::address_policy::open_internet,
                                            {"10.1.0.0/16", "::1"});
  CHECK(some.allows(*aft::http::ip_address::parse("10.1.2.3")));
  CHECK(some.allows(*aft::http::ip_address::parse("::1")));
  CHECK(some.allows(*aft::http::ip_address::parse("1.1.1.1")));
  CHECK_FALSE(some.allows(*aft::http::ip_address::parse("10.2.0.1")));
  CHECK_THROWS_AS(
      aft::client::allowed_addresses(aft::address_policy::open_internet, {"10.1.0.0/33"}),
      aft::configuration_error);
}

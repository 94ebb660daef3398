#include <aft/auth/throttle.hpp>

#include <doctest/doctest.h>

#include "account_base.hpp"

namespace auth = aft::auth;
using tx_ref = aft::transaction&;

namespace {
struct with_throttle : account_base {
  std::vector<auth::throttle_key> keys{{"account/ada", {.free_attempts = 3}}};
  std::optional<aft::duration> attempt() {
    return write([&](tx_ref tx) { return auth::begin_attempt(tx, keys); });
  }
};
}  // namespace

TEST_CASE_FIXTURE(with_throttle, "waits double with each attempt, up to the longest") {
  keys[0].rule.longest_wait = aft::seconds(5);
  for (int i = 0; i < 3; ++i) CHECK(!attempt());
  CHECK(attempt() == aft::seconds(1));
  for (const int wait : {1, 2, 4, 5, 5}) {
    CAPTURE(wait);
    CHECK(attempt() == aft::seconds(wait));
    time.advance(aft::seconds(wait) - aft::milliseconds(1));
    CHECK(attempt());
    time.advance(aft::milliseconds(1));
    CHECK(!attempt());
  }
}

TEST_CASE_FIXTURE(with_throttle, "one key that waits is enough, and counts nothing for others") {
  for (int i = 0; i < 3; ++i) attempt();
  keys.push_back({"address/192.0.2.1", {.free_attempts = 1}});
  for (int i = 0; i < 9; ++i) CHECK(attempt());
  keys.erase(keys.begin());
  CHECK(!attempt());
}

TEST_CASE_FIXTURE(with_throttle, "a success takes back its attempt, or clears all") {
  keys.push_back({"address/192.0.2.1", {.free_attempts = 3}});
  const auto succeed = [&] {
    write([&](tx_ref tx) { auth::end_attempt(tx, keys, {"account/ada"}); });
  };
  for (int i = 0; i < 3; ++i) CHECK(!attempt());
  succeed();
  CHECK(!attempt());  // the third of the address once more
  CHECK(attempt());   // though the account has only begun
  keys.pop_back();
  CHECK(!attempt());
}

TEST_CASE_FIXTURE(with_throttle, "attempts are forgotten after a while, and their rows go") {
  for (int i = 0; i < 3; ++i) attempt();
  CHECK(attempt());
  time.advance(aft::hours(24));
  CHECK(!attempt());
  keys[0].text = "other";
  time.advance(aft::hours(25));
  attempt();
  CHECK(db.one<int>("select count(*) from aft_throttle") == 1);
}

TEST_CASE("IPv6 addresses are counted by their /64, others by themselves") {
  CHECK(auth::address_key("192.0.2.7") == "192.0.2.7");
  CHECK(auth::address_key("::ffff:192.0.2.7") == "192.0.2.7");
  CHECK(auth::address_key("") == "");
  const auto home = auth::address_key("2001:db8:1:2:3:4:5:6");
  for (auto* same : {"2001:db8:1:2::", "2001:db8:1:2::1", "2001:db8:1:2:ffff::"}) {
    CHECK(auth::address_key(same) == home);
  }
  for (auto* other : {"2001:db8:1:3::1", "2001:db8::2", "::1"}) {
    CHECK(auth::address_key(other) != home);
  }
  CHECK(auth::address_key("::1") == auth::address_key("::2"));
  CHECK(auth::address_key("2001:db8::2") == auth::address_key("2001:db8:0:0:9::"));
}

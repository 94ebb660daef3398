#include <aft/auth/refresh_token.hpp>

#include <atomic>
#include <thread>

#include <doctest/doctest.h>

#include "token_fixture.hpp"

namespace {

using aft::refresh_refusal;

struct refresh_fixture : token_fixture {
  std::string start(const std::string& subject = "7") {
    return write([&](aft::transaction& tx) { return aft::start_refresh(tx, subject); });
  }
  auto use(const std::string& token) {
    return write([&](aft::transaction& tx) { return aft::use_refresh(tx, token); });
  }
};

}  // namespace

TEST_CASE_FIXTURE(refresh_fixture, "a refresh token is exchanged for the next one") {
  const auto first = start();
  CHECK(first.size() == 43);
  const auto second = use(first);
  REQUIRE(second);
  CHECK(second->subject == "7");
  const auto third = use(second->token);
  REQUIRE(third);
  CHECK(third->family == second->family);
  CHECK(use("made up").reason() == refresh_refusal::unknown);
}

TEST_CASE_FIXTURE(refresh_fixture, "a refresh token that is used again ends its family") {
  const auto first = start(), other = start();
  const auto second = use(first);
  CHECK(use(first).reason() == refresh_refusal::reused);
  CHECK(use(second->token).reason() == refresh_refusal::unknown);
  CHECK(use(first).reason() == refresh_refusal::unknown);
  CHECK(use(other));  // another login of the same subject
}

TEST_CASE_FIXTURE(refresh_fixture,
                  "of many who use one refresh token at once, one at most is served") {
  const auto token = start();
  std::atomic<int> served = 0, reused = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      const auto r = use(token);
      if (r) ++served;
      else if (r.reason() == refresh_refusal::reused) ++reused;
    });
  }
  for (auto& t : threads) t.join();
  CHECK(served == 1);
  CHECK(reused == 1);  // the others find a family that has ended
}

TEST_CASE_FIXTURE(refresh_fixture, "unused it is over, and a family is whatever was used") {
  const auto idle = start();
  auto token = start();
  for (int day = 0; day < 80; day += 20) {
    time.advance(aft::days(20));
    const auto next = use(token);
    REQUIRE(next);
    token = next->token;
  }
  CHECK(use(idle).reason() == refresh_refusal::expired);
  time.advance(aft::days(10));
  CHECK(use(token).reason() == refresh_refusal::expired);
  CHECK(write([](aft::transaction& tx) { return aft::drop_expired_refresh(tx); }) == 6);
}

TEST_CASE_FIXTURE(refresh_fixture, "a logout ends one family, a new password all") {
  const auto a = start(), b = start(), c = start(), others = start("8");
  CHECK(write([&](aft::transaction& tx) { return aft::end_refresh(tx, a); }));
  CHECK(!write([&](aft::transaction& tx) { return aft::end_refresh(tx, a); }));
  CHECK(use(a).reason() == refresh_refusal::unknown);
  CHECK(write([&](aft::transaction& tx) { return aft::end_refresh_of(tx, "7"); }) == 2);
  CHECK(use(b).reason() == refresh_refusal::unknown);
  CHECK(use(c).reason() == refresh_refusal::unknown);
  CHECK(use(others));
}

TEST_CASE_FIXTURE(refresh_fixture, "what is stored of a refresh token exchanges nothing") {
  const auto token = start();
  const auto stored = db.one<std::string>("select token_hash from aft_refresh_token");
  CHECK(stored != token);
  CHECK(use(stored).reason() == refresh_refusal::unknown);
  CHECK(use(token));
}

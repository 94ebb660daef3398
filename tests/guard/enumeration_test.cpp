// Nobody finds out by time who has an account.

#include <algorithm>
#include <chrono>
#include <cmath>
#include <vector>

#include <doctest/doctest.h>

#include <aft/auth/password_rules.hpp>

#include "../metrics_reader.hpp"
#include "guarded_app.hpp"

namespace {

struct email_only {
  std::string email;
};

// How many passwords the app has hashed.
double hashes(aft::app& app) {
  const auto all = metrics_reader::read(app.metrics().text());
  return all.at("aft_auth_password_hash_duration_seconds_count");
}

aft::accounts patient() {
  aft::accounts how;
  how.address_attempts.free_attempts = 100'000;
  return how;
}

// Of the rank sum of `a` among both (Mann and Whitney): how many standard deviations it is from
// what it would be if both were alike.
double rank_deviation(const std::vector<double>& a, const std::vector<double>& b) {
  std::vector<std::pair<double, bool>> all;
  for (const double x : a) all.emplace_back(x, true);
  for (const double x : b) all.emplace_back(x, false);
  std::sort(all.begin(), all.end());
  double sum = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (all[i].second) sum += double(i + 1);
  }
  const auto n = double(a.size()), m = double(b.size());
  const double expected = n * (n + m + 1) / 2, spread = std::sqrt(n * m * (n + m + 1) / 12);
  return std::abs(sum - expected) / spread;
}

}  // namespace

TEST_CASE("as many passwords are hashed for those who have no account") {
  guarded_app a(":memory:", patient());
  a.add("ada@example.org");
  a.app.db().write([](aft::transaction& tx) {
    REQUIRE(aft::auth::add_account(tx, {.email = "none@example.org", .password_hash = ""}));
    REQUIRE(aft::auth::set_disabled(
        tx, aft::auth::add_account(tx, {.email = "off@example.org", .password_hash = ""})->id,
        true));
  });
  const auto counted = [&](auto ask) {
    const auto before = hashes(a.app);
    ask();
    return hashes(a.app) - before;
  };
  for (auto* email :
       {"ada@example.org", "bob@example.org", "none@example.org", "off@example.org"}) {
    CAPTURE(email);
    browser b(a.app);
    CHECK(counted([&] { b.log_in(email, "umbrella stand").expect(401); }) == 1);
    CHECK(counted([&] { b.post("/api/account/register", credentials{email}).expect(202); }) == 1);
    CHECK(counted([&] { b.post("/api/account/password/forgot", email_only{email}).expect(202); }) ==
          0);
  }
}

TEST_CASE("a decoy costs what passwords cost here, and no password matches it") {
  const aft::password_cost cost{.memory_kib = 9000, .passes = 3};
  const aft::auth::pepper pepper{std::string(32, 'p')};
  const auto real = aft::auth::store_password("kelp harbor quilt", pepper, cost);
  const auto decoy = aft::auth::decoy_password(pepper, cost);
  const auto parameters = [](const std::string& stored) {
    const auto at = stored.find("$argon2id$");
    return stored.substr(0, stored.find('$', stored.find("m=", at)));
  };
  CHECK(parameters(real) == parameters(decoy));
  CHECK(real.size() == decoy.size());
  CHECK(!aft::auth::check_password(decoy, "kelp harbor quilt", pepper));
  CHECK(!aft::auth::check_password(decoy, "", pepper));
  CHECK(!aft::auth::needs_storing_anew(decoy, pepper, cost));
  CHECK(!aft::auth::decoy_password().starts_with("peppered:"));
}

TEST_CASE("the times of refused log-ins do not tell who has an account") {
  guarded_app a(":memory:", patient());
  constexpr int each = 40;
  for (int i = 0; i < each; ++i) a.add("known" + std::to_string(i) + "@example.org");
  const auto time_of = [&](const std::string& email) {
    browser b(a.app);
    const auto begin = std::chrono::steady_clock::now();
    b.log_in(email, "umbrella stand").expect(401);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    return took.count();
  };
  time_of("first@example.org");
  std::vector<double> known, unknown;
  for (int i = 0; i < each; ++i) {  // in turns, so that the load of the machine meets both alike
    const auto one = "known" + std::to_string(i), other = "other" + std::to_string(i);
    if (i % 2) known.push_back(time_of(one + "@example.org"));
    unknown.push_back(time_of(other + "@example.org"));
    if (i % 2 == 0) known.push_back(time_of(one + "@example.org"));
  }
  CHECK(rank_deviation(known, unknown) < 6);
  // So it would be if there were no hash for those who have no account: all ranks apart, 7.7.
  std::vector<double> without(known);
  for (double& t : without) t /= 100;
  CHECK(rank_deviation(known, without) > 6);
}

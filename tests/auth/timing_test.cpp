#include <algorithm>
#include <chrono>
#include <vector>

#include <doctest/doctest.h>

#include <aft/auth/jws.hpp>
#include <aft/ground/random.hpp>

namespace {

// The least of many, which no other load on the machine makes greater.
template <class F>
double least_time(F&& f) {
  double least = 1e9;
  for (int i = 0; i < 20; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    f();
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    least = std::min(least, took.count());
  }
  return least;
}

// How much longer the one takes. Both are timed in turns, as the machine may be slower for a while,
// and the middle of all turns counts.
template <class A, class B>
double ratio_of_times(int turns, A&& a, B&& b) {
  std::vector<double> ratios;
  for (int turn = 0; turn < turns; ++turn) {
    const auto first = least_time(a);
    ratios.push_back(first / least_time(b));
  }
  std::sort(ratios.begin(), ratios.end());
  return ratios[ratios.size() / 2];
}

}  // namespace

TEST_CASE("comparing secrets takes the same time wherever they differ") {
  // A comparison that ends at the first difference would take a thousandth of the time.
  const std::string secret(1 << 20, 's');
  auto early = secret, late = secret;
  early.front() = late.back() = 'x';
  volatile bool equal = false;
  const auto ratio = ratio_of_times(
      5, [&] { equal = aft::equal_in_constant_time(secret, early); },
      [&] { equal = aft::equal_in_constant_time(secret, late); });
  CHECK(!equal);
  CHECK(ratio < 1.5);
  CHECK(ratio > 1 / 1.5);
}

TEST_CASE("a wrong signature takes the same time wherever it is wrong") {
  const auto key = aft::signing_key::from_secret("", std::string(32, 'k'));
  const aft::jwk_set keys({key.public_part()});
  const auto good = aft::sign_text(key, std::string(200, 'p'));
  auto early = good, late = good;
  auto& first = early[early.rfind('.') + 1];
  first = first == 'A' ? 'B' : 'A';
  auto& last = late[late.size() - 3];
  last = last == 'A' ? 'B' : 'A';
  const auto verify = [&](const std::string& token) {
    for (int i = 0; i < 5; ++i)
      if (aft::verify_text(token, keys)) FAIL("it was accepted");
  };
  // Short enough for some to be undisturbed.
  const auto ratio = ratio_of_times(
      100, [&] { verify(early); }, [&] { verify(late); });
  CHECK(ratio < 1.5);
  CHECK(ratio > 1 / 1.5);
}

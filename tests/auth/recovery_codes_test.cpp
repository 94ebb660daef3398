#include <aft/auth/recovery_codes.hpp>

#include <cctype>
#include <set>

#include <doctest/doctest.h>

#include "token_fixture.hpp"

TEST_CASE_FIXTURE(token_fixture, "recovery codes work once each, for whom they were made") {
  const auto make = [&](const char* subject) {
    return write([&](aft::transaction& tx) { return aft::make_recovery_codes(tx, subject); });
  };
  const auto use = [&](const char* subject, const std::string& code) {
    return write([&](aft::transaction& tx) { return aft::use_recovery_code(tx, subject, code); });
  };
  const auto left = [&] {
    return db.read([](aft::reader& r) { return aft::recovery_codes_left(r, "7"); });
  };
  const auto codes = make("7");
  CHECK(std::set<std::string>(codes.begin(), codes.end()).size() == 10);
  CHECK(codes[0].size() == 27);
  CHECK(left() == 10);
  CHECK(!use("8", codes[0]));
  CHECK(use("7", codes[0]));
  CHECK(!use("7", codes[0]));
  auto shouted = codes[1];
  for (auto& c : shouted) c = c == '-' ? ' ' : char(std::toupper(c));
  CHECK(use("7", shouted));
  CHECK(!use("7", ""));
  CHECK(!use("7", db.all<std::string>(
                      "select code_hash from aft_recovery_code where used_at is null")[0]));
  CHECK(left() == 8);
  const auto fresh = make("7");
  CHECK(!use("7", codes[2]));
  CHECK(use("7", fresh[2]));
}

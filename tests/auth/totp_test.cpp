#include <aft/auth/totp.hpp>

#include <doctest/doctest.h>

#include "authenticator.hpp"
#include "token_fixture.hpp"

namespace {

using aft::totp_verdict;

struct totp_fixture : token_fixture {
  aft::key_ring ring{{aft::make_sealing_key("1")}};
  aft::totp totp{ring, {.issuer = "Exa mple"}};

  std::optional<aft::totp_setup> begin(const std::string& subject = "7") {
    return write([&](aft::transaction& tx) { return totp.begin(tx, subject, "ada@example.org"); });
  }
  totp_verdict confirm(const std::string& code) {
    return write([&](aft::transaction& tx) { return totp.confirm(tx, "7", code); });
  }
  totp_verdict check(const std::string& code, const std::string& subject = "7") {
    return write([&](aft::transaction& tx) { return totp.check(tx, subject, code); });
  }
  std::string code(const std::string& secret, aft::duration later = {}) {
    return aft::totp_code(secret, time.now() + later);
  }
  // Confirmed a minute ago.
  std::string set_up() {
    const auto secret = from_base32(begin()->secret);
    REQUIRE(confirm(code(secret)) == totp_verdict::accepted);
    time.advance(aft::minutes(1));
    return secret;
  }
};

}  // namespace

TEST_CASE("base32 is that of RFC 4648") {
  CHECK(aft::to_base32("") == "");
  CHECK(aft::to_base32("f") == "MY");
  CHECK(aft::to_base32("fo") == "MZXQ");
  CHECK(aft::to_base32("foobar") == "MZXW6YTBOI");
}

TEST_CASE("the first code of RFC 4226 and of RFC 6238 is computed") {
  CHECK(aft::hotp_code("12345678901234567890", 0) == "755224");
  CHECK(aft::totp_code("12345678901234567890", aft::time_point(aft::seconds(59)), 8) == "94287082");
}

TEST_CASE_FIXTURE(totp_fixture, "a second factor counts once a code of it was confirmed") {
  const auto setup = begin();
  REQUIRE(setup);
  CHECK(setup->secret.size() == 32);
  CHECK(setup->url == "otpauth://totp/Exa%20mple:ada%40example.org?secret=" + setup->secret +
                          "&issuer=Exa%20mple");
  const auto secret = from_base32(setup->secret);
  CHECK(!db.read([](aft::reader& r) { return aft::totp::is_on(r, "7"); }));
  CHECK(check(code(secret)) == totp_verdict::off);
  CHECK(confirm("000000") == totp_verdict::wrong);
  CHECK(confirm(code(secret)) == totp_verdict::accepted);
  CHECK(db.read([](aft::reader& r) { return aft::totp::is_on(r, "7"); }));
  CHECK(!begin());
  CHECK(confirm(code(secret)) == totp_verdict::off);
  CHECK(write([](aft::transaction& tx) { return aft::totp::remove(tx, "7"); }));
  CHECK(check(code(secret)) == totp_verdict::off);
  CHECK(begin()->secret != setup->secret);
}

TEST_CASE_FIXTURE(totp_fixture, "a one-time password works once, that of the setup too") {
  const auto secret = from_base32(begin()->secret);
  const auto first = code(secret);
  CHECK(confirm(first) == totp_verdict::accepted);
  CHECK(check(first) == totp_verdict::wrong);
  time.advance(aft::seconds(30));
  CHECK(check(first) == totp_verdict::wrong);  // still in the window
  const auto second = code(secret);
  CHECK(check(second) == totp_verdict::accepted);
  CHECK(check(second) == totp_verdict::wrong);
}

TEST_CASE_FIXTURE(totp_fixture, "codes of a step before and after are taken, in their order") {
  const auto secret = set_up();
  CHECK(check(code(secret, -aft::seconds(60))) == totp_verdict::wrong);
  CHECK(check(code(secret, aft::seconds(60))) == totp_verdict::wrong);
  CHECK(check(code(secret, -aft::seconds(30))) == totp_verdict::accepted);
  CHECK(check(code(secret, aft::seconds(30))) == totp_verdict::accepted);
  CHECK(check(code(secret)) == totp_verdict::wrong);  // of a step before the last one
}

TEST_CASE_FIXTURE(totp_fixture, "ten wrong codes lock it for a while") {
  const auto secret = set_up();
  for (int i = 0; i < 9; ++i) CHECK(check("x") == totp_verdict::wrong);
  CHECK(check(code(secret)) == totp_verdict::accepted);  // which forgets them
  for (int i = 0; i < 10; ++i) CHECK(check("123") == totp_verdict::wrong);
  time.advance(aft::minutes(14));
  CHECK(check(code(secret)) == totp_verdict::locked);
  time.advance(aft::minutes(1));
  CHECK(check(code(secret)) == totp_verdict::accepted);
}

TEST_CASE_FIXTURE(totp_fixture, "the secret of a second factor is sealed, for its own row alone") {
  const auto secret = set_up();
  const auto stored = db.one<aft::sealed>("select secret from aft_totp where subject = '7'");
  const std::string bytes(reinterpret_cast<const char*>(stored.bytes.data()), stored.bytes.size());
  CHECK(bytes.find(secret) == std::string::npos);
  begin("8");
  write([](aft::transaction& tx) {
    tx.execute(
        "update aft_totp set confirmed_at = $1, secret = (select secret from aft_totp where "
        "subject = '7') where subject = '8'",
        tx.now());
  });
  CHECK_THROWS_AS(check(code(secret), "8"), aft::unsealing_error);
}

TEST_CASE_FIXTURE(totp_fixture, "a second factor that cannot be is refused") {
  CHECK_THROWS_AS(aft::totp(ring, {.issuer = ""}), aft::configuration_error);
  CHECK_THROWS_AS(aft::totp(ring, {.issuer = "a:b"}), aft::configuration_error);
  CHECK_THROWS_AS(aft::totp(ring, {.issuer = "a", .window = 11}), aft::configuration_error);
  CHECK_THROWS_AS(aft::hotp_code("x", 1, 5), aft::error);
}

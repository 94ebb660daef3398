#include <aft/auth/password_rules.hpp>

#include <doctest/doctest.h>

namespace auth = aft::auth;
using auth::password_refusal;

TEST_CASE("a password has 8 to 256 characters, counted as a reader counts them") {
  CHECK(auth::judge_password("kelp-7q") == password_refusal::too_short);
  CHECK(!auth::judge_password("kelp-7qx"));
  CHECK(auth::judge_password("ünïcödé") == password_refusal::too_short);
  CHECK(!auth::judge_password("ünïcödéß"));
  std::string longest;
  for (int i = 0; i < 256; ++i) longest += char('a' + i * i % 23);
  CHECK(!auth::judge_password(longest));
  CHECK(auth::judge_password(longest + "x") == password_refusal::too_long);
}

TEST_CASE("what guessers try first is refused") {
  for (auto* common :
       {"password",    "Password1",  "P4ssw0rd!",  "p@$$w0rd2024", "12345678",  "1234567890",
        "iloveyou",    "ILoveYou2!", "qwertyuiop", "1qaz2wsx",     "qwerty123", "asdfghjkl",
        "aaaaaaaa",    "abcabcabc",  "letmein123", "football1",    "trustno1",  "31-12-1999",
        "87654321",    "zxcvbnm1",   "dragon99",   "!monkey!!",    "superman7", "passwordpassword",
        "welcome2024", "changeme",   "marlboro",   "baseball",     "abcd1234",  "1q2w3e4r"}) {
    CAPTURE(common);
    CHECK(auth::judge_password(common) == password_refusal::common);
  }
}

TEST_CASE("what is long and strange enough is taken, whatever it is made of") {
  for (auto* fine : {"correct horse battery", "gLobe-ticket-9417", "umbrella stand toast",
                     "kelp harbor quilt", "n7Kq-2vLm", "slow-green-otter", "vier Fische im Glas",
                     "        x9kq    ", "Ωμέγα και άλφα"}) {
    CAPTURE(fine);
    CHECK(!auth::judge_password(fine));
  }
}

TEST_CASE("a password is not made of the site's name or the address") {
  const auth::password_rules rules{.context = {"Notebook Club"}};
  const auto judge = [&](const char* p) {
    return auth::judge_password(p, rules, "ada.lovelace@example.org");
  };
  CHECK(judge("notebook12") == password_refusal::context);
  CHECK(judge("N0tebook!!") == password_refusal::context);
  CHECK(judge("lovelace77") == password_refusal::context);
  CHECK(judge("ada.lovelace@example.org") == password_refusal::context);
  CHECK(!judge("my notebook has green pages"));
}

TEST_CASE("a pepper must be known, and can come later") {
  const auth::pepper p{std::string(32, 'p')}, other{std::string(32, 'o')};
  const aft::password_cost cheap{.memory_kib = 8192, .passes = 1};
  const auto plain = auth::store_password("kelp harbor", {}, cheap);
  const auto with = auth::store_password("kelp harbor", p, cheap);
  CHECK(auth::check_password(plain, "kelp harbor"));
  CHECK(auth::check_password(plain, "kelp harbor", p));
  CHECK(auth::check_password(with, "kelp harbor", p));
  CHECK(!auth::check_password(with, "kelp harbour", p));
  CHECK(!auth::check_password(with, "kelp harbor", other));
  CHECK(!auth::check_password(with, "kelp harbor"));
  CHECK(!auth::check_password("", "kelp harbor", p));
  CHECK(auth::needs_storing_anew(plain, p, cheap));
  CHECK(auth::needs_storing_anew(with, {}, cheap));
  CHECK(!auth::needs_storing_anew(with, p, cheap));
  CHECK(auth::needs_storing_anew(with, p));
}

#include <aft/auth/token.hpp>

#include <doctest/doctest.h>

#include <aft/ground/digest.hpp>
#include <aft/ground/encoding.hpp>
#include <aft/ground/error.hpp>

namespace {

const std::string key(32, 'k');
const aft::time_point now(aft::seconds(1'700'000'000));

std::string with(std::string_view head, std::string_view claims) {
  const auto text = aft::to_base64url(head) + "." + aft::to_base64url(claims);
  return text + "." + aft::to_base64url(aft::hmac_sha256(key, text));
}

}  // namespace

TEST_CASE("a token gives back its subject until it expires") {
  const aft::token_signer signer(key);
  const auto token = signer.sign("user 7", now, now + aft::hours(1));
  CHECK(*signer.verify(token, now) == "user 7");
  CHECK(*signer.verify(token, now + aft::minutes(59)) == "user 7");
  CHECK(signer.verify(token, now + aft::hours(1)).reason() == aft::token_refusal::expired);
}

TEST_CASE("a token of another key, or with one letter changed, is refused") {
  const aft::token_signer signer(key), other(std::string(32, 'o'));
  auto token = signer.sign("7", now, now + aft::hours(1));
  CHECK(other.verify(token, now).reason() == aft::token_refusal::wrong_signature);
  for (std::size_t i = 0; i < token.size(); ++i) {
    auto changed = token;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    CHECK(!signer.verify(changed, now));
  }
}

TEST_CASE("the algorithm is the signer's") {
  const aft::token_signer signer(key);
  const auto claims = R"({"sub":"7","iat":1,"exp":9999999999})";
  CHECK(signer.verify(with(R"({"alg":"HS256"})", claims), now));
  for (auto* head :
       {R"({"alg":"none"})", R"({"alg":"HS512"})", R"({"alg":"RS256"})", R"({})", "x"}) {
    CAPTURE(head);
    CHECK(signer.verify(with(head, claims), now).reason() == aft::token_refusal::malformed);
  }
  CHECK(!signer.verify(with(R"({"alg":"HS256"})", R"({"sub":"7"})"), now));
  for (auto* text : {"", ".", "..", "a.b", "a.b.c.d", "a.b.c"}) CHECK(!signer.verify(text, now));
  CHECK(!signer.verify(std::string(10'000, 'a'), now));
}

TEST_CASE("a short key is refused") { CHECK_THROWS_AS(aft::token_signer("short"), aft::error); }

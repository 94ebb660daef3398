#include <aft/auth/jws.hpp>

#include <doctest/doctest.h>

#include <aft/ground/digest.hpp>
#include <aft/ground/encoding.hpp>

namespace {

using aft::jws_algorithm;
using aft::jws_refusal;

const auto key = aft::signing_key::from_secret("k1", std::string(32, 'k'));
const aft::jwk_set keys({key.public_part()});

std::string with_head(std::string_view head, std::string_view secret = std::string(32, 'k')) {
  const auto text = aft::to_base64url(head) + "." + aft::to_base64url("payload");
  return text + "." + aft::to_base64url(aft::hmac_sha256(secret, text));
}
jws_refusal refusal(std::string_view compact, const aft::jwk_set& set = keys) {
  const auto text = aft::verify_text(compact, set);
  REQUIRE(!text);
  return text.reason();
}

}  // namespace

TEST_CASE("a signed text comes back with its type and the key's id") {
  for (const auto algorithm :
       {jws_algorithm::hs256, jws_algorithm::rs256, jws_algorithm::es256, jws_algorithm::eddsa}) {
    const auto signer = aft::signing_key::make(algorithm, "7");
    const auto compact = aft::sign_text(signer, R"({"a":1})", "at+jwt");
    const auto text = aft::verify_text(compact, aft::jwk_set({signer.public_part()}));
    REQUIRE(text);
    CHECK(text->payload == R"({"a":1})");
    CHECK(text->type == "at+jwt");
    CHECK(text->key_id == "7");
  }
}

TEST_CASE("the algorithm is the key's, whatever the token says") {
  CHECK(aft::verify_text(with_head(R"({"alg":"HS256"})"), keys));
  for (const auto* head :
       {R"({"alg":"none"})", R"({"alg":"None"})", R"({"alg":""})", R"({"alg":"hs256"})",
        R"({"alg":"HS512"})", R"({"alg":"RS256"})", R"({"alg":"EdDSA"})"}) {
    CAPTURE(head);
    CHECK(refusal(with_head(head)) == jws_refusal::unknown_key);
  }
  const auto unsigned_text =
      aft::to_base64url(R"({"alg":"none"})") + "." + aft::to_base64url("payload") + ".";
  CHECK(refusal(unsigned_text) == jws_refusal::unknown_key);
}

TEST_CASE("a public key is no secret: tokens signed with its text are refused") {
  for (const auto algorithm : {jws_algorithm::rs256, jws_algorithm::es256, jws_algorithm::eddsa}) {
    const auto pair = aft::signing_key::make(algorithm, "");
    const aft::jwk_set set({pair.public_part()});
    for (const auto& secret : {pair.public_part().to_jwk(), set.to_json()}) {
      CHECK(refusal(with_head(R"({"alg":"HS256"})", secret), set) == jws_refusal::unknown_key);
    }
  }
}

TEST_CASE("a key in the token itself is not looked at") {
  const auto mine = aft::signing_key::make(jws_algorithm::eddsa, "evil");
  const auto head =
      R"({"alg":"EdDSA","jku":"https://evil.example/","jwk":)" + mine.public_part().to_jwk() + "}";
  const auto text = aft::to_base64url(head) + "." + aft::to_base64url("x");
  const auto compact = text + "." + aft::to_base64url(mine.sign(text));
  const auto ours = aft::signing_key::make(jws_algorithm::eddsa, "ours");
  CHECK(refusal(compact, aft::jwk_set({ours.public_part()})) == jws_refusal::wrong_signature);
}

TEST_CASE("the kid chooses among the keys of a set") {
  const auto a = aft::signing_key::make(jws_algorithm::eddsa, "a"),
             b = aft::signing_key::make(jws_algorithm::eddsa, "b"),
             b_of_others = aft::signing_key::make(jws_algorithm::eddsa, "b");
  const aft::jwk_set both({a.public_part(), b.public_part()});
  CHECK(aft::verify_text(aft::sign_text(a, "x"), both));
  CHECK(aft::verify_text(aft::sign_text(b, "x"), both));
  CHECK(refusal(aft::sign_text(b_of_others, "x"), both) == jws_refusal::wrong_signature);
  CHECK(refusal(aft::sign_text(b, "x"), aft::jwk_set({a.public_part()})) ==
        jws_refusal::unknown_key);
}

TEST_CASE("what is not exactly three parts of base64url is malformed") {
  const auto good = with_head(R"({"alg":"HS256"})");
  for (const auto& text :
       {std::string(), std::string("."), std::string(".."), std::string("a.b"), good + ".",
        good + "=", "." + good, good + "\n", " " + good, good.substr(0, good.size() - 1) + "+",
        with_head("x"), with_head("{}"), with_head(R"({"alg":"HS256","alg":"HS256"})"),
        with_head(R"({"alg":"HS256","crit":["exp"],"exp":1})"),
        with_head(R"({"alg":"HS256","b64":false})"), with_head(R"({"alg":["HS256"]})"),
        std::string(20'000, 'a')}) {
    CAPTURE(text);
    CHECK(refusal(text) == jws_refusal::malformed);
  }
}

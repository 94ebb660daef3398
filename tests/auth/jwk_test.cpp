#include <aft/auth/jwk.hpp>

#include <doctest/doctest.h>

#include <aft/ground/encoding.hpp>
#include <aft/ground/error.hpp>

namespace {

using aft::jws_algorithm;

constexpr jws_algorithm all[] = {jws_algorithm::hs256, jws_algorithm::rs256, jws_algorithm::es256,
                                 jws_algorithm::eddsa};

// RFC 8037, appendix A.
const std::string ed_private =
    R"({"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",)"
    R"("x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})";

std::string refused(std::string_view jwk) {
  const auto key = aft::verification_key::from_jwk(jwk);
  return key ? "not refused" : key.reason();
}

}  // namespace

TEST_CASE("a key signs for its public part, and for no other") {
  for (const auto algorithm : all) {
    CAPTURE(aft::to_string(algorithm));
    const auto key = aft::signing_key::make(algorithm, "a"),
               other = aft::signing_key::make(algorithm, "a");
    const auto signature = key.sign("text");
    CHECK(key.public_part().verify("text", signature));
    CHECK(!key.public_part().verify("texu", signature));
    CHECK(!other.public_part().verify("text", signature));
    for (std::size_t i = 0; i < signature.size(); i += 7) {
      auto changed = signature;
      changed[i] = char(changed[i] ^ 1);
      CHECK(!key.public_part().verify("text", changed));
    }
    CHECK(!key.public_part().verify("text", ""));
    CHECK(!key.public_part().verify("text", signature.substr(1)));
    CHECK(!key.public_part().verify("text", signature + '\0'));
  }
}

TEST_CASE("keys go out as JWK and come in again") {
  for (const auto algorithm : all) {
    CAPTURE(aft::to_string(algorithm));
    const auto key = aft::signing_key::make(algorithm, "2026-01");
    const auto back = aft::signing_key::from_jwk(key.to_jwk().reveal());
    CHECK(back.id() == "2026-01");
    CHECK(back.algorithm() == algorithm);
    CHECK(key.public_part().verify("x", back.sign("x")));
    if (!key.public_part().is_public()) {
      CHECK_THROWS_AS(key.public_part().to_jwk(), aft::error);
      continue;
    }
    const auto jwk = key.public_part().to_jwk();
    CHECK(jwk.find("\"d\"") == std::string::npos);
    CHECK(jwk.find("\"p\"") == std::string::npos);
    const auto checks = aft::verification_key::from_jwk(jwk);
    REQUIRE(checks);
    CHECK(checks->verify("x", key.sign("x")));
  }
}

TEST_CASE("the signature of RFC 8037 is made") {
  const auto key = aft::signing_key::from_jwk(ed_private);
  CHECK(aft::to_base64url(key.sign("eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc")) ==
        "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg");
}

TEST_CASE("what is no key of our algorithms is refused with its reason") {
  CHECK(refused("{") == "it is not the JSON of a JWK");
  CHECK(refused(R"({"kty":"OKP","crv":"X25519","x":"AA"})").find("type or curve") !=
        std::string::npos);
  CHECK(refused(R"({"kty":"oct","k":"AAAA"})").find("32 bytes") != std::string::npos);
  CHECK(refused(R"({"kty":"oct","alg":"RS256","k":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"})")
            .find("\"alg\"") != std::string::npos);
  CHECK(refused(R"({"kty":"RSA","n":"AQAB","e":"AQAB"})").find("2048") != std::string::npos);
  CHECK(refused(R"({"kty":"EC","crv":"P-256","x":"AA","y":"AA"})").find("short") !=
        std::string::npos);
  // A point beside the curve.
  const std::string off(43, 'B');
  CHECK(refused(R"({"kty":"EC","crv":"P-256","x":")" + off + R"(","y":")" + off + "\"}") !=
        "not refused");
  const auto good = aft::signing_key::from_jwk(ed_private).public_part().to_jwk();
  CHECK(refused(good) == "not refused");
  auto with = [&](std::string member) { return "{" + member + "," + good.substr(1); };
  CHECK(refused(with(R"("key_ops":["encrypt"])")).find("verify") != std::string::npos);
  CHECK(
      refused(
          R"({"kty":"OKP","crv":"Ed25519","use":"enc","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})")
          .find("use") != std::string::npos);
}

TEST_CASE("configured keys that cannot be are refused without being told") {
  auto why = [](auto&& make) -> std::string {
    try {
      make();
    } catch (const aft::configuration_error& e) {
      return e.what();
    }
    return "not refused";
  };
  CHECK(why([] { aft::signing_key::from_secret("a", "short-secret"); }).find("short-secret") ==
        std::string::npos);
  CHECK(why([] { aft::signing_key::from_secret("a", "short"); }).find("32 bytes") !=
        std::string::npos);
  auto halves = ed_private;
  halves.replace(halves.find("nWGx"), 4, "nWGy");
  CHECK(why([&] { aft::signing_key::from_jwk(halves); }).find("match") != std::string::npos);
  CHECK(why([] { aft::signing_key::from_pem(jws_algorithm::rs256, "a", "x"); }) != "not refused");
  CHECK(why([] { aft::verification_key::from_pem(jws_algorithm::hs256, "a", "x"); }) !=
        "not refused");
}

TEST_CASE("PEM is read for its own algorithm alone") {
  // openssl genpkey -algorithm ed25519
  const std::string pem =
      "-----BEGIN PRIVATE KEY-----\n"
      "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
      "-----END PRIVATE KEY-----\n";
  const auto key = aft::signing_key::from_pem(jws_algorithm::eddsa, "a", pem);
  CHECK(key.sign("x") == aft::signing_key::from_jwk(ed_private).sign("x"));
  CHECK_THROWS_AS(aft::signing_key::from_pem(jws_algorithm::es256, "a", pem),
                  aft::configuration_error);
  CHECK_THROWS_AS(aft::signing_key::from_pem(jws_algorithm::rs256, "a", pem),
                  aft::configuration_error);
}

TEST_CASE("a set gives its public keys alone, and leaves out what it cannot use") {
  const auto a = aft::signing_key::make(jws_algorithm::eddsa, "a"),
             secret = aft::signing_key::make(jws_algorithm::hs256, "s");
  const auto json = aft::jwk_set({a.public_part(), secret.public_part()}).to_json();
  CHECK(json.find("\"oct\"") == std::string::npos);
  const auto back = aft::jwk_set::from_json(json);
  REQUIRE(back);
  CHECK(back->keys().size() == 1);
  CHECK(back->has("a"));
  CHECK(!back->has("s"));
  const auto mixed = aft::jwk_set::from_json(
      R"({"keys":[{"kty":"new"},{"kty":"EC","crv":"P-521"},)" + a.public_part().to_jwk() + "]}");
  REQUIRE(mixed);
  CHECK(mixed->keys().size() == 1);
  CHECK(!aft::jwk_set::from_json("[]"));
  std::string many = R"({"keys":[{"kty":"x"})";
  for (int i = 0; i < 100; ++i) many += R"(,{"kty":"x"})";
  CHECK(!aft::jwk_set::from_json(many + "]}"));
}

#include <aft/auth/claims.hpp>

#include <doctest/doctest.h>

#include <aft/app.hpp>
#include <aft/ground/encoding.hpp>
#include <aft/ground/error.hpp>

namespace {

using aft::claim_refusal;
using aft::jws_algorithm;

const aft::time_point now(aft::seconds(1'700'000'000));
const auto key = aft::signing_key::make(jws_algorithm::eddsa, "1");
const aft::issuer_options options{.issuer = "https://example.org", .audience = "notes"};
const aft::claim_rules rules{.issuer = "https://example.org", .audience = "notes"};

std::string text_of(const std::string& claims, std::string_view type = "at+jwt") {
  return aft::sign_text(key, claims, type);
}
// "" where it is accepted.
std::string refusal(const std::string& token, aft::time_point when = now) {
  const auto c = aft::verify_claims(token, aft::jwk_set({key.public_part()}), rules, when);
  return c ? "" : std::string(aft::to_string(c.reason()));
}
std::string with(const std::string& member) {
  return text_of(R"({"iss":"https://example.org","aud":"notes","sub":"7","iat":1700000000,)"
                 R"("exp":1700000900)" +
                 member + "}");
}

}  // namespace

TEST_CASE("a token says what it was issued for") {
  const aft::token_issuer issuer(options, {{key, {}}});
  const auto token = issuer.issue(
      {.subject = "7", .scopes = {"notes:read", "notes:write"}, .more = {R"({"team":"blue"})"}},
      now);
  const auto c = issuer.verify(token, now);
  REQUIRE(c);
  CHECK(c->subject == "7");
  CHECK(c->issuer == "https://example.org");
  CHECK(c->audience == std::vector<std::string>{"notes"});
  CHECK(c->scopes == std::vector<std::string>{"notes:read", "notes:write"});
  CHECK(c->issued_at == now);
  CHECK(c->expires_at == now + aft::minutes(15));
  CHECK(!c->id.empty());
  struct ours {
    std::string team;
  };
  CHECK(c->as<ours>()->team == "blue");
  CHECK(issuer.verify(issuer.issue({.subject = "7"}, now), now)->id !=
        issuer.verify(issuer.issue({.subject = "7"}, now), now)->id);
}

TEST_CASE("all claims are checked, with room for clocks that differ") {
  CHECK(refusal(with("")) == "");
  CHECK(refusal(with(""), now + aft::seconds(929)) == "");
  CHECK(refusal(with(""), now + aft::seconds(930)) == "expired");
  CHECK(refusal(with(""), now - aft::seconds(30)) == "");
  CHECK(refusal(with(""), now - aft::seconds(31)) == "too early");
  CHECK(refusal(with(R"(,"nbf":1700000030)")) == "");
  CHECK(refusal(with(R"(,"nbf":1700000031)")) == "too early");
  const std::string times = R"("iat":1700000000,"exp":1700000900.5})";
  CHECK(refusal(text_of(R"({"iss":"https://example.org","aud":["a","notes"],"sub":"7",)" +
                        times)) == "");
  CHECK(refusal(text_of(R"({"iss":"https://example.org/","aud":"notes","sub":"7",)" + times)) ==
        "wrong issuer");
  CHECK(refusal(text_of(R"({"iss":"https://example.org","aud":"note","sub":"7",)" + times)) ==
        "wrong audience");
  CHECK(refusal(text_of(R"({"iss":"https://example.org","aud":[],"sub":"7",)" + times)) ==
        "wrong audience");
}

TEST_CASE("a token without one of its claims, or with one of another form, is malformed") {
  for (const auto* claims :
       {R"({"aud":"notes","sub":"7","iat":1700000000,"exp":1700000900})",
        R"({"iss":"https://example.org","sub":"7","iat":1700000000,"exp":1700000900})",
        R"({"iss":"https://example.org","aud":"notes","iat":1700000000,"exp":1700000900})",
        R"({"iss":"https://example.org","aud":"notes","sub":"","iat":1700000000,"exp":1700000900})",
        R"({"iss":"https://example.org","aud":"notes","sub":"7","exp":1700000900})",
        R"({"iss":"https://example.org","aud":"notes","sub":"7","iat":1700000000})",
        R"({"iss":"https://example.org","aud":{},"sub":"7","iat":1700000000,"exp":1700000900})",
        R"({"iss":"https://example.org","aud":"notes","sub":"7","iat":0,"exp":"1700000900"})",
        R"({"iss":"https://example.org","aud":"notes","sub":"7","iat":0,"exp":1e300})",
        R"({"iss":"https://example.org","aud":"notes","sub":"7","iat":-1,"exp":1700000900})",
        R"({"iss":"https://example.org","aud":"notes","sub":7,"iat":1,"exp":1700000900})", "[]",
        "x", ""}) {
    CAPTURE(claims);
    CHECK(refusal(text_of(claims)) == "malformed");
  }
}

TEST_CASE("a token for another purpose is of the wrong type") {
  const std::string claims =
      R"({"iss":"https://example.org","aud":"notes","sub":"7","iat":1700000000,"exp":1700000900})";
  CHECK(refusal(text_of(claims, "application/AT+JWT")) == "");
  for (const auto* type : {"", "JWT", "refresh+jwt", "application/jwt"}) {
    CHECK(refusal(text_of(claims, type)) == "wrong type");
  }
}

TEST_CASE("keys are exchanged in turn: published, signing, checking, retired") {
  const auto next = aft::signing_key::make(jws_algorithm::es256, "2");
  aft::token_issuer issuer(options, {{next, now + aft::hours(24)}, {key, {}}});
  CHECK(issuer.keys(now).keys().size() == 2);
  const auto before = issuer.issue({.subject = "7"}, now);
  const auto change = now + aft::hours(24);
  const auto last_of_old = issuer.issue({.subject = "7"}, change - aft::seconds(1));
  const auto first_of_new = issuer.issue({.subject = "7"}, change);
  const auto id_of = [&](const std::string& token) {
    return aft::verify_text(token, issuer.keys(change))->key_id;
  };
  CHECK(id_of(before) == "1");
  CHECK(id_of(last_of_old) == "1");
  CHECK(id_of(first_of_new) == "2");
  CHECK(issuer.verify(last_of_old, change + aft::minutes(14)));
  const auto retired = change + aft::minutes(15) + aft::hours(1);
  CHECK(issuer.keys(retired - aft::seconds(1)).has("1"));
  CHECK(!issuer.keys(retired).has("1"));
  CHECK(issuer.verify(last_of_old, retired).reason() == claim_refusal::unknown_key);
  issuer.replace({{next, {}}});
  CHECK(issuer.verify(first_of_new, change));
  CHECK(issuer.verify(last_of_old, change).reason() == claim_refusal::unknown_key);
}

TEST_CASE("an issuer that cannot be is refused at once") {
  using keys = std::vector<aft::issuing_key>;
  CHECK_THROWS_AS(aft::token_issuer(options, {}), aft::configuration_error);
  CHECK_THROWS_AS(aft::token_issuer(options, keys{{key, {}}, {key, {}}}), aft::configuration_error);
  CHECK_THROWS_AS(aft::token_issuer({}, keys{{key, {}}}), aft::configuration_error);
  CHECK_THROWS_AS(
      aft::token_issuer(options, keys{{aft::signing_key::make(jws_algorithm::eddsa, ""), {}}}),
      aft::configuration_error);
  const aft::token_issuer issuer(options, keys{{key, now}});
  CHECK_THROWS_AS(issuer.issue({.subject = "7"}, now - aft::seconds(1)), aft::error);
  CHECK_THROWS_AS(issuer.issue({.subject = ""}, now), aft::error);
  CHECK_THROWS_AS(issuer.issue({.subject = "7", .more = {R"({"exp":1})"}}, now), aft::error);
  CHECK_THROWS_AS(issuer.issue({.subject = "7", .more = {"[]"}}, now), aft::error);
}

TEST_CASE("the keys are served without a secret") {
  aft::app app;
  const auto secret = aft::signing_key::make(jws_algorithm::hs256, "s");
  const aft::token_issuer issuer(options, {{key, {}}, {secret, app.time().now() + aft::hours(1)}});
  aft::add_jwks_route(app, issuer, app.time());
  const auto answer = app.handle({.target = "/.well-known/jwks.json"});
  CHECK(answer.status == 200);
  CHECK(answer.header("Content-Type") == "application/jwk-set+json");
  CHECK(answer.body == R"({"keys":[)" + key.public_part().to_jwk() + "]}");
}

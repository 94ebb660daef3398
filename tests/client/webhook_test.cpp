#include <aft/client/webhook.hpp>

#include <doctest/doctest.h>

#include <aft/app.hpp>
#include <aft/ground/encoding.hpp>
#include <aft/ground/error.hpp>

namespace {

const std::string one = "whsec_" + aft::to_base64(std::string(24, 'a'));
const std::string two = "whsec_" + aft::to_base64(std::string(32, 'b'));
const aft::time_point now(aft::seconds(1'700'000'000));

}  // namespace

TEST_CASE("what one signs with a secret, another one with the same secret believes") {
  const aft::webhook_signer sender(one), receiver(one), stranger(two);
  aft::app app;
  app.post("/", [&](const aft::request& r) {
    const auto id = receiver.verify(r, now + aft::seconds(3));
    return id ? *id : std::string(to_string(id.reason()));
  });
  const std::string body = R"({"type":"user.created"})";
  CHECK(app.handle({"POST", "/", sender.sign("msg_1", now, body), body}).body == "msg_1");
  CHECK(app.handle({"POST", "/", sender.sign("msg_1", now, body), body + " "}).body ==
        "wrong_signature");
  CHECK(app.handle({"POST", "/", stranger.sign("msg_1", now, body), body}).body ==
        "wrong_signature");
  CHECK(app.handle({"POST", "/", sender.sign("msg_1", now - aft::days(1), body), body}).body ==
        "too_old");
  CHECK(app.handle({"POST", "/", {}, body}).body == "missing_id");
}

TEST_CASE("while a secret is changed both sign, and each is enough") {
  const aft::webhook_signer changing({two, one});
  const auto lines = changing.sign("msg_1", now, "body");
  CHECK(lines[2].second.find(" v1,") != std::string::npos);
  for (const auto& secret : {one, two}) {
    CHECK(
        aft::webhook_signer(secret).verify("msg_1", lines[1].second, lines[2].second, "body", now));
    const auto alone = aft::webhook_signer(secret).sign("msg_1", now, "body");
    CHECK(changing.verify("msg_1", alone[1].second, alone[2].second, "body", now));
  }
}

TEST_CASE("an id is bound to its message") {
  const aft::webhook_signer s(one);
  const auto lines = s.sign("a", now, "b.c");
  const auto& stamp = lines[1].second;
  // The same text "a.TIME.b.c" cut elsewhere has no number in the middle.
  CHECK_FALSE(s.verify("a." + stamp, "b", lines[2].second, "c", now));
  CHECK(s.verify("a", stamp, lines[2].second, "b.c", now));
}

TEST_CASE("strangers' lines are refused with their reason") {
  const aft::webhook_signer s(one);
  const auto lines = s.sign("a", now, "b");
  const auto refusal = [&](const char* time, std::string_view signature) {
    return s.verify("a", time, signature, "b", now).reason();
  };
  for (const auto* time :
       {"-1", "1.5", " 1700000000", "1700000000 ", "0x10", "1e9", "99999999999999999999999"}) {
    CAPTURE(time);
    CHECK(refusal(time, lines[2].second) == aft::webhook_refusal::bad_timestamp);
  }
  CHECK(refusal("9223372036854775807", "v1,a") == aft::webhook_refusal::too_new);
  for (const auto* signature : {" ", "  ", "v1,", "v1", ",", "v1,=", "V1,x"}) {
    CAPTURE(signature);
    CHECK(refusal("1700000000", signature) == aft::webhook_refusal::wrong_signature);
  }
}

TEST_CASE("only secrets of the right form and length are taken") {
  const auto fresh = aft::webhook_signer::new_secret();
  CHECK_NOTHROW(aft::webhook_signer{fresh});
  CHECK(aft::webhook_signer::new_secret() != aft::webhook_signer::new_secret());
  for (const auto& secret : {std::string(), std::string("whsec_"), std::string("secret"),
                             one.substr(6), "whsec_" + aft::to_base64("short"),
                             "whsec_" + aft::to_base64(std::string(65, 'a')), one + "!"}) {
    CAPTURE(secret);
    CHECK_THROWS_AS(aft::webhook_signer{secret}, aft::error);
  }
  CHECK_THROWS_AS(aft::webhook_signer(std::vector<std::string>{}), aft::error);
}

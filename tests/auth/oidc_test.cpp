#include <aft/auth/oidc.hpp>

#include <doctest/doctest.h>

#include <aft/ground/encoding.hpp>
#include <aft/ground/query_string.hpp>

#include "fake_provider.hpp"
#include "token_fixture.hpp"

namespace {

using aft::oidc_refusal;
using namespace fake;

struct oidc_fixture : token_fixture {
  aft::key_ring ring{{aft::make_sealing_key("1")}};
  provider idp{time};
  aft::oidc_options options{.issuer = "https://id.example",
                            .client_id = "notes",
                            .client_secret = "s3cret",
                            .redirect_url = "https://notes.example/back"};
  aft::oidc_client client{options, ring,
                          [this](const aft::oidc_request& r) { return idp.fetch(r); }, time};

  // The whole way; "" where it is let in.
  std::string log_in(const std::function<void(std::string& query)>& meddle = {}) {
    const auto login = client.begin("/notes");
    if (!login) return std::string(aft::to_string(login.reason()));
    auto query = idp.log_in(login->url);
    if (meddle) meddle(query);
    const auto who = client.finish(query, login->cookie);
    return who ? "" : std::string(aft::to_string(who.reason()));
  }
};

}  // namespace

TEST_CASE_FIXTURE(oidc_fixture, "a login elsewhere says who it is") {
  const auto login = client.begin("/notes?a=1");
  REQUIRE(login);
  CHECK(login->url.starts_with("https://id.example/authorize?response_type=code&client_id=notes&"));
  CHECK(login->url.find("s3cret") == std::string::npos);
  const auto who = client.finish(idp.log_in(login->url), login->cookie);
  REQUIRE(who);
  CHECK(who->issuer == "https://id.example");
  CHECK(who->subject == "ada");
  CHECK(who->email == "ada@example.org");
  CHECK(who->email_verified);
  CHECK(who->return_to == "/notes?a=1");
  CHECK(idp.authorization == "Basic " + aft::to_base64("notes:s3cret"));
  CHECK_THROWS_AS((void)client.begin("//evil.example"), aft::error);
  CHECK_THROWS_AS((void)client.begin("https://evil.example"), aft::error);
  CHECK_THROWS_AS((void)client.begin("/\\evil.example"), aft::error);
}

TEST_CASE_FIXTURE(oidc_fixture, "an answer to another login is refused: state, cookie, code") {
  const auto mine = client.begin(), other = client.begin();
  const auto query = idp.log_in(mine->url);
  // Login CSRF: the attacker's answer in the victim's browser.
  CHECK(client.finish(query, other->cookie).reason() == oidc_refusal::wrong_state);
  CHECK(client.finish(query, "").reason() == oidc_refusal::no_login);
  CHECK(client.finish(query, mine->cookie + "A").reason() == oidc_refusal::no_login);
  CHECK(log_in([](auto& q) { q = q.substr(0, q.find("&state")); }) == "wrong state");
  CHECK(log_in([](auto& q) { q += "&state=x"; }) == "wrong state");
  // An injected code: of the attacker's own login, with the victim's state. PKCE refuses it.
  const auto stolen = idp.log_in(other->url);
  CHECK(log_in([&](auto& q) { q = stolen.substr(0, stolen.find('&')) + q.substr(q.find('&')); }) ==
        "code refused");
  // A code works once.
  const auto again = idp.log_in(mine->url);
  CHECK(client.finish(again, mine->cookie));
  CHECK(client.finish(again, mine->cookie).reason() == oidc_refusal::code_refused);
  // Too late.
  const auto late = client.begin();
  const auto answer = idp.log_in(late->url);
  time.advance(aft::minutes(10));
  CHECK(client.finish(answer, late->cookie).reason() == oidc_refusal::no_login);
}

TEST_CASE_FIXTURE(oidc_fixture, "an id_token that is not ours, not now, or not theirs is refused") {
  const auto with = [&](std::function<void(id_token&)> change) {
    idp.change = std::move(change);
    return log_in();
  };
  CHECK(with({}) == "");
  CHECK(with([](id_token& t) { t.nonce = "x"; }) == "wrong nonce");
  CHECK(with([](id_token& t) { t.nonce.reset(); }) == "wrong nonce");
  CHECK(with([](id_token& t) { t.aud = "other"; }) == "bad id_token");
  CHECK(with([](id_token& t) { t.iss = "https://evil.example"; }) == "bad id_token");
  CHECK(with([](id_token& t) { t.iss += "/"; }) == "bad id_token");
  CHECK(with([](id_token& t) { t.exp = t.iat - 61; }) == "bad id_token");
  CHECK(with([](id_token& t) { t.iat += 61; }) == "bad id_token");
  CHECK(with([](id_token& t) { t.sub = ""; }) == "bad id_token");
  CHECK(with([](id_token& t) { t.azp = "other"; }) == "bad id_token");
  CHECK(with([](id_token& t) { t.azp = "notes"; }) == "");
}

TEST_CASE_FIXTURE(oidc_fixture, "an id_token that the provider's keys have not signed is refused") {
  const auto with = [&](std::function<std::string(const std::string&)> sign) {
    idp.sign = std::move(sign);
    return log_in();
  };
  CHECK(with([](const std::string& claims) {
          return aft::to_base64url(R"({"alg":"none"})") + "." + aft::to_base64url(claims) + ".";
        }) == "bad id_token");
  CHECK(with([](const std::string& claims) {
          return aft::sign_text(aft::signing_key::make(aft::jws_algorithm::es256, "p1"), claims);
        }) == "bad id_token");
  // The public key taken for a secret.
  CHECK(with([this](const std::string& claims) {
          return aft::sign_text(aft::signing_key::from_secret("p1", idp.key.public_part().to_jwk()),
                                claims);
        }) == "bad id_token");
  // Our own secret is none of the provider's keys.
  CHECK(with([](const std::string& claims) {
          return aft::sign_text(aft::signing_key::from_secret("p1", std::string(32, 's')), claims);
        }) == "bad id_token");
  // An access token is no id_token.
  CHECK(with([this](const std::string& claims) {
          return aft::sign_text(idp.key, claims, "at+jwt");
        }) == "bad id_token");
  CHECK(with([](const std::string&) { return std::string("x"); }) == "bad id_token");
  CHECK(with({}) == "");
}

TEST_CASE_FIXTURE(oidc_fixture, "a mix-up of providers is refused") {
  // The answer of another one, which names itself.
  CHECK(log_in([](auto& q) { q += "&iss=https%3A%2F%2Fevil.example"; }) == "wrong issuer");
  CHECK(log_in([](auto& q) { q += "&iss=https%3A%2F%2Fid.example"; }) == "");
  // The cookie of a login elsewhere.
  auto elsewhere = options;
  elsewhere.issuer = idp.about.issuer = "https://id.example/b";
  const aft::oidc_client second(
      elsewhere, ring,
      [this](const aft::oidc_request& r) {
        auto to = r;
        if (to.url.find("/b/.well") != to.url.npos) to.url.erase(18, 2);
        return idp.fetch(to);
      },
      time);
  const auto there = second.begin();
  REQUIRE(there);
  const auto query = idp.log_in(there->url);
  CHECK(client.finish(query, there->cookie).reason() == oidc_refusal::no_login);
}

TEST_CASE_FIXTURE(oidc_fixture, "a provider that says it names itself must do so") {
  idp.about.authorization_response_iss_parameter_supported = true;
  CHECK(log_in() == "wrong issuer");
  CHECK(log_in([](auto& q) { q += "&iss=https%3A%2F%2Fid.example"; }) == "");
}

TEST_CASE_FIXTURE(oidc_fixture,
                  "a discovery document of another issuer, or without TLS, is refused") {
  idp.about.issuer = "https://evil.example";
  CHECK(log_in() == "provider wrong");
  idp.about = {};
  idp.about.token_endpoint = "http://id.example/token";
  CHECK(log_in() == "provider wrong");
  idp.about = {};
  idp.is_down = true;
  CHECK(log_in() == "provider down");
  idp.is_down = false;
  CHECK(log_in() == "");
}

TEST_CASE_FIXTURE(oidc_fixture, "who says no is not let in") {
  CHECK(log_in([](auto& q) { q = "error=access_denied" + q.substr(q.find('&')); }) == "denied");
  CHECK(log_in([](auto& q) { q = q.substr(q.find('&') + 1); }) == "denied");
}

TEST_CASE_FIXTURE(oidc_fixture,
                  "the provider's keys are kept, and fetched again when they change") {
  for (int i = 0; i < 3; ++i) CHECK(log_in() == "");
  CHECK(idp.discoveries == 1);
  CHECK(idp.key_fetches == 1);
  idp.key = aft::signing_key::make(aft::jws_algorithm::eddsa, "p2");
  CHECK(log_in() == "bad id_token");  // within a minute of the last fetch nobody makes us ask again
  time.advance(aft::minutes(1));
  CHECK(log_in() == "");
  CHECK(idp.key_fetches == 2);
  idp.sign = [](const std::string& claims) {
    return aft::sign_text(aft::signing_key::make(aft::jws_algorithm::eddsa, "made up"), claims);
  };
  for (int i = 0; i < 5; ++i) CHECK(log_in() == "bad id_token");
  CHECK(idp.key_fetches == 2);
  idp.sign = {};
  time.advance(aft::hours(1));
  CHECK(log_in() == "");
  CHECK(idp.key_fetches == 3);
  CHECK(idp.discoveries == 2);
}

TEST_CASE_FIXTURE(oidc_fixture,
                  "accounts are linked by addresses that both sides have proven alone") {
  const aft::oidc_identity ada{"https://id.example", "ada", "ada@example.org", true, "{}", "/"};
  std::optional<aft::account_of_email> local;
  const auto account = [&](const aft::oidc_identity& who) {
    return write([&](aft::transaction& tx) {
      return aft::account_of_identity(tx, who, [&](std::string_view) { return local; });
    });
  };
  using aft::link_refusal;
  CHECK(account(ada).reason() == link_refusal::no_account);
  auto unproven = ada;
  unproven.email_verified = false;
  local = {"7", true};
  CHECK(account(unproven).reason() == link_refusal::email_unverified);
  local = {"7", false};  // made by somebody who waits for her
  CHECK(account(ada).reason() == link_refusal::account_unverified);
  local = {"7", true};
  CHECK(*account(ada) == "7");
  local.reset();
  CHECK(*account(unproven) == "7");  // it is linked now
  auto same_name_elsewhere = ada;
  same_name_elsewhere.issuer = "https://evil.example";
  CHECK(account(same_name_elsewhere).reason() == link_refusal::no_account);
  const auto link = [&](const char* subject) {
    return write([&](aft::transaction& tx) { return aft::link_identity(tx, ada, subject); });
  };
  CHECK(link("7"));
  CHECK(!link("8"));
  CHECK(write([&](aft::transaction& tx) { return aft::unlink_identity(tx, "7", ada.issuer); }));
  CHECK(link("8"));
}

TEST_CASE_FIXTURE(oidc_fixture, "a client that cannot be is refused at once") {
  const auto fetch = [](const aft::oidc_request&) { return aft::oidc_answer(); };
  for (auto* wrong : {&options.issuer, &options.redirect_url, &options.client_id}) {
    auto kept = *wrong;
    *wrong = wrong == &options.client_id ? "" : "http://id.example";
    CHECK_THROWS_AS(aft::oidc_client(options, ring, fetch, time), aft::configuration_error);
    *wrong = kept;
  }
  CHECK_THROWS_AS(aft::oidc_client(options, ring, {}, time), aft::configuration_error);
}

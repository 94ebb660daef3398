// Log-ins with accounts elsewhere, from the link on our page back to it.

#include <doctest/doctest.h>

#include "../auth/fake_provider.hpp"
#include "credentials_app.hpp"
#include "page_client.hpp"

namespace auth = aft::auth;

namespace {

constexpr auto session_name = "__Host-session";

struct with_provider {
  aft::manual_clock their_time{aft::time_point(aft::seconds(1'769'860'800))};
  aft::key_ring login_ring{{aft::make_sealing_key("1")}};
  fake::provider idp{their_time};
  aft::oidc_client client{
      {.issuer = "https://id.example",
       .client_id = "notes",
       .client_secret = "s3cret",
       .redirect_url = "https://notes.example.org/api/account/oidc/example-id/callback"},
      login_ring,
      [this](const aft::oidc_request& r) { return idp.fetch(r); },
      their_time};
};

struct provider_app : with_provider, credentials_app {
  explicit provider_app(aft::accounts how = {})
      : credentials_app(with_login(client, std::move(how))) {
    app.get("/me", [](const aft::user& me) { return me.email; });
  }
  static aft::accounts with_login(const aft::oidc_client& client, aft::accounts how) {
    how.providers.push_back({"example-id", "Example ID", &client});
    return how;
  }

  // To the provider, in there, and back.
  std::string go(browser& b, const std::string& return_to = "") {
    const auto query = return_to.empty() ? "" : "?return_to=" + return_to;
    const auto to = b.get("/api/account/oidc/example-id/login" + query).expect(303);
    return "/api/account/oidc/example-id/callback?" +
           idp.log_in(std::string(to.response().header("Location").value_or("")));
  }
  aft::checked_response log_in(browser& b) { return b.get(go(b)); }
  std::int64_t accounts() { return app.db().one<std::int64_t>("select count(*) from aft_account"); }
};

}  // namespace

TEST_CASE_FIXTURE(provider_app, "who logs in elsewhere has an account and a session here") {
  browser ada(app);
  CHECK(has_text(ada.get("/account/login"), "Log in with Example ID"));
  const auto back = ada.get(go(ada, "/notes")).expect(303).expect_header("Location", "/notes");
  CHECK(!cookie_of(back, session_name).empty());
  CHECK(cookie_of(back, "__Host-oidc").empty());  // and taken away
  ada.get("/me").expect(200).expect_body("ada@example.org");
  ada.get("/api/account/me").expect(200).expect_json("/verified", "true");
  browser again(app);
  log_in(again).expect(303).expect_header("Location", "/");
  again.get("/api/account/me").expect(200).expect_json("/id", "1");
  CHECK(accounts() == 1);
  again.log_in("ada@example.org", "").expect(422);
  again.log_in("ada@example.org", "anything").expect(401);  // it has no password
  CHECK(std::count(events.begin(), events.end(), "user_created") == 1);
}

TEST_CASE_FIXTURE(provider_app, "an account is linked by an address that both sides have proven") {
  const auto mine = add("ada@example.org", {"editor"});
  browser ada(app);
  log_in(ada).expect(303);
  ada.get("/api/account/me").expect(200).expect_json("/id", std::to_string(mine.id));
  // Linked from now on, whatever address the provider says later.
  idp.change = [](fake::id_token& t) { t.email = "lovelace@example.org"; };
  browser again(app);
  log_in(again).expect(303);
  again.get("/me").expect(200).expect_body("ada@example.org");
}

TEST_CASE_FIXTURE(provider_app, "an address that one side alone has proven links nothing") {
  browser eve(app);
  idp.verified = false;
  add("ada@example.org");
  const auto refused = log_in(eve).expect(403);
  CHECK(has_text(refused, "does not say that the e-mail address is yours"));
  CHECK(cookie_of(refused, session_name).empty());
  eve.get("/me").expect(401);
  idp.verified = true;
  app.db().write(
      [](aft::transaction& tx) { tx.execute("update aft_account set verified_at = null"); });
  CHECK(has_text(log_in(eve).expect(403), "nobody has proven"));
  eve.get("/me").expect(401);
  CHECK(accounts() == 1);
}

TEST_CASE_FIXTURE(provider_app, "a log-in elsewhere does not go around the second factor") {
  add("ada@example.org");
  browser owner(app), ada(app);
  owner.log_in("ada@example.org").expect(200);
  const auto phone = enrol(owner).app;
  log_in(ada).expect(303).expect_header("Location", "/account/second");
  ada.get("/me").expect(401);
  send_form(ada, "/account/second", "code=" + phone.code(time.now())).expect(303);
  ada.get("/me").expect(200);
}

TEST_CASE_FIXTURE(provider_app, "what is not the answer to one's own log-in lets nobody in") {
  browser ada(app), eve(app);
  const auto way_back = go(eve);
  ada.get(way_back).expect(403);  // without the cookie of that log-in
  ada.get("/api/account/oidc/example-id/login").expect(303);
  ada.get(way_back).expect(403);  // with another one's
  ada.get("/me").expect(401);
  auto other_state = way_back;
  other_state.back() = other_state.back() == 'A' ? 'B' : 'A';
  eve.get(other_state).expect(403);
  eve.get("/me").expect(401);
  browser denied(app);
  denied.get("/api/account/oidc/example-id/login").expect(303);
  denied.get("/api/account/oidc/example-id/callback?error=access_denied").expect(403);
  idp.change = [](fake::id_token& t) { t.aud = "another client"; };
  browser forged(app);
  log_in(forged).expect(403);
  forged.get("/me").expect(401);
}

TEST_CASE_FIXTURE(provider_app,
                  "a log-in elsewhere is begun by our pages, and leads back to them") {
  browser ada(app);
  for (auto* site : {"cross-site", "same-site"}) {
    ada.send({"GET", "/api/account/oidc/example-id/login", {{"Sec-Fetch-Site", site}}, ""})
        .expect(403);
  }
  for (auto* to : {"https://evil.example/", "//evil.example/", "/\\evil.example"}) {
    ada.get("/api/account/oidc/example-id/login?return_to=" + std::string(to)).expect(400);
  }
  idp.is_down = true;
  browser early(app);
  early.get("/api/account/oidc/example-id/login").expect(502);
}

TEST_CASE_FIXTURE(provider_app, "a session from before a log-in elsewhere is not taken over") {
  add("eve@example.org");
  browser eve(app), ada(app);
  const auto planted = cookie_of(eve.log_in("eve@example.org").expect(200), session_name);
  const auto way_back = go(ada);
  ada.header("Cookie", "__Host-session=" + planted);
  CHECK(eve.get("/me").expect(200).body() == "eve@example.org");
  browser mixed(app);
  mixed.log_in("eve@example.org").expect(200);
  const auto back = log_in(mixed).expect(303);
  CHECK(cookie_of(back, session_name) != planted);
  mixed.get("/me").expect(200).expect_body("ada@example.org");
}

TEST_CASE_FIXTURE(provider_app, "a disabled account, or one that was erased, is not let in") {
  browser ada(app);
  log_in(ada).expect(303);
  app.db().write([](aft::transaction& tx) { auth::set_disabled(tx, 1, true); });
  browser again(app);
  log_in(again).expect(403);
  app.db().write([](aft::transaction& tx) { auth::erase_account(tx, 1); });
  log_in(again).expect(303);  // a new one
  again.get("/api/account/me").expect(200).expect_json("/id", "2");
}

TEST_CASE("where nobody may register, a log-in elsewhere makes no account") {
  aft::accounts closed;
  closed.registration = false;
  provider_app a(std::move(closed));
  browser ada(a.app);
  a.log_in(ada).expect(403);
  CHECK(a.accounts() == 0);
}

TEST_CASE("without pages, refusals are problems") {
  aft::accounts bare;
  bare.pages.clear();
  provider_app a(std::move(bare));
  a.idp.verified = false;
  browser ada(a.app);
  a.log_in(ada).expect(403).expect_json("/code", "\"email_unverified\"");
}

TEST_CASE("a provider has a name for its path, and a client") {
  for (auto* name : {"", "Example", "a/b"}) {
    aft::accounts how;
    how.providers.push_back({name, "", nullptr});
    aft::app app({.database = ":memory:"});
    CHECK_THROWS_AS(app.use(std::move(how)), aft::configuration_error);
  }
}

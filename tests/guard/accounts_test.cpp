#include <aft/guard/accounts.hpp>

#include <algorithm>

#include <doctest/doctest.h>

#include "../metrics_reader.hpp"
#include "guarded_app.hpp"

namespace auth = aft::auth;

namespace {
struct email_only {
  std::string email;
};
struct token_only {
  std::string token;
};
struct change {
  std::string current, password;
};
constexpr auto session_name = "__Host-session";
}  // namespace

TEST_CASE_FIXTURE(guarded_app, "an account is made by the link that was mailed, and logs in") {
  browser ada(app);
  ada.post("/api/account/register", credentials{"ada@example.org"}).expect(202).expect_body("");
  REQUIRE(messages.size() == 1);
  CHECK(messages[0].kind == aft::account_message_kind::confirm_registration);
  CHECK(messages[0].to == "ada@example.org");
  CHECK(messages[0].link == "https://notes.example.org/account/confirm?token=" + messages[0].token);
  ada.log_in("ada@example.org").expect(401);  // not yet
  ada.post("/api/account/confirm", token_only{messages[0].token}).expect(204);
  ada.post("/api/account/confirm", token_only{messages[0].token}).expect(400);
  const auto in = ada.log_in("ada@example.org").expect(200);
  CHECK(in.body() == R"({"id":1,"email":"ada@example.org","verified":true,"roles":[]})");
  ada.get("/api/account/me").expect(200);
  ada.post("/api/account/logout").expect(204);
  ada.get("/api/account/me").expect(401);
}

TEST_CASE("without messages an account is good at once") {
  guarded_app a(":memory:", {}, false);
  browser ada(a.app);
  ada.post("/api/account/register", credentials{"ada@example.org"}).expect(202);
  ada.log_in("ada@example.org").expect(200).expect_json("/verified", "false");
  ada.post("/api/account/password/forgot", email_only{"ada@example.org"}).expect(404);
}

TEST_CASE_FIXTURE(guarded_app,
                  "cookies are bound to the host, out of reach of scripts, and Secure") {
  add("ada@example.org");
  browser ada(app);
  const auto in = ada.log_in("ada@example.org").expect(200);
  int seen = 0;
  for (const auto& [name, value] : in.response().headers) {
    if (name != "Set-Cookie") continue;
    ++seen;
    CHECK(value.starts_with("__Host-"));
    for (auto* part : {"; Path=/", "; HttpOnly", "; Secure", "; SameSite=Lax", "; Max-Age="}) {
      CHECK(value.find(part) != value.npos);
    }
    CHECK(value.find("Domain") == value.npos);
  }
  CHECK(seen == 2);
  in.expect_header("Cache-Control", "no-store");
}

TEST_CASE_FIXTURE(guarded_app, "a session that was planted before the login is not taken over") {
  add("ada@example.org");
  add("eve@example.org");
  browser eve(app);
  const auto planted = cookie_of(eve.log_in("eve@example.org"), session_name);
  browser ada(app);
  ada.header("Cookie", "__Host-session=" + planted);
  const auto mine = cookie_of(ada.log_in("ada@example.org").expect(200), session_name);
  CHECK(mine != planted);
  eve.get("/api/account/me").expect(401);  // what was planted has ended
  browser made_up(app);
  made_up.header("Cookie", "__Host-session=chosen-by-somebody");
  CHECK(cookie_of(made_up.log_in("ada@example.org"), session_name) != "chosen-by-somebody");
  made_up.get("/api/account/me").expect(401);
}

TEST_CASE_FIXTURE(guarded_app, "a token from before a logout or a renewal is of no use") {
  add("ada@example.org");
  browser ada(app), thief(app);
  const auto first = cookie_of(ada.log_in("ada@example.org"), session_name);
  thief.header("Cookie", "__Host-session=" + first);
  thief.get("/api/account/me").expect(200);
  ada.post("/api/account/password", change{password, "umbrella stand toast"}).expect(200);
  thief.get("/api/account/me").expect(401);
  ada.get("/api/account/me").expect(200);
  ada.post("/api/account/logout").expect(204);
  CHECK(app.db().one<int>("select count(*) from aft_session") == 0);
}

TEST_CASE_FIXTURE(guarded_app, "sessions are listed and ended, at the next request, on all nodes") {
  add("ada@example.org");
  browser here(app), there(app), third(app);
  here.log_in("ada@example.org");
  there.log_in("ada@example.org");
  third.log_in("ada@example.org");
  struct view {
    std::int64_t id;
    bool current;
  };
  const auto all = here.get("/api/account/sessions").expect(200).json<std::vector<view>>();
  REQUIRE(all.size() == 3);
  CHECK(std::count_if(all.begin(), all.end(), [](auto& v) { return v.current; }) == 1);
  const auto other = std::find_if(all.begin(), all.end(), [](auto& v) { return v.id == 2; });
  REQUIRE(other != all.end());
  here.del("/api/account/sessions/2").expect(204);
  there.get("/api/account/me").expect(401);
  here.del("/api/account/sessions/2").expect(404);
  here.del("/api/account/sessions").expect(200).expect_json("/ended", "1");
  third.get("/api/account/me").expect(401);
  here.get("/api/account/me").expect(200);
}

TEST_CASE_FIXTURE(guarded_app, "the metrics count sessions") {
  add("ada@example.org");
  browser a(app), b(app);
  a.log_in("ada@example.org").expect(200);
  b.log_in("ada@example.org").expect(200);
  CHECK(metrics_reader::read(app.metrics().text()).at("aft_auth_sessions") == 2);
}

TEST_CASE_FIXTURE(guarded_app, "nobody ends the sessions of others") {
  add("ada@example.org");
  add("eve@example.org");
  browser ada(app), eve(app);
  ada.log_in("ada@example.org");
  eve.log_in("eve@example.org");
  eve.del("/api/account/sessions/1").expect(404);
  eve.del("/api/account/sessions").expect(200).expect_json("/ended", "0");
  ada.get("/api/account/me").expect(200);
}

TEST_CASE_FIXTURE(guarded_app, "the last use of a session is noted, so that it lasts while used") {
  add("ada@example.org");
  browser ada(app);
  ada.log_in("ada@example.org");
  for (int i = 0; i < 4; ++i) {
    time.advance(aft::days(10));
    ada.get("/api/account/me").expect(200);
    app.db().write([](aft::transaction&) {});  // what was noted before is committed before
    // Of low priority, it may come after; it does come.
    while (app.db().one<aft::time_point>("select seen_at from aft_session") != time.now()) {
      app.db().write([](aft::transaction&) {});
    }
  }
  time.advance(aft::days(15));
  ada.get("/api/account/me").expect(401);
}

TEST_CASE_FIXTURE(guarded_app, "a forgotten password is replaced by a link that is good once") {
  add("ada@example.org");
  browser ada(app), thief(app);
  thief.log_in("ada@example.org").expect(200);
  ada.post("/api/account/password/forgot", email_only{"Ada@example.org"}).expect(202);
  REQUIRE(messages.size() == 1);
  CHECK(messages[0].kind == aft::account_message_kind::reset_password);
  const auto token = messages[0].token;
  const auto reset = [&](const std::string& wanted) {
    return ada.post("/api/account/password/reset", token_and_password{token, wanted});
  };
  reset("password1").expect(422).expect_error("/password");
  reset("umbrella stand toast").expect(204);
  reset("umbrella stand bread").expect(400).expect_json("/code", "\"useless_token\"");
  CHECK(messages.back().kind == aft::account_message_kind::password_changed);
  thief.get("/api/account/me").expect(401);   // all sessions are over
  ada.get("/api/account/me").expect(401);     // and none begins by itself
  ada.log_in("ada@example.org").expect(401);  // with the old one
  ada.log_in("ada@example.org", "umbrella stand toast").expect(200);
}

TEST_CASE_FIXTURE(guarded_app, "a link for a new password is good for half an hour") {
  add("ada@example.org");
  browser ada(app);
  ada.post("/api/account/password/forgot", email_only{"ada@example.org"}).expect(202);
  time.advance(aft::minutes(30));
  ada.post("/api/account/password/reset",
           token_and_password{messages.at(0).token, "umbrella stand toast"})
      .expect(400);
  // A registration's token resets nothing.
  ada.post("/api/account/register", credentials{"new@example.org"}).expect(202);
  ada.post("/api/account/password/reset",
           token_and_password{messages.back().token, "umbrella stand toast"})
      .expect(400);
}

TEST_CASE_FIXTURE(guarded_app, "one address is not sent message upon message") {
  add("ada@example.org");
  browser ada(app);
  for (int i = 0; i < 5; ++i) {
    ada.post("/api/account/password/forgot", email_only{"ada@example.org"}).expect(202);
  }
  CHECK(messages.size() <= 2);
  const auto before = messages.size();
  time.advance(aft::minutes(15));
  ada.post("/api/account/password/forgot", email_only{"ada@example.org"}).expect(202);
  CHECK(messages.size() == before + 1);
}

TEST_CASE_FIXTURE(guarded_app,
                  "an address is changed by a link to the new one, and the old is told") {
  add("ada@example.org");
  add("eve@example.org");
  browser ada(app);
  ada.log_in("ada@example.org");
  ada.post("/api/account/email", email_only{"lovelace@example.org"}).expect(202);
  REQUIRE(messages.size() == 1);
  CHECK(messages[0].to == "lovelace@example.org");
  ada.get("/api/account/me").expect_json("/email", "\"ada@example.org\"");
  ada.post("/api/account/confirm", token_only{messages[0].token}).expect(204);
  ada.get("/api/account/me").expect_json("/email", "\"lovelace@example.org\"");
  CHECK(messages.back().kind == aft::account_message_kind::email_changed);
  CHECK(messages.back().to == "ada@example.org");
  // Of an address that another has, the answer tells nothing, and its owner is told.
  ada.post("/api/account/email", email_only{"eve@example.org"}).expect(202);
  CHECK(messages.back().kind == aft::account_message_kind::already_registered);
  CHECK(messages.back().to == "eve@example.org");
  time.advance(aft::minutes(11));
  ada.post("/api/account/email", email_only{"x@example.org"}).expect(403);  // no more fresh
}

TEST_CASE_FIXTURE(guarded_app, "answers do not tell who has an account") {
  add("ada@example.org");
  const auto shown = [](const aft::checked_response& r) {
    std::string all = std::to_string(r.status()) + r.body();
    for (const auto& [name, value] : r.response().headers) {
      if (name != "Date") all += name + ":" + value + "\n";
    }
    return all;
  };
  const auto same = [&](auto ask) {
    browser one(app), other(app);
    CHECK(shown(ask(one, "ada@example.org")) == shown(ask(other, "bob@example.org")));
  };
  same([](browser& b, const std::string& email) { return b.log_in(email, "umbrella stand"); });
  same([](browser& b, const std::string& email) {
    return b.post("/api/account/register", credentials{email});
  });
  same([](browser& b, const std::string& email) {
    return b.post("/api/account/password/forgot", email_only{email});
  });
  // And attempts are counted alike.
  for (int i = 0; i < 8; ++i) {
    same([](browser& b, const std::string& email) { return b.log_in(email, "umbrella stand"); });
  }
}

TEST_CASE_FIXTURE(guarded_app, "an address that is taken is told to its owner alone") {
  add("ada@example.org");
  browser eve(app);
  eve.post("/api/account/register", credentials{"ADA@example.org", "umbrella stand"}).expect(202);
  REQUIRE(messages.size() == 1);
  CHECK(messages[0].kind == aft::account_message_kind::already_registered);
  CHECK(messages[0].to == "ada@example.org");
  CHECK(messages[0].token == "");
  eve.log_in("ada@example.org", "umbrella stand").expect(401);
}

TEST_CASE_FIXTURE(guarded_app, "who registers first with another's address gains nothing by it") {
  browser eve(app), ada(app);
  eve.post("/api/account/register", credentials{"ada@example.org", "umbrella stand"}).expect(202);
  time.advance(aft::minutes(20));
  ada.post("/api/account/register", credentials{"ada@example.org"}).expect(202);
  REQUIRE(messages.size() == 2);
  ada.post("/api/account/confirm", token_only{messages[1].token}).expect(204);
  ada.post("/api/account/confirm", token_only{messages[0].token});  // followed by mistake
  eve.log_in("ada@example.org", "umbrella stand").expect(401);
  ada.log_in("ada@example.org").expect(200);
}

TEST_CASE_FIXTURE(guarded_app, "what a stranger adds to a request does not make an admin") {
  browser eve(app);
  for (auto* extra : {R"("roles":["admin"])", R"("verified":true)", R"("tenant":1)", R"("id":1)"}) {
    const auto body =
        std::string(R"({"email":"eve@example.org","password":"umbrella stand",)") + extra + "}";
    eve.send({"POST", "/api/account/register", {{"Content-Type", "application/json"}}, body})
        .expect(422);
  }
  CHECK(messages.empty());
}

TEST_CASE_FIXTURE(guarded_app, "weak passwords are refused with their reason") {
  browser ada(app);
  for (auto* weak : {"short", "password1", "ada.example"}) {
    ada.post("/api/account/register", credentials{"ada.example@notes.org", weak})
        .expect(422)
        .expect_error("/password");
  }
}

TEST_CASE_FIXTURE(guarded_app, "guesses at a password have to wait, and for longer each time") {
  add("ada@example.org");
  browser eve(app);
  for (int i = 0; i < 5; ++i) eve.log_in("ada@example.org", "guess guess").expect(401);
  eve.log_in("ada@example.org", "guess guess").expect(429).expect_header("Retry-After");
  eve.log_in("ada@example.org").expect(429);  // though it is right
  time.advance(aft::minutes(15));
  eve.log_in("ada@example.org").expect(200);
}

TEST_CASE_FIXTURE(guarded_app, "the owner comes in from a known device while others guess") {
  add("ada@example.org");
  browser ada(app), eve(app), new_device(app);
  ada.log_in("ada@example.org").expect(200);
  ada.post("/api/account/logout").expect(204);
  for (int i = 0; i < 30; ++i) eve.log_in("ada@example.org", "guess guess");
  new_device.log_in("ada@example.org").expect(429);
  ada.log_in("ada@example.org").expect(200);
  // But a known device guesses no better than others.
  ada.post("/api/account/logout").expect(204);
  int refused = 0;
  for (int i = 0; i < 10; ++i) refused += ada.log_in("ada@example.org", "guess").status() == 429;
  CHECK(refused > 0);
}

TEST_CASE_FIXTURE(guarded_app, "pages of other sites can neither log in nor act by the cookie") {
  add("ada@example.org");
  browser ada(app);
  ada.log_in("ada@example.org").expect(200);
  struct from {
    std::vector<std::pair<std::string, std::string>> headers;
    bool may;
  };
  const std::vector<from> cases{
      {{}, true},  // a program
      {{{"Sec-Fetch-Site", "same-origin"}}, true},
      {{{"Sec-Fetch-Site", "none"}}, true},
      {{{"Sec-Fetch-Site", "same-site"}}, false},
      {{{"Sec-Fetch-Site", "cross-site"}}, false},
      {{{"Sec-Fetch-Site", "cross-site"}, {"Origin", "http://127.0.0.1"}}, false},
      {{{"Sec-Fetch-Site", "nonsense"}}, false},
      {{{"Origin", "http://127.0.0.1"}, {"Host", "127.0.0.1"}}, true},
      {{{"Origin", "https://evil.example"}}, false},
      {{{"Origin", "null"}}, false},
  };
  for (const auto& c : cases) {
    CAPTURE(c.headers.empty() ? "" : c.headers[0].second);
    for (auto* target : {"/api/account/login", "/api/account/reauthenticate"}) {
      auto headers = c.headers;
      headers.emplace_back("Content-Type", "application/json");
      const auto body = std::string(target).ends_with("login")
                            ? R"({"email":"ada@example.org","password":"kelp harbor quilt"})"
                            : R"({"password":"kelp harbor quilt"})";
      const int status = ada.send({"POST", target, headers, body}).status();
      CHECK(status == (c.may ? 200 : 403));
    }
  }
}

TEST_CASE("with signed tokens, a cookie alone changes nothing") {
  aft::accounts how;
  how.csrf_tokens = true;
  guarded_app a(":memory:", std::move(how));
  a.add("ada@example.org");
  a.add("eve@example.org");
  browser ada(a.app), eve(a.app);
  struct csrf {
    std::string token;
  };
  struct password_only {
    std::string password = guarded_app::password;
  };
  ada.log_in("ada@example.org").expect(200);
  eve.log_in("eve@example.org").expect(200);
  const auto hers = eve.get("/api/account/csrf").expect(200).json<csrf>().token;
  ada.post("/api/account/reauthenticate", password_only{})
      .expect(403)
      .expect_json("/code", "\"csrf_token\"");
  ada.header("X-CSRF-Token", hers);
  ada.post("/api/account/reauthenticate", password_only{}).expect(403);
  ada.header("X-CSRF-Token", ada.get("/api/account/csrf").expect(200).json<csrf>().token);
  ada.post("/api/account/reauthenticate", password_only{}).expect(200);
  // Bound to the session, which has another token now.
  ada.post("/api/account/reauthenticate", password_only{}).expect(403);
}

TEST_CASE_FIXTURE(guarded_app, "a copy of the database logs nobody in") {
  add("ada@example.org");
  browser ada(app);
  const auto in = ada.log_in("ada@example.org").expect(200);
  ada.post("/api/account/password/forgot", email_only{"ada@example.org"}).expect(202);
  // All that is stored as text, tried in each place where a secret is asked for.
  std::vector<std::string> stored = app.db().all<std::string>(
      "select token_hash from aft_session union all select token_hash from aft_device union all "
      "select token_hash from aft_mailed_token union all select password from aft_account");
  CHECK(stored.size() == 4);
  for (const auto& text : stored) {
    CAPTURE(text);
    for (const auto& secret : {cookie_of(in, session_name), cookie_of(in, "__Host-device"),
                               messages.at(0).token, std::string(password)}) {
      CHECK(text.find(secret) == text.npos);
    }
    browser thief(app);
    thief.header("Cookie", "__Host-session=" + text);
    thief.get("/api/account/me").expect(401);
    thief.post("/api/account/password/reset", token_and_password{text, "umbrella stand toast"});
    CHECK(thief.log_in("ada@example.org", text).status() != 200);
    time.advance(aft::minutes(1));
  }
  browser still(app);
  time.advance(aft::minutes(15));
  still.log_in("ada@example.org").expect(200);
}

TEST_CASE("a password is stored anew at the login, where a pepper came after it") {
  aft::accounts how;
  how.pepper.key = std::string(32, 'p');
  guarded_app a(":memory:", std::move(how));
  a.add("ada@example.org");
  browser ada(a.app);
  const auto stored = [&] {
    return a.app.db().one<std::string>("select password from aft_account");
  };
  const auto before = stored();
  ada.log_in("ada@example.org", "wrong wrong").expect(401);
  CHECK(stored() == before);
  ada.log_in("ada@example.org").expect(200);
  CHECK(stored().starts_with("peppered:"));
  ada.log_in("ada@example.org").expect(200);
}

TEST_CASE_FIXTURE(guarded_app, "hashes of other programs let in, and are made anew by that") {
  // Of passlib and Django, for "correct horse".
  const std::vector<std::string> imported{
      "pbkdf2_sha256$1000$seasalt$mQnueSakb748zqBAC1tmWVZsZbi2zPGZarEzTGdfmso=",
      "$pbkdf2-sha256$1000$MDEyMzQ1Njc4OWFiY2RlZg$cBg8D2DungRB9k76szThf5ehfyBz991ay6PT8Srwk4M",
      "$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e"};
  const auto stored = [&](const std::string& email) {
    return app.db().read([&](aft::reader& db) { return auth::password_of(db, email); });
  };
  int i = 0;
  for (const auto& hash : imported) {
    CAPTURE(hash);
    const auto email = "user" + std::to_string(++i) + "@example.org";
    app.db().write([&](aft::transaction& tx) {
      REQUIRE(auth::add_account(tx, {.email = email, .password_hash = hash, .verified = true}));
    });
    browser b(app);
    b.log_in(email, "wrong horse").expect(401);
    CHECK(stored(email) == hash);
    b.log_in(email, "correct horse").expect(200);
    const auto anew = stored(email);
    CHECK(anew.starts_with("$argon2id$v=19$m=8192,t=1,p=1$"));
    b.log_in(email, "correct horse").expect(200);
    CHECK(stored(email) == anew);
    b.log_in(email, "wrong horse").expect(401);
  }
}

TEST_CASE_FIXTURE(guarded_app, "nothing secret is logged, and events have their names") {
  add("ada@example.org");
  browser ada(app);
  ada.log_in("ada@example.org", "wrong wrong").expect(401);
  const auto in = ada.log_in("ada@example.org").expect(200);
  CHECK(events == std::vector<std::string>{"authn_login_fail", "authn_login_success"});
  CHECK(logged.find(password) == std::string::npos);
  CHECK(logged.find(cookie_of(in, session_name)) == std::string::npos);
}

TEST_CASE("what accounts cannot work with is refused at once") {
  const auto use = [](aft::accounts how) {
    aft::app app({.database = ":memory:"});
    app.use(std::move(how));
  };
  aft::accounts no_slash;
  no_slash.api = "account/";
  CHECK_THROWS_AS(use(std::move(no_slash)), aft::configuration_error);
  aft::accounts short_pepper;
  short_pepper.pepper.key = "short";
  CHECK_THROWS_AS(use(std::move(short_pepper)), aft::configuration_error);
  aft::accounts no_site;
  no_site.on_message = [](aft::transaction&, const aft::account_message&) {};
  CHECK_THROWS_AS(use(std::move(no_site)), aft::configuration_error);
  aft::app without_database;
  without_database.use(aft::accounts{});
  CHECK_THROWS_AS(without_database.prepare(), aft::configuration_error);
}

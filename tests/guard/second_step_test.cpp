// Log-ins with a second factor, by routes and by pages.

#include <algorithm>

#include <doctest/doctest.h>

#include "credentials_app.hpp"
#include "page_client.hpp"

namespace auth = aft::auth;

namespace {

constexpr auto session_name = "__Host-session";

struct email_only {
  std::string email;
};

bool has_kind(const std::vector<aft::account_message>& all, aft::account_message_kind kind) {
  return std::any_of(all.begin(), all.end(), [&](const auto& m) { return m.kind == kind; });
}

}  // namespace

TEST_CASE_FIXTURE(credentials_app,
                  "a log-in with a second factor counts for nothing until its code is shown") {
  add("ada@example.org");
  browser owner(app), ada(app);
  owner.log_in("ada@example.org").expect(200);
  const auto phone = enrol(owner).app;
  const auto half = ada.log_in("ada@example.org").expect(202);
  CHECK(half.body() == R"({"second_factor_needed":true})");
  CHECK(cookie_of(half, "__Host-device").empty());
  ada.get("/api/account/me").expect(401).expect_json("/code", "\"second_factor_needed\"");
  ada.get("/api/account/sessions").expect(401);
  ada.post("/api/account/reauthenticate", password_only{}).expect(401);
  show(ada, "000000").expect(422).expect_json("/code", "\"wrong_code\"");
  const auto code = phone.code(time.now());
  const auto whole = show(ada, code).expect(200).expect_json("/email", "\"ada@example.org\"");
  const auto first = cookie_of(half, session_name), second = cookie_of(whole, session_name);
  CHECK(!second.empty());
  CHECK(first != second);
  ada.get("/api/account/me").expect(200);
  browser thief(app);  // who has seen all of it
  thief.header("Cookie", "__Host-session=" + first);
  thief.get("/api/account/me").expect(401);
  show(thief, code).expect(401).expect_json("/code", "\"not_signed_in\"");
  browser again(app);
  again.log_in("ada@example.org").expect(202);
  show(again, code).expect(422);  // each code works once
  time.advance(aft::seconds(30));
  show(again, phone.code(time.now())).expect(200);
}

TEST_CASE_FIXTURE(credentials_app, "a recovery code lets in once, and its owner is told") {
  add("ada@example.org");
  browser owner(app), ada(app);
  owner.log_in("ada@example.org").expect(200);
  const auto codes = enrol(owner).codes;
  messages.clear();
  ada.log_in("ada@example.org").expect(202);
  auto typed = codes.at(0);
  for (char& c : typed) c = c == '-' ? ' ' : c;
  show(ada, typed).expect(200);
  CHECK(has_kind(messages, aft::account_message_kind::recovery_code_used));
  browser again(app);
  again.log_in("ada@example.org").expect(202);
  show(again, codes[0]).expect(422);
  show(again, codes[1]).expect(200);
  again.get("/api/account/totp").expect(200).expect_json("/recovery_codes", "8");
}

TEST_CASE_FIXTURE(credentials_app,
                  "guesses at a code have to wait, but not the owner at a known device") {
  add("ada@example.org");
  browser ada(app), eve(app);
  ada.log_in("ada@example.org").expect(200);
  const auto owned = enrol(ada);
  ada.post("/api/account/logout").expect(204);
  eve.log_in("ada@example.org").expect(202);  // who knows the password
  int wrong = 0;
  while (show(eve, "no-such-recovery-code").status() == 422) ++wrong;
  CHECK(wrong == 5);
  show(eve, owned.codes[0]).expect(429).expect_header("Retry-After");  // though it is right
  ada.log_in("ada@example.org").expect(202);
  show(ada, owned.app.code(time.now())).expect(200);
  CHECK(std::count(events.begin(), events.end(), "authn_login_lock") >= 1);
}

TEST_CASE("who knows the password alone can neither wait for long nor push others out") {
  aft::accounts few;
  few.sessions.most_per_account = 2;
  credentials_app a(std::move(few));
  a.add("ada@example.org");
  browser ada(a.app), eve(a.app);
  ada.log_in("ada@example.org").expect(200);
  const auto phone = a.enrol(ada).app;
  for (int i = 0; i < 20; ++i) eve.log_in("ada@example.org").expect(202);
  ada.get("/api/account/me").expect(200);
  struct one_session {
    std::int64_t id;
  };
  CHECK(ada.get("/api/account/sessions").json<std::vector<one_session>>().size() == 1);
  CHECK(a.app.db().one<int>("select count(*) from aft_session") <= 11);
  a.time.advance(aft::minutes(10));
  a.show(eve, phone.code(a.time.now())).expect(401);
}

TEST_CASE_FIXTURE(credentials_app, "a new password does not go around the second factor") {
  add("ada@example.org");
  browser ada(app);
  ada.log_in("ada@example.org").expect(200);
  const auto phone = enrol(ada).app;
  messages.clear();
  browser eve(app);  // who reads the mail of ada
  eve.post("/api/account/password/forgot", email_only{"ada@example.org"}).expect(202);
  REQUIRE(messages.size() == 1);
  eve.post("/api/account/password/reset",
           token_and_password{messages[0].token, "umbrella stand toast"})
      .expect(204);
  ada.get("/api/account/me").expect(401);
  eve.log_in("ada@example.org", "umbrella stand toast").expect(202);
  eve.get("/api/account/me").expect(401);
  show(eve, phone.code(time.now())).expect(200);  // as its owner can
}

TEST_CASE_FIXTURE(credentials_app, "a second factor is changed with the password just shown") {
  add("ada@example.org");
  browser ada(app);
  ada.log_in("ada@example.org").expect(200);
  time.advance(aft::minutes(10));
  ada.get("/api/account/totp").expect(200).expect_json("/on", "false");
  ada.post("/api/account/totp").expect(403).expect_json("/code", "\"reauthenticate\"");
  ada.post("/api/account/reauthenticate", password_only{}).expect(200);
  const auto owned = enrol(ada);
  CHECK(has_kind(messages, aft::account_message_kind::second_factor_on));
  ada.post("/api/account/recovery-codes", code_only{owned.app.code(time.now())}).expect(200);
  CHECK(has_kind(messages, aft::account_message_kind::recovery_codes_made));
  time.advance(aft::seconds(30));
  ada.post("/api/account/totp/remove", code_only{owned.app.code(time.now())}).expect(200);
  CHECK(has_kind(messages, aft::account_message_kind::second_factor_off));
  browser again(app);
  again.log_in("ada@example.org").expect(200);  // the password does
}

TEST_CASE_FIXTURE(credentials_app, "events of accounts stand in the audit log, by one option") {
  add("ada@example.org");
  browser ada(app), again(app);
  ada.log_in("ada@example.org", "wrong wrong").expect(401);
  ada.log_in("ada@example.org").expect(200);
  const auto phone = enrol(ada).app;
  again.log_in("ada@example.org").expect(202);
  show(again, "123").expect(422);
  show(again, phone.code(time.now())).expect(200);
  const std::vector<std::string> expected{"authn_login_fail", "authn_login_success", "user_updated",
                                          "authn_login_fail", "authn_login_success"};
  CHECK(audited() == expected);
  CHECK(events == expected);
  const auto rows = app.db().read([](aft::reader& db) { return aft::audit_log::list(db); });
  CHECK(rows.back().actor == "1");
  CHECK(rows.back().level == "WARN");
  CHECK(rows.at(2).target == "second factor on");
  CHECK(app.db().read([&](aft::reader& db) { return audit.verify(db); }).is_sound);
}

TEST_CASE_FIXTURE(credentials_app, "a second factor is set up, used and removed with pages alone") {
  add("ada@example.org");
  browser ada(app);
  log_in_by_page(ada).expect(303).expect_header("Location", "/");
  CHECK(has_text(ada.get("/account"), "/account/second-factor"));
  time.advance(aft::minutes(10));
  ada.get("/account/second-factor")
      .expect(303)
      .expect_header("Location", "/account/again?next=second-factor");
  ada.get("/account/again?next=second-factor").expect(200);
  send_form(ada, "/account/again", "next=second-factor&current=wrong+wrong").expect(403);
  send_form(ada, "/account/again", "next=second-factor&current=kelp+harbor+quilt")
      .expect(303)
      .expect_header("Location", "/account/second-factor");
  ada.get("/account/second-factor").expect(200);
  const auto setup = send_form(ada, "/account/second-factor/begin", "").expect(200).body();
  const auto secret = between(setup, "<code>", "</code>");
  authenticator phone(secret);
  send_form(ada, "/account/second-factor/confirm", "code=000000").expect(422);
  const auto codes =
      send_form(ada, "/account/second-factor/confirm", "code=" + phone.code(time.now()))
          .expect(200)
          .body();
  const auto recovery = between(codes, "<li><code>", "</code>");
  CHECK(recovery.size() > 20);
  CHECK(!has_text(ada.get("/account/second-factor").expect(200), recovery));  // shown once
  send_form(ada, "/account/logout", "").expect(303);

  log_in_by_page(ada).expect(303).expect_header("Location", "/account/second");
  ada.get("/account/second").expect(200);
  ada.get("/account").expect(303).expect_header("Location", "/account/login");
  send_form(ada, "/account/second", "code=000000").expect(422);
  send_form(ada, "/account/second", "code=" + recovery).expect(303).expect_header("Location", "/");
  CHECK(has_text(ada.get("/account/second-factor").expect(200), "recovery codes 9 are"));
  time.advance(aft::seconds(30));
  send_form(ada, "/account/second-factor/off", "code=" + phone.code(time.now())).expect(303);
  send_form(ada, "/account/logout", "").expect(303);
  log_in_by_page(ada).expect(303).expect_header("Location", "/");
  send_form(ada, "/account/again", "next=https://evil.example&current=kelp+harbor+quilt")
      .expect(303)
      .expect_header("Location", "/account");
}

TEST_CASE("a second factor needs a name that its app shows") {
  aft::key_ring ring{{aft::make_sealing_key("1")}};
  aft::accounts nameless;
  nameless.second_factor_keys = &ring;
  aft::app app({.database = ":memory:"});
  CHECK_THROWS_AS(app.use(std::move(nameless)), aft::configuration_error);
}

// Programs that come with a key of an account.

#include <doctest/doctest.h>

#include "credentials_app.hpp"
#include "page_client.hpp"

namespace auth = aft::auth;

namespace {

struct wanted_key {
  std::string name;
  std::vector<std::string> scopes{};
};
struct made_key {
  std::int64_t id;
  std::string key;
};

struct keys_app : credentials_app {
  auth::account editor = (define(), add("ada@example.org", {"editor"}));

  void define() {
    app.get("/me", [](const aft::user& me) { return me.email; });
    app.get("/editors", [] { return "x"; }).require_role("editor");
    app.get("/read", [] { return "x"; }).require_permission("note:read");
    app.get("/write", [] { return "x"; }).require_permission("note:write");
    app.get("/fresh", [](const aft::fresh_user&) { return "x"; });
  }
  made_key make(browser& b, const std::vector<std::string>& scopes) {
    return b.post("/api/account/api-keys", wanted_key{"backup", scopes})
        .expect(201)
        .json<made_key>();
  }
};

}  // namespace

TEST_CASE_FIXTURE(keys_app, "a key lets its owner's program in, to what it was given alone") {
  browser ada(app), program(app);
  ada.log_in("ada@example.org").expect(200);
  const auto made = make(ada, {"note:read"});
  CHECK(made.key.starts_with("notes_"));
  program.bearer(made.key);
  program.get("/me").expect(200).expect_body("ada@example.org");
  program.get("/read").expect(200);
  program.get("/write").expect(403);
  program.get("/editors").expect(403);  // keys have no roles
  program.get("/fresh").expect(403);
  ada.get("/write").expect(200);
  // A permission that its owner loses is lost to the key.
  app.db().write([&](aft::transaction& tx) { auth::set_roles(tx, editor.id, {}); });
  program.get("/read").expect(403);
  program.get("/me").expect(200);
}

TEST_CASE_FIXTURE(keys_app, "a key cannot be used to take over the account, nor to make others") {
  browser ada(app), program(app);
  ada.log_in("ada@example.org").expect(200);
  program.bearer(make(ada, {"note:read", "note:write"}).key);
  struct change {
    std::string current = guarded_app::password, password = "umbrella stand toast";
  };
  struct email_only {
    std::string email = "eve@example.org";
  };
  program.get("/api/account/me").expect(200);
  program.post("/api/account/password", change{}).expect(403);
  program.post("/api/account/reauthenticate", password_only{}).expect(403);
  program.post("/api/account/email", email_only{}).expect(403);
  program.get("/api/account/sessions").expect(403);
  program.del("/api/account/sessions").expect(403);
  program.del("/api/account/sessions/1").expect(403);
  program.get("/api/account/api-keys").expect(403);
  program.post("/api/account/api-keys", wanted_key{"more"}).expect(403);
  program.post("/api/account/totp").expect(403);
  program.get("/api/account/totp").expect(403);
  ada.get("/api/account/me").expect(200);
}

TEST_CASE_FIXTURE(keys_app, "a key is of no use once it is revoked, over, or its owner disabled") {
  browser ada(app), program(app);
  ada.log_in("ada@example.org").expect(200);
  const auto first = make(ada, {}), second = make(ada, {}), third = make(ada, {});
  program.bearer(first.key);
  program.get("/me").expect(200);
  ada.del("/api/account/api-keys/" + std::to_string(first.id)).expect(204);
  program.get("/me").expect(401);
  program.bearer(second.key);
  program.get("/me").expect(200);
  time.advance(aft::days(90));
  program.get("/me").expect(401);
  browser again(app);
  again.log_in("ada@example.org").expect(200);
  const auto last = make(again, {});
  program.bearer(last.key);
  program.get("/me").expect(200);
  app.db().write([&](aft::transaction& tx) { auth::set_disabled(tx, editor.id, true); });
  program.get("/me").expect(401);
  CHECK(third.key != last.key);
}

TEST_CASE_FIXTURE(keys_app, "the use of a key is noted, and a key beside a cookie is what counts") {
  browser ada(app);
  ada.log_in("ada@example.org").expect(200);
  const auto made = make(ada, {});
  ada.bearer(made.key);
  ada.get("/me").expect(200);
  const auto last_used = [&] {
    return app.db().one<std::optional<aft::time_point>>("select last_used_at from aft_api_key");
  };
  while (!last_used()) app.db().write([](aft::transaction&) {});  // of low priority, it does come
  CHECK(*last_used() == time.now());
  ada.bearer("notes_nonsense");
  ada.get("/me").expect(401);
}

TEST_CASE_FIXTURE(keys_app, "nobody gives a key what they do not have") {
  add("bob@example.org");
  browser bob(app);
  bob.log_in("bob@example.org").expect(200);
  bob.post("/api/account/api-keys", wanted_key{"mine", {"note:read"}}).expect(422);
  bob.post("/api/account/api-keys", wanted_key{"mine"}).expect(201);
  bob.get("/api/account/api-keys").expect(200).expect_json("/0/name", "\"mine\"");
  browser ada(app);
  ada.log_in("ada@example.org").expect(200);
  ada.get("/api/account/api-keys").expect(200).expect_body("[]");
  ada.del("/api/account/api-keys/1").expect(404);
  time.advance(aft::minutes(10));
  ada.post("/api/account/api-keys", wanted_key{"mine"}).expect(403);
}

TEST_CASE_FIXTURE(keys_app, "the document says where a key does") {
  app.prepare();
  const auto document = app.openapi({});
  CHECK(document.find(R"("api_key":{"type":"http","scheme":"bearer"})") != std::string::npos);
  const auto takes_key = [&](const std::string& operation) {
    const auto at = document.find("\"operationId\":\"" + operation + "\"");
    REQUIRE(at != document.npos);
    const auto begin = document.find("\"security\":", at);
    return document.substr(begin, document.find('}', begin) - begin).find("api_key") !=
           document.npos;
  };
  CHECK(takes_key("get_me"));
  CHECK(takes_key("get_read"));
  CHECK(!takes_key("get_editors"));
  CHECK(!takes_key("get_fresh"));
  CHECK(takes_key("get_api_account_me"));
  CHECK(!takes_key("get_api_account_sessions"));
}

TEST_CASE_FIXTURE(keys_app, "a key is made, shown once and revoked with pages alone") {
  browser ada(app);
  log_in_by_page(ada).expect(303);
  ada.get("/account/keys").expect(200);
  send_form(ada, "/account/keys", "name=&days=90").expect(422);
  send_form(ada, "/account/keys", "name=backup&days=30&scope=admin").expect(422);
  const auto made =
      send_form(ada, "/account/keys", "name=backup&days=30&scope=note:read&scope=note:write")
          .expect(200)
          .body();
  const auto key = between(made, "<code>", "</code>");
  browser program(app);
  program.bearer(key);
  program.get("/write").expect(200);
  const auto list = ada.get("/account/keys").expect(200);
  CHECK(has_text(list, "backup"));
  CHECK(!has_text(list, key));
  const auto id = between(list.body(), "name=\"key\" value=\"", "\"");
  send_form(ada, "/account/keys/revoke", "key=" + id).expect(303);
  program.get("/write").expect(401);
  CHECK(!has_text(ada.get("/account/keys").expect(200), "backup"));
}

#include <aft/guard/user.hpp>

#include <doctest/doctest.h>

#include <aft/storage/repository.hpp>

#include "guarded_app.hpp"

namespace auth = aft::auth;

namespace {

struct note {
  std::int64_t id, owner, tenant;
  std::string text;
};
struct note_text {
  std::string text;
};

// Notes of several tenants: each route scopes by the same rule.
struct notes_app : guarded_app {
  aft::repository<note> notes{"note"};
  notes_app() : notes_app(accounts_with_permissions()) {}
  explicit notes_app(aft::accounts how) : guarded_app(":memory:", std::move(how)) {
    app.migrate({"001_notes",
                 "create table note (id integer primary key, owner integer not null, tenant "
                 "integer not null, text text not null) strict"});
    app.get("/me", [](const aft::user& me) { return me.email; });
    app.get("/maybe", [](const aft::optional_user& who) { return who ? who->email : "nobody"; });
    app.get("/admin", [](const aft::user_with<"admin">& me) { return me.email; });
    app.get("/sensitive", [](const aft::fresh_user& me) { return me.email; });
    app.get("/open", [] { return "open"; }).allow_anyone();
    app.get("/editors", [] { return "x"; }).require_role({"admin", "editor"});
    app.get("/writers", [] { return "x"; }).require_permission("note:write");
    app.post("/unsafe", [] { return "done"; }).require_user();
    const auto mine = [](const aft::user& me) {
      return aft::rows_of(me, {.owner = "owner", .tenant = "tenant", .all_for = {"admin"}});
    };
    struct page_query {
      std::optional<std::string> cursor;
    };
    app.get("/notes", [this, mine](aft::query<page_query> q, const aft::user& me, aft::reader& db) {
      return notes.list(db, *q, mine(me));
    });
    app.post("/notes", [](aft::body<note_text> in, const aft::user& me, aft::transaction& tx) {
      return tx.one<note>("insert into note (owner, tenant, text) values ($1, $2, $3) returning *",
                          me.id, me.tenant, in->text);
    });
    app.get("/notes/{id}", [mine](std::int64_t id, const aft::user& me, aft::reader& db) {
      return db.find<note>(aft::sql_text("select * from note where id = $1 and", id).add(mine(me)));
    });
    app.put("/notes/{id}", [mine](std::int64_t id, aft::body<note_text> in, const aft::user& me,
                                  aft::transaction& tx) {
      return tx.find<note>(
          aft::sql_text("update note set text = $2 where id = $1 and", id, in->text)
              .add(mine(me))
              .add("returning *"));
    });
    app.del("/notes/{id}", [mine](std::int64_t id, const aft::user& me, aft::transaction& tx) {
      const auto gone =
          tx.execute(aft::sql_text("delete from note where id = $1 and", id).add(mine(me)));
      if (!gone) throw aft::not_found("no such note");
    });
  }
  static aft::accounts accounts_with_permissions() {
    aft::accounts how;
    how.permissions = {{"editor", {"note:write"}}, {"admin", {"note:write", "note:erase"}}};
    return how;
  }
};

}  // namespace

TEST_CASE_FIXTURE(notes_app, "handlers take who is signed in, and nobody else is let in") {
  add("ada@example.org");
  browser ada(app), nobody(app);
  nobody.get("/me").expect(401).expect_json("/code", "\"not_signed_in\"");
  nobody.get("/maybe").expect(200).expect_body("nobody");
  nobody.get("/open").expect(200);
  ada.log_in("ADA@example.org").expect(200).expect_json("/email", "\"ada@example.org\"");
  ada.get("/me").expect(200).expect_body("ada@example.org");
  ada.get("/maybe").expect(200).expect_body("ada@example.org");
  ada.get("/admin").expect(403).expect_json("/code", "\"not_allowed\"");
}

TEST_CASE_FIXTURE(notes_app, "a role counts from the next request on, and no longer") {
  const auto account = add("ada@example.org", {"admin"});
  browser ada(app);
  ada.log_in("ada@example.org").expect(200);
  ada.get("/admin").expect(200);
  // Behind the back of set_roles(), as another node's transaction would be seen.
  app.db().write([&](aft::transaction& tx) {
    tx.execute("update aft_account set roles = $2 where id = $1", account.id,
               std::vector<std::string>{});
  });
  ada.get("/admin").expect(403);
  app.db().write([&](aft::transaction& tx) { auth::set_roles(tx, account.id, {"admin"}); });
  ada.get("/admin").expect(401);  // privileges changed: nobody goes on with a token from before
  ada.log_in("ada@example.org").expect(200);
  ada.get("/admin").expect(200);
  app.db().write([&](aft::transaction& tx) { auth::set_disabled(tx, account.id, true); });
  ada.get("/me").expect(401);
  ada.log_in("ada@example.org").expect(401).expect_json("/code", "\"wrong_credentials\"");
}

TEST_CASE_FIXTURE(notes_app, "the matrix of roles by routes is what requests meet") {
  add("none@example.org");
  add("admin@example.org", {"admin"});
  add("editor@example.org", {"editor"});
  app.prepare();
  std::vector<aft::listed_route> own;
  for (auto& r : app.list_routes()) {
    if (!r.pattern.starts_with("/api/account") && !r.pattern.starts_with("/account")) {
      own.push_back(r);
    }
  }
  CHECK(aft::policy_matrix(own) ==
        "                    nobody  signed in  admin  editor\n"
        "GET    /me          -       yes        yes    yes\n"
        "GET    /maybe       yes     yes        yes    yes\n"
        "GET    /admin       -       -          yes    -\n"
        "GET    /sensitive   -       yes        yes    yes     fresh\n"
        "GET    /open        yes     yes        yes    yes\n"
        "GET    /editors     -       -          yes    yes\n"
        "GET    /writers     -       yes        yes    yes     needs note:write\n"
        "POST   /unsafe      -       yes        yes    yes\n"
        "GET    /notes       -       yes        yes    yes\n"
        "POST   /notes       -       yes        yes    yes\n"
        "GET    /notes/{id}  -       yes        yes    yes\n"
        "PUT    /notes/{id}  -       yes        yes    yes\n"
        "DELETE /notes/{id}  -       yes        yes    yes\n");

  struct who {
    std::string email;
    std::vector<std::string> roles, permissions;
  };
  for (const auto& w : {who{"", {}, {}}, who{"none@example.org", {}, {}},
                        who{"admin@example.org", {"admin"}, {"note:write", "note:erase"}},
                        who{"editor@example.org", {"editor"}, {"note:write"}}}) {
    browser client(app);
    if (!w.email.empty()) client.log_in(w.email).expect(200);
    for (const auto& r : app.list_routes()) {
      CAPTURE(w.email);
      CAPTURE(r.method);
      CAPTURE(r.pattern);
      if (r.pattern.ends_with("/logout")) continue;
      auto target = r.pattern;
      if (const auto at = target.find("{id}"); at != target.npos) target.replace(at, 4, "777");
      const int status = client.send({r.method, target, {}, {}}).status();
      const bool refused = status == 401 || status == 403;
      CHECK(refused == !aft::admits(r.policy, !w.email.empty(), w.roles, w.permissions));
    }
  }
}

TEST_CASE_FIXTURE(notes_app, "no route leads across tenants, or to what another owns") {
  add("ada@one.example", {}, 1);
  add("eve@one.example", {}, 1);
  add("boss@one.example", {"admin"}, 1);
  add("boss@two.example", {"admin"}, 2);
  browser ada(app), eve(app), boss(app), other(app);
  ada.log_in("ada@one.example").expect(200);
  eve.log_in("eve@one.example").expect(200);
  boss.log_in("boss@one.example").expect(200);
  other.log_in("boss@two.example").expect(200);
  const auto id = ada.post("/notes", note_text{"of ada"}).expect(200).json<note>().id;
  const auto target = "/notes/" + std::to_string(id);

  // All routes with an id of something, tried by who has all rights elsewhere.
  int tried = 0;
  for (const auto& r : app.list_routes()) {
    if (r.pattern.find("{id}") == r.pattern.npos) continue;
    ++tried;
    auto at = r.pattern;
    at.replace(at.find("{id}"), 4, std::to_string(id));
    for (auto* stranger : {&eve, &other}) {
      CAPTURE(r.method);
      CAPTURE(at);
      const auto body = r.method == "PUT" ? R"({"text":"taken"})" : "";
      stranger->send({r.method, at, {{"Content-Type", "application/json"}}, body}).expect(404);
    }
  }
  CHECK(tried >= 4);
  CHECK(other.get("/notes").expect(200).body().find("of ada") == std::string::npos);
  CHECK(eve.get("/notes").expect(200).body().find("of ada") == std::string::npos);
  CHECK(boss.get("/notes").expect(200).body().find("of ada") != std::string::npos);
  boss.get(target).expect(200);
  ada.get(target).expect(200).expect_json("/text", "\"of ada\"");
  ada.send({"DELETE", target, {}, {}}).expect(204);
}

TEST_CASE("rows_of without a column is an error, not all rows") {
  CHECK_THROWS_AS(aft::rows_of({.id = 1}, {}), aft::error);
  const auto q = aft::rows_of({.id = 1}, {.owner = "owner"});
  CHECK(q.text() == R"(( "owner" = $1 ))");
}

TEST_CASE_FIXTURE(notes_app, "sensitive routes need the password from a short while ago") {
  add("ada@example.org");
  browser ada(app);
  ada.log_in("ada@example.org");
  ada.get("/sensitive").expect(200);
  time.advance(aft::minutes(10));
  ada.get("/sensitive").expect(403).expect_json("/code", "\"reauthenticate\"");
  struct password_only {
    std::string password;
  };
  ada.post("/api/account/reauthenticate", password_only{"wrong password"}).expect(403);
  ada.get("/sensitive").expect(403);
  const auto again =
      ada.post("/api/account/reauthenticate", password_only{guarded_app::password}).expect(200);
  CHECK(!cookie_of(again, "__Host-session").empty());
  ada.get("/sensitive").expect(200);
}

TEST_CASE(
    "a route that says nothing of who may use it fails the start, and so does a contradiction") {
  const auto why = [](auto add) {
    guarded_app a;
    add(a.app);
    try {
      a.app.prepare();
    } catch (const aft::configuration_error& e) {
      return std::string(e.what());
    }
    return std::string();
  };
  CHECK(why([](aft::app& app) { app.get("/a", [] {}); }).find("GET /a") != std::string::npos);
  CHECK(why([](aft::app& app) {
          app.get("/b", [](const aft::user&) {}).allow_anyone();
        }).find("GET /b") != std::string::npos);
  CHECK(why([](aft::app& app) {
          app.allow_anyone().get("/c", [] {});
          app.get("/d", [](const aft::optional_user&) {});
          app.document({});
        }) == "");
}

TEST_CASE_FIXTURE(notes_app, "the document names the session and who needs one") {
  const auto document = app.openapi({});
  CHECK(document.find(R"("securitySchemes":{"session":{"type":"apiKey","in":"cookie",)"
                      R"("name":"__Host-session"}})") != std::string::npos);
  // The first thing that the document says of security behind the operation's name.
  const auto security_of = [&](const std::string& operation) {
    const auto at = document.find("\"operationId\":\"" + operation + "\"");
    REQUIRE(at != document.npos);
    const auto begin = document.find("\"security\":", at);
    return document.substr(begin, document.find(']', begin) - begin);
  };
  CHECK(security_of("get_me").starts_with(R"("security":[{"session":[)"));
  CHECK(security_of("get_open") == R"("security":[)");
}

TEST_CASE("a bearer token is asked for instead of the cookie, and never beside it") {
  aft::accounts how;
  how.bearer = [](aft::reader&, std::string_view token) -> std::optional<aft::user> {
    if (token != "key") return {};
    return aft::user{.id = 5, .email = "key@example.org", .permissions = {"note:write"}};
  };
  notes_app a(std::move(how));
  a.add("ada@example.org");
  browser client(a.app);
  client.log_in("ada@example.org").expect(200);
  client.bearer("key");
  client.get("/me").expect(200).expect_body("key@example.org");
  client.get("/writers").expect(200);
  client.bearer("other");
  client.get("/me").expect(401);
}

TEST_CASE("what is logged names who is signed in") {
  std::string seen;
  aft::app app({.database = new_database(),
                .log =
                    [&seen](const aft::log_record& r) {
                      if (r.room == "access") seen += std::string(r.user_id) + "|";
                    },
                .access_log = true});
  app.use(aft::accounts{.cost = {.memory_kib = 8192, .passes = 1}});
  app.get("/me", [](const aft::user& me) { return me.email; });
  app.get("/open", [] { return "x"; }).allow_anyone();
  const auto hash =
      aft::auth::store_password(guarded_app::password, {}, {.memory_kib = 8192, .passes = 1});
  const auto id = app.db().write([&hash](aft::transaction& tx) {
    return aft::auth::add_account(tx, {"ada@example.org", hash, true, {}, 0})->id;
  });
  browser ada(app);
  ada.log_in("ada@example.org").expect(200);
  seen.clear();
  ada.get("/me").expect(200);
  ada.get("/open").expect(200);
  browser(app).get("/me").expect(401);
  CHECK(seen == std::to_string(id) + "|||");
}

#include <aft/auth/credential_routes.hpp>

#include <doctest/doctest.h>

#include <aft/app.hpp>
#include <aft/ground/json.hpp>

#include "../test_database.hpp"
#include "authenticator.hpp"

namespace {

struct desk_fixture {
  aft::manual_clock time{aft::time_point(aft::seconds(1'769'860'800))};
  aft::app app{{.database = new_database(), .time = &time}};
  aft::key_ring ring{{aft::make_sealing_key("1")}};
  aft::totp second{ring, {.issuer = "Example"}};
  aft::api_keys keys{"notes"};
  aft::audit_log audit{&ring};
  aft::owner_of_request whose =
      [](const aft::request& r, aft::reader&) -> aft::result<aft::credential_owner, aft::problem> {
    const auto user = r.header("X-User");
    if (!user) return aft::unauthorized("log in first");
    return aft::credential_owner{
        std::string(*user), std::string(*user) + "@example.org", {"read", "write"}};
  };

  desk_fixture() {
    aft::add_totp_routes(app.group("/account"), second, whose, aft::noted_in(audit));
    aft::add_api_key_routes(app.group("/account"), keys, whose, aft::noted_in(audit));
    app.get("/by-key", [this](const aft::request& r, aft::reader& db) {
      const auto key = aft::api_key_of(r, db, keys);
      if (!key) throw key.reason();
      return key->subject;
    });
  }

  aft::test_response send(const char* method, const std::string& path, const std::string& body = {},
                          const std::string& user = "ada") {
    aft::test_request r{.method = method, .target = "/account" + path, .body = body};
    if (!user.empty()) r.headers.emplace_back("X-User", user);
    if (!body.empty()) r.headers.emplace_back("Content-Type", "application/json");
    return app.handle(r);
  }
  aft::test_response code(const std::string& path, const std::string& text) {
    return send("POST", path, R"({"code":")" + text + "\"}");
  }
  std::string set_up() {
    struct setup {
      std::string secret, url;
    };
    const auto begun = aft::json::read<setup>(send("POST", "/totp").body);
    REQUIRE(begun);
    CHECK(begun->url.find("ada%40example.org") != std::string::npos);
    return from_base32(begun->secret);
  }
  std::string now(const std::string& secret) { return aft::totp_code(secret, time.now()); }
  std::vector<std::string> events() {
    return app.db().all<std::string>("select event from aft_audit order by id");
  }
};

struct shown {
  std::vector<std::string> recovery_codes;
};
struct made {
  std::int64_t id;
  std::string key;
};

}  // namespace

TEST_CASE_FIXTURE(desk_fixture,
                  "a second factor is set up, asked about and removed by its routes") {
  CHECK(send("GET", "/totp").body == R"({"on":false,"recovery_codes":0})");
  const auto secret = set_up();
  CHECK(code("/totp/confirm", "000000").status == 422);
  const auto confirmed = code("/totp/confirm", now(secret));
  CHECK(confirmed.status == 200);
  const auto codes = aft::json::read<shown>(confirmed.body)->recovery_codes;
  CHECK(codes.size() == 10);
  CHECK(send("GET", "/totp").body == R"({"on":true,"recovery_codes":10})");
  CHECK(send("POST", "/totp").status == 409);
  CHECK(code("/recovery-codes", now(secret)).status == 422);  // it was used
  time.advance(aft::seconds(30));
  const auto fresh = code("/recovery-codes", now(secret));
  CHECK(fresh.status == 200);
  CHECK(code("/totp/remove", codes[0]).status == 422);
  CHECK(code("/totp/remove", aft::json::read<shown>(fresh.body)->recovery_codes[0]).status == 200);
  CHECK(send("GET", "/totp").body == R"({"on":false,"recovery_codes":0})");
  CHECK(code("/totp/remove", now(secret)).status == 409);
  CHECK(events() ==
        std::vector<std::string>{"user_updated", "authn_token_created", "user_updated"});
}

TEST_CASE_FIXTURE(desk_fixture, "wrong codes count, though they are refused") {
  const auto secret = set_up();
  CHECK(code("/totp/confirm", now(secret)).status == 200);
  time.advance(aft::seconds(30));
  for (int i = 0; i < 10; ++i) CHECK(code("/totp/remove", "000000").status == 422);
  const auto locked = code("/totp/remove", now(secret));
  CHECK(locked.status == 429);
  CHECK(locked.header("Retry-After"));
}

TEST_CASE_FIXTURE(desk_fixture, "an API key is made, shown once, used and revoked by its routes") {
  const auto answer = send("POST", "/api-keys", R"({"name":"backup","scopes":["read"]})");
  CHECK(answer.status == 201);
  const auto key = *aft::json::read<made>(answer.body);
  const auto use = [&](const char* header, const std::string& value) {
    return app.handle({.target = "/by-key", .headers = {{header, value}}});
  };
  CHECK(use("X-Api-Key", key.key).body == "ada");
  CHECK(use("Authorization", "bearer " + key.key).body == "ada");
  CHECK(use("X-Api-Key", "x").status == 401);
  CHECK(use("X-Other", key.key).status == 401);
  const auto list = send("GET", "/api-keys").body;
  CHECK(list.find("backup") != std::string::npos);
  CHECK(list.find(key.key) == std::string::npos);
  CHECK(list.find("hash") == std::string::npos);
  CHECK(send("GET", "/api-keys", "", "bob").body == "[]");
  const auto path = "/api-keys/" + std::to_string(key.id);
  CHECK(send("DELETE", path, "", "bob").status == 404);
  CHECK(send("DELETE", path).status == 204);
  CHECK(use("X-Api-Key", key.key).status == 401);
  CHECK(events() == std::vector<std::string>{"authn_token_created", "authn_token_revoked"});
}

TEST_CASE_FIXTURE(desk_fixture, "an API key cannot be given more than there is to give") {
  CHECK(send("POST", "/api-keys", R"({"name":"a","scopes":["admin"]})").status == 422);
  CHECK(send("POST", "/api-keys", R"({"name":"","scopes":[]})").status == 422);
  CHECK(send("POST", "/api-keys", R"({"name":"a","scopes":[],"days":366})").status == 422);
  CHECK(send("POST", "/api-keys", R"({"name":"a","scopes":[],"subject":"bob"})").status == 422);
  CHECK(send("POST", "/api-keys", R"({"name":"a","scopes":[],"days":1})").status == 201);
}

TEST_CASE_FIXTURE(desk_fixture, "who is nobody has no second factor and no keys") {
  for (const auto& [method, path, body] :
       std::vector<std::tuple<const char*, const char*, const char*>>{
           {"GET", "/totp", ""},
           {"POST", "/totp", ""},
           {"POST", "/totp/confirm", R"({"code":"1"})"},
           {"POST", "/totp/remove", R"({"code":"1"})"},
           {"POST", "/recovery-codes", R"({"code":"1"})"},
           {"GET", "/api-keys", ""},
           {"POST", "/api-keys", R"({"name":"a","scopes":[]})"},
           {"DELETE", "/api-keys/1", ""}}) {
    const std::string at = path;  // clang 14 captures no structured bindings
    CAPTURE(at);
    CHECK(send(method, path, body, "").status == 401);
  }
}

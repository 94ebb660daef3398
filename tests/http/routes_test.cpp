#include <aft/http/routes.hpp>

#include <doctest/doctest.h>

#include <aft/app.hpp>
#include <aft/ground/error.hpp>

namespace {

struct site : aft::app {
  using aft::app::get;
  std::string get(const std::string& target, const char* method = "GET") {
    auto r = handle({method, target, {}, {}});
    auto text = std::to_string(r.status);
    if (r.status == 308) text += " " + std::string(r.header("Location").value_or("?"));
    else if (r.status < 300) text += " " + r.body;
    return text;
  }
};

std::string start_fails(aft::app& app) {
  try {
    app.prepare();
  } catch (const aft::configuration_error& e) {
    return e.what();
  }
  return "it started";
}

bool has(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

}  // namespace

TEST_CASE("a literal is preferred to a placeholder, and that to the rest, in any order") {
  site s;
  s.get("/{rest...}", [](std::string rest) { return "rest " + rest; });
  s.get("/users/{id}", [](std::string id) { return "user " + id; });
  s.get("/users/me", [] { return "me"; });
  s.get("/users/{id}/posts/{post}", [](std::string a, std::string b) { return a + "+" + b; });
  s.get("/users/me/settings", [] { return "settings"; });
  CHECK(s.get("/users/me") == "200 me");
  CHECK(s.get("/users/you") == "200 user you");
  CHECK(s.get("/users/me/settings") == "200 settings");
  CHECK(s.get("/users/me/posts/5") == "200 me+5");  // back from the literal to the placeholder
  CHECK(s.get("/users/me/nothing") == "200 rest users/me/nothing");
  CHECK(s.get("/x") == "200 rest x");
  CHECK(s.get("/") == "200 rest ");
}

TEST_CASE("segments are decoded once, after the path was split") {
  site s;
  s.get("/files/{name}", [](std::string name) { return "<" + name + ">"; });
  s.get("/all/{rest...}", [](std::string rest) { return "<" + rest + ">"; });
  s.get("/caf\xc3\xa9", [] { return "coffee"; });
  CHECK(s.get("/files/a%20b") == "200 <a b>");
  CHECK(s.get("/files/a+b") == "200 <a+b>");
  CHECK(s.get("/files/%252F") == "200 <%2F>");
  CHECK(s.get("/files/a%2Fb") == "200 <a/b>");
  CHECK(s.get("/all/a/b%20c") == "200 <a/b c>");
  CHECK(s.get("/all/a%2Fb/c") == "400");
  CHECK(s.get("/%66iles/x") == "200 <x>");
  CHECK(s.get("/caf%C3%A9") == "200 coffee");
}

TEST_CASE("odd paths have one answer each") {
  site s;
  s.get("/a/{x}", [](std::string x) { return x; });
  s.get("/all/{rest...}", [](std::string rest) { return rest; });
  CHECK(s.get("/a/..") == "400");
  CHECK(s.get("/a/.") == "400");
  CHECK(s.get("/a/%2e%2E/b") == "400");
  CHECK(s.get("/all/x/../y") == "400");
  CHECK(s.get("/a/...") == "200 ...");
  CHECK(s.get("/a/%00") == "400");
  CHECK(s.get("/a/%") == "400");
  CHECK(s.get("/a/%4") == "400");
  CHECK(s.get("/a/%zz") == "400");
  CHECK(s.get("/a/%ff") == "400");  // no UTF-8
  CHECK(s.get("/a//") == "404");
  CHECK(s.get("//a/b") == "404");
  CHECK(s.get("/all//x") == "404");
  CHECK(s.get("/all/") == "200 ");
  CHECK(s.get("/all/x/") == "200 x/");
  CHECK(s.get("/all/x//") == "404");
  CHECK(s.get("/all") == "404");
  CHECK(s.get("/" + std::string(200, '/')) == "404");
}

TEST_CASE("a slash too many or too few is redirected, with the query") {
  site s;
  s.get("/a", [] { return "a"; });
  s.get("/b/", [] { return "b"; });
  s.get("/c", [] { return "c"; });
  s.get("/c/", [] { return "c/"; });
  s.post("/d", [] { return "d"; });
  CHECK(s.get("/a/?x=1") == "308 /a?x=1");
  CHECK(s.get("/b?x=1") == "308 /b/?x=1");
  CHECK(s.get("/c") == "200 c");
  CHECK(s.get("/c/") == "200 c/");
  CHECK(s.get("/d/") == "404");
  CHECK(s.get("/d/", "POST") == "308 /d");
  CHECK(s.get("/\\evil.example/") == "404");  // which browsers read as another host
  CHECK(s.get("//a/") == "404");              // would be another host
}

TEST_CASE("HEAD, OPTIONS and 405 come by themselves") {
  site s;
  s.get("/a", [] { return "a"; });
  s.put("/a", [] {});
  s.del("/b", [] {});
  auto head = s.handle({"HEAD", "/a", {}, {}});
  CHECK(head.status == 200);
  CHECK(head.body.empty());
  CHECK(head.header("Content-Length") == "1");
  auto options = s.handle({"OPTIONS", "/a", {}, {}});
  CHECK(options.status == 204);
  CHECK(options.header("Allow") == "GET, HEAD, PUT, OPTIONS");
  auto wrong = s.handle({"POST", "/a", {}, {}});
  CHECK(wrong.status == 405);
  CHECK(wrong.header("Allow") == "GET, HEAD, PUT, OPTIONS");
  CHECK(wrong.header("Content-Type") == "application/problem+json");
  CHECK(s.handle({"HEAD", "/b", {}, {}}).status == 405);
  CHECK(s.handle({"BREW", "/b", {}, {}}).status == 501);
}

TEST_CASE("a route for any method answers what has no handler of its own") {
  site s;
  s.any("/a", [](const aft::request& r) { return "any " + std::string(r.method_name()); });
  s.post("/a", [] { return "post"; });
  CHECK(s.get("/a") == "200 any GET");
  CHECK(s.get("/a", "BREW") == "200 any BREW");
  CHECK(s.get("/a", "POST") == "200 post");
  CHECK(s.get("/a", "OPTIONS") == "200 any OPTIONS");
}

TEST_CASE("groups share a prefix") {
  site s;
  auto api = s.group("/api");
  auto v2 = api.group("/v2");
  api.get("/", [] { return "root"; });
  api.get("/notes/{id}", [](int id) { return std::to_string(id); });
  v2.get("/notes/{id}", [](int id) { return "v2 " + std::to_string(id); });
  CHECK(s.get("/api") == "200 root");
  CHECK(s.get("/api/notes/5") == "200 5");
  CHECK(s.get("/api/v2/notes/5") == "200 v2 5");
  CHECK_THROWS_AS(s.group("api").get("/x", [] {}), aft::configuration_error);
  CHECK_THROWS_AS(s.group("/api/").get("/x", [] {}), aft::configuration_error);
  CHECK_THROWS_AS(s.group("/{x}").get("/y", [] {}), aft::configuration_error);
}

TEST_CASE("a duplicate and a shadowed route fail the start, and both places are named") {
  site s;
  s.get("/a", [] {});
  s.get("/a", [] {});
  s.get("/b/{x}", [](int) {});
  s.get("/b/{y}", [](std::string) {});
  const auto why = start_fails(s);
  CAPTURE(why);
  CHECK(has(why, "GET /a"));
  CHECK(has(why, "is registered twice"));
  CHECK(has(why, "GET /b/{y}"));
  CHECK(has(why, "can never be reached"));
  CHECK(has(why, "GET /b/{x}"));
  CHECK(has(why, "routes_test.cpp:"));
}

TEST_CASE("routes are closed once the app has started") {
  site s;
  s.get("/a", [] {});
  s.prepare();
  CHECK_THROWS_AS(s.get("/b", [] {}), aft::configuration_error);
}

TEST_CASE("a thousand routes are all found") {
  site s;
  for (int i = 0; i < 1000; ++i) {
    auto part = s.group("/api/part" + std::to_string(i));
    part.get("/items/{id}", [i](int id) { return std::to_string(i) + ":" + std::to_string(id); });
  }
  for (int i : {0, 1, 500, 999}) {
    const auto n = std::to_string(i);
    CHECK(s.get("/api/part" + n + "/items/7") == "200 " + n + ":7");
  }
  CHECK(s.get("/api/part1000/items/7") == "404");
}

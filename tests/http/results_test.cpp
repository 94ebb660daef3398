#include <aft/http/results.hpp>

#include <map>
#include <stdexcept>
#include <vector>

#include <doctest/doctest.h>

#include <aft/app.hpp>

namespace {

struct note {
  int id;
  std::string title;
};

bool has(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

}  // namespace

TEST_CASE("what a handler returns is what is answered") {
  aft::app app;
  app.get("/json", [] { return note{1, "a"}; });
  app.get("/list", [] { return std::vector<note>{{1, "a"}}; });
  app.get("/number", [] { return 5; });
  app.get("/text", [] { return std::string("text"); });
  app.get("/void", [] {});
  app.get("/created", [] { return aft::created{note{1, "a"}, "/notes/1"}; });
  app.get("/accepted", [] { return aft::status<202, note>{{1, "a"}}; });
  app.get("/maybe/{x}", [](bool x) { return x ? std::optional(note{1, "a"}) : std::nullopt; });
  app.get("/own", [] { return aft::response{418, "tea", "text/tea", {{"X-Pot", "short"}}}; });
  app.get("/either/{x}", [](bool x) -> aft::result<note, aft::problem> {
    if (x) return note{1, "a"};
    return aft::conflict("twice");
  });
  app.get("/page", [] { return aft::html("<p>"); });
  auto get = [&](const char* target) { return app.handle({.target = target}); };

  CHECK(get("/json").body == R"({"id":1,"title":"a"})");
  CHECK(get("/json").header("Content-Type") == "application/json");
  CHECK(get("/list").body == R"([{"id":1,"title":"a"}])");
  CHECK(get("/number").body == "5");
  CHECK(get("/text").header("Content-Type") == "text/plain; charset=utf-8");
  CHECK(get("/void").status == 204);
  CHECK(!get("/void").header("Content-Length"));
  CHECK(get("/created").status == 201);
  CHECK(get("/created").header("Location") == "/notes/1");
  CHECK(get("/accepted").status == 202);
  CHECK(get("/maybe/true").status == 200);
  CHECK(get("/maybe/false").status == 404);
  CHECK(get("/own").status == 418);
  CHECK(get("/own").header("X-Pot") == "short");
  CHECK(get("/own").header("Content-Type") == "text/tea");
  CHECK(get("/either/true").status == 200);
  CHECK(get("/either/false").status == 409);
  CHECK(has(get("/either/false").body, "twice"));
  CHECK(get("/page").header("Content-Type") == "text/html; charset=utf-8");
}

TEST_CASE("a problem may be thrown, with its code and more") {
  aft::app app;
  app.get("/", [] {
    aft::problem p = aft::conflict("the name is taken");
    p.code = "name_taken";
    p.retry_after_seconds = 5;
    throw p;
  });
  auto r = app.handle({.target = "/"});
  CHECK(r.status == 409);
  CHECK(r.header("Retry-After") == "5");
  CHECK(has(r.body, R"("code":"name_taken")"));
}

TEST_CASE("any other exception is 500: told to the log, not to the client") {
  std::string logged;
  aft::app app({.log = [&](const aft::log_record& r) {
    logged += std::string(r.message) + " in " + std::string(r.route) + "\n";
  }});
  app.get("/a/{x}", [](int) { throw std::runtime_error("the secret is 42"); });
  app.get("/b", [] { throw 5; });
  app.get("/c", [] { return aft::response{.status = 99}; });
  app.get("/d", [] { return aft::response{.headers = {{"X", "a\r\nSet-Cookie: b"}}}; });
  app.get("/e", [] { return aft::response{.headers = {{"Content-Length", "5"}}}; });
  app.get("/f", [] { return aft::problem{.status = 200}; });
  for (auto* target : {"/a/1", "/b", "/c", "/d", "/e", "/f"}) {
    CAPTURE(target);
    auto r = app.handle({.target = target});
    CHECK(r.status == 500);
    CHECK(r.header("Content-Type") == "application/problem+json");
    CHECK(!has(r.body, "secret"));
    CHECK(!r.header("Set-Cookie"));
  }
  CHECK(has(logged, "the secret is 42 in GET /a/{x}"));
}

TEST_CASE("a host may write problems in its own form") {
  aft::app app;
  app.on_problem([](const aft::problem& p, const aft::request& r) {
    return aft::response{p.status, "{\"error\":\"" + std::string(r.path()) + "\"}",
                         "application/json"};
  });
  CHECK(app.handle({.target = "/nowhere"}).body == "{\"error\":\"/nowhere\"}");
}

TEST_CASE("large bodies arrive whole") {
  aft::app app;
  app.get("/", [] { return std::string(1'000'000, 'x'); });
  CHECK(app.handle({.target = "/"}).body == std::string(1'000'000, 'x'));
}

TEST_CASE("a writer of problems that throws costs its own answer alone") {
  aft::app app;
  int what = 0;
  app.on_problem([&](const aft::problem&, const aft::request&) -> aft::response {
    switch (what++) {
      case 0: throw aft::problem{500, "this too"};
      case 1: throw 7;
      default: return {418, "well"};
    }
  });
  CHECK(app.handle({.target = "/missing"}).status == 500);
  CHECK(app.handle({.target = "/missing"}).status == 500);
  CHECK(app.handle({.target = "/missing"}).status == 418);
}

#include <aft/http/planned.hpp>

#include <doctest/doctest.h>

#include <aft/app.hpp>
#include <aft/ground/text.hpp>

namespace {

struct note {
  std::int64_t id;
  aft::text<1, 200> title;
  static void rules(aft::rules<note>& r) {
    r(&note::id).example("12");
    r(&note::title).example("Milk");
  }
};
struct new_note {
  aft::text<1, 200> title;
};
struct sign {
  int number;
};
struct nobody_provides_this {};

}  // namespace

template <>
struct aft::from_request<sign> {
  static constexpr aft::security security{"session"};
  static aft::result<sign, aft::problem> from(aft::header<"X-Sign", int> h) {
    return sign{h.value};
  }
};

namespace {

void plan(aft::app& app) {
  app.get("/notes/{id}", aft::planned<std::optional<note>(std::int64_t, sign)>());
  app.post("/notes", aft::planned<aft::created<note>(aft::body<new_note>, nobody_provides_this&)>())
      .answers(409, "There is one already.");
  app.del("/notes/{id}", aft::planned<void(std::int64_t)>());
  app.get("/export", aft::planned<aft::response()>());
  app.get("/built", [] { return note{1, "built"}; });
}

struct planned_app {
  aft::app app;
  explicit planned_app(bool mock) : app({.mock = mock}) { plan(app); }
  aft::test_response ask(const char* method, const char* target, const char* body = "",
                         const char* prefer = "") {
    aft::test_request r{method, target, {}, body};
    if (*body) r.headers.emplace_back("Content-Type", "application/json");
    if (*prefer) r.headers.emplace_back("Prefer", prefer);
    return app.handle(r);
  }
};

}  // namespace

TEST_CASE("a planned route answers by its examples in mock mode") {
  planned_app p(true);
  CHECK(p.ask("GET", "/notes/3").body == R"({"id":12,"title":"Milk"})");
  const auto made = p.ask("POST", "/notes", R"({"title":"a"})");
  CHECK(made.status == 201);
  CHECK(made.body == R"({"id":12,"title":"Milk"})");
  CHECK(p.ask("DELETE", "/notes/3").status == 204);
  CHECK(p.ask("GET", "/export").status == 501);
  CHECK(p.ask("GET", "/built").body == R"({"id":1,"title":"built"})");
}

TEST_CASE("a planned route checks what it is sent") {
  planned_app p(true);
  CHECK(p.ask("GET", "/notes/three").status == 400);
  CHECK(p.ask("POST", "/notes", R"({"title":""})").status == 422);
  CHECK(p.ask("POST", "/notes").status == 415);
}

TEST_CASE("a client may ask for another answer of the document") {
  planned_app p(true);
  const auto missing = p.ask("GET", "/notes/3", "", "code=404");
  CHECK(missing.status == 404);
  CHECK(missing.header("Content-Type") == "application/problem+json");
  CHECK(p.ask("GET", "/notes/3", "", "code=401").status == 401);
  CHECK(p.ask("POST", "/notes", R"({"title":"a"})", "code=409").body.find("one already") !=
        std::string::npos);
  CHECK(p.ask("GET", "/notes/3", "", "code=418").status == 501);
  CHECK(p.ask("GET", "/notes/3", "", "code=200").status == 200);
}

TEST_CASE("without mock mode a planned route is not built") {
  planned_app p(false);
  CHECK(p.ask("GET", "/notes/3").status == 501);
  CHECK(p.ask("GET", "/built").status == 200);
}

TEST_CASE("the document of a planned route is that of its handler") {
  planned_app p(false);
  aft::app built;
  built.get("/notes/{id}", [](std::int64_t, sign) { return std::optional<note>(); });
  aft::app planned;
  planned.get("/notes/{id}", aft::planned<std::optional<note>(std::int64_t, sign)>());
  CHECK(planned.openapi({}) == built.openapi({}));
}

#include <aft/http/openapi.hpp>

#include <doctest/doctest.h>

#include <aft/app.hpp>
#include <aft/ground/text.hpp>

namespace {

struct note {
  std::int64_t id;
  aft::text<1, 200> title;
};
struct paging {
  aft::bounded<int, 1, 100> limit{20};
};

bool has(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

void add_routes(aft::app& app) {
  app.get("/notes", [](aft::query<paging>) { return std::vector<note>(); })
      .summary("All notes")
      .tag("notes");
  app.get("/notes/{id}", [](std::int64_t) { return std::optional<note>(); });
  app.post("/notes",
           [](aft::body<note> n) {
             return aft::created{*n, "/notes/1"};
           })
      .answers(409, "There is one already.");
  app.del("/notes/{id}", [](std::int64_t) {});
  app.get("/secret", [] {}).hidden();
}

}  // namespace

TEST_CASE("the document describes every route by its signature") {
  aft::app app;
  add_routes(app);
  const auto text = app.openapi({.title = "Notes", .version = "2"});
  CAPTURE(text);
  REQUIRE(aft::json::valid(text));
  CHECK(has(text, R"("openapi":"3.1.0","info":{"title":"Notes","version":"2"})"));
  CHECK(has(text, R"("operationId":"get_notes_by_id")"));
  CHECK(has(
      text,
      R"({"name":"id","in":"path","required":true,"schema":{"type":"integer","format":"int64"}})"));
  CHECK(has(
      text,
      R"({"name":"limit","in":"query","schema":{"type":"integer","format":"int32","minimum":1,"maximum":100}})"));
  CHECK(has(text, R"("summary":"All notes","tags":["notes"])"));
  CHECK(has(
      text,
      R"("requestBody":{"required":true,"content":{"application/json":{"schema":{"$ref":"#/components/schemas/note"}}}})"));
  CHECK(has(text, R"("201":{"description":"Created")"));
  CHECK(has(text, R"("204":{"description":"No Content"})"));
  CHECK(has(text, R"("404":)"));
  CHECK(has(text, R"("409":{"description":"There is one already.")"));
  CHECK(has(text, R"("422":)"));
  CHECK(has(text, R"("note":{"type":"object")"));
  CHECK(!has(text, "secret"));
}

TEST_CASE("the document and its page are served, and ask nobody else") {
  aft::app app;
  add_routes(app);
  app.document({.title = "Notes <&>"});
  CHECK(app.handle({.target = "/openapi.json"}).header("Content-Type") == "application/json");
  CHECK(has(app.handle({.target = "/openapi.json"}).body, "get_notes_by_id"));
  auto page = app.handle({.target = "/docs"});
  CHECK(page.status == 200);
  CHECK(has(page.body, "Notes &lt;&amp;&gt;"));
  CHECK(!has(page.body, "//"));  // no address of another server
  CHECK(has(std::string(*page.header("Content-Security-Policy")), "default-src 'none'"));
  CHECK(app.handle({.target = "/docs/docs.js"}).status == 200);
  CHECK(app.handle({.target = "/docs/docs.css"}).header("Content-Type") ==
        "text/css; charset=utf-8");
  CHECK(!has(app.handle({.target = "/docs/docs.js"}).body, "http://"));
}

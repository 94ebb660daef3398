#include <aft/http/openapi.hpp>

#include <doctest/doctest.h>

#include <fstream>

#include <aft/app.hpp>
#include <aft/ground/error.hpp>
#include <aft/ground/text.hpp>

#include "../temporary_file.hpp"

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
      R"({"name":"limit","in":"query","schema":{"type":"integer","format":"int32","minimum":1,"maximum":100,"default":20}})"));
  CHECK(has(text, R"("summary":"All notes","tags":["notes"])"));
  CHECK(has(
      text,
      R"("requestBody":{"required":true,"content":{"application/json":{"schema":{"$ref":"#/components/schemas/note"},"example":{"id":1,"title":"text"}}}})"));
  CHECK(has(text, R"("201":{"description":"Created")"));
  CHECK(has(text, R"("204":{"description":"No Content"})"));
  CHECK(has(text, R"("404":)"));
  CHECK(has(text, R"("409":{"description":"There is one already.")"));
  CHECK(has(text, R"("422":)"));
  CHECK(has(text, R"("note":{"type":"object")"));
  CHECK(!has(text, "secret"));
}

namespace {

struct shelf {
  std::vector<note> notes;
  std::vector<shelf> shelves;
};
struct refusal {
  std::string message;
};
struct reader_of_notes {
  int id;
};
struct anybody {};

}  // namespace

template <>
struct aft::from_request<reader_of_notes> {
  static constexpr aft::security security[] = {{"session"}, {"key"}};
  static constexpr aft::answer_note answers[] = {{402, "It is not paid for."}};
  static reader_of_notes from(aft::header<"Authorization", std::optional<std::string>>) {
    return {1};
  }
};
template <>
struct aft::from_request<anybody> {
  static constexpr aft::security security{"session", false};
  static anybody from() { return {}; }
};

TEST_CASE("the document says who may ask, and how they show it") {
  aft::app app;
  app.get("/mine", [](reader_of_notes) {});
  app.get("/either", [](anybody) {});
  app.get("/all", [] {});
  app.get("/stated", [] {}).security({"partner"});
  const auto text = app.openapi(
      {.security_schemes = {
           {.name = "session", .in = aft::security_scheme::kind::cookie, .parameter = "sid"},
           {.name = "key",
            .in = aft::security_scheme::kind::header,
            .parameter = "X-Key",
            .description = "From the account's page."}}});
  CAPTURE(text);
  REQUIRE(aft::json::valid(text));
  CHECK(has(text, R"("security":[{"session":[]},{"key":[]}])"));
  CHECK(has(text, R"("security":[{"session":[]},{}])"));
  CHECK(has(text, R"("security":[])"));
  CHECK(has(text, R"("security":[{"partner":[]}])"));
  CHECK(has(text, R"("session":{"type":"apiKey","in":"cookie","name":"sid"})"));
  CHECK(has(text, R"("partner":{"type":"http","scheme":"bearer"})"));
  CHECK(has(text, R"("402":{"description":"It is not paid for.")"));
  CHECK(has(text, R"("401":)"));
  CHECK(!has(text, R"("name":"Authorization")"));
}

TEST_CASE("the host says what no signature says") {
  aft::app app;
  app.get("/notes.csv",
          [] {
            return aft::response{200, "id\n", "text/csv"};
          })
      .operation_id("exportNotes")
      .content_type("text/csv")
      .answers<refusal>(402, "It is not paid for.")
      .answers(200, "A line for each note.");
  app.get("/notes/{id}", [](std::int64_t) { return shelf(); })
      .parameter("id", "The note's number.", "12");
  const auto text = app.openapi({.contact = {.url = "https://example.org/"},
                                 .license = {"MIT"},
                                 .servers = {{"https://api.example.org"}},
                                 .tags = {{"notes", "What is noted."}},
                                 .problems = aft::problems_as<refusal>()});
  CAPTURE(text);
  REQUIRE(aft::json::valid(text));
  CHECK(has(text, R"("operationId":"exportNotes")"));
  CHECK(has(text, R"("200":{"description":"A line for each note.","content":{"text/csv":)"));
  CHECK(has(text, R"("402":{"description":"It is not paid for.","content":{"application/json":)"));
  CHECK(has(text, R"("description":"The note's number.","required":true)"));
  CHECK(has(text, R"("examples":[12])"));
  CHECK(has(text, R"("servers":[{"url":"https://api.example.org"}])"));
  CHECK(has(text, R"("tags":[{"name":"notes","description":"What is noted."}])"));
  CHECK(has(text, R"({"$ref":"#/components/schemas/refusal"})"));
  CHECK(!has(text, "problem+json"));
}

TEST_CASE("a path of its own and of any method is written once") {
  aft::app app;
  app.get("/x", [] {});
  app.any("/x", [] {});
  const auto text = app.openapi({});
  CHECK(text.find("\"get\":") == text.rfind("\"get\":"));
  CHECK(has(text, "delete_x"));
}

TEST_CASE("two operations of one id fail the start") {
  aft::app app;
  app.get("/a", [] {}).operation_id("read");
  app.get("/b", [] {}).operation_id("read");
  CHECK_THROWS_WITH_AS(app.prepare(), doctest::Contains("the same operation id \"read\""),
                       aft::configuration_error);
}

// ---- what may not change

namespace {

template <class F>
std::string document(const F& define) {
  aft::app app;
  define(app);
  return app.openapi({});
}
struct old_page {
  aft::bounded<int, 1, 100> limit{20};
  std::optional<std::string> tag;
};
struct new_page {
  aft::bounded<int, 1, 50> limit{20};
};
struct old_note {
  std::string title;
  std::optional<std::string> text;
  int stars;
};
struct grown_note {
  std::string title;
  std::optional<std::string> text;
  int stars;
  bool pinned;
};
struct other_note {
  std::string title;
  std::string text;
  std::string stars;
};

}  // namespace

TEST_CASE("what adds to an API breaks nobody") {
  const auto before = document([](aft::app& a) {
    a.get("/notes", [](aft::query<new_page>) { return std::vector<old_note>(); });
  });
  const auto after = document([](aft::app& a) {
    a.get("/notes", [](aft::query<old_page>) { return std::vector<grown_note>(); });
    a.del("/notes/{id}", [](int) {});
  });
  CHECK(aft::breaking_changes(before, before) == "");
  CHECK(aft::breaking_changes(before, after) == "");
}

TEST_CASE("what an API asks for beyond, and no longer gives, is told") {
  const auto before = document([](aft::app& a) {
    a.get("/notes", [](aft::query<old_page>) { return std::vector<old_note>(); });
    a.post("/notes", [](aft::body<old_note> n) { return *n; });
    a.del("/notes/{id}", [](int) {});
    a.get("/mine", [] {});
  });
  const auto after = document([](aft::app& a) {
    a.get("/notes", [](aft::query<new_page>) {
       return std::vector<other_note>();
     }).operation_id("list");
    a.post("/notes", [](aft::body<grown_note>) {});
    a.get("/mine", [](reader_of_notes) {});
  });
  CHECK(aft::breaking_changes(before, after) ==
        "GET /mine: now asks who calls\n"
        "GET /notes: has another operation id than get_notes\n"
        "GET /notes: query parameter limit has another maximum\n"
        "GET /notes: takes no query parameter tag any more\n"
        "GET /notes: items of answer 200/stars has another type\n"
        "POST /notes: body/pinned is now required\n"
        "POST /notes: no longer answers 200\n"
        "POST /notes: may answer 204\n"
        "DELETE /notes/{id}: is gone\n");
}

TEST_CASE("a document of a struct that holds itself is compared to its end") {
  const auto text = document([](aft::app& a) { a.get("/", [] { return shelf(); }); });
  CHECK(aft::breaking_changes(text, text) == "");
}

TEST_CASE("what is no document is refused") {
  CHECK_THROWS_AS(aft::breaking_changes("{", "{}"), aft::error);
  CHECK_THROWS_AS(aft::breaking_changes("{}", "{}"), aft::error);
}

TEST_CASE("a contract in a file is kept") {
  temporary_folder folder;
  const auto file = folder / "openapi.json";
  const auto now = document([](aft::app& a) { a.get("/a", [] {}); });
  CHECK(aft::broken_contract(file, now) == "");  // nothing is promised yet
  std::ofstream(file) << document([](aft::app& a) { a.get("/b", [] {}); });
  CHECK(has(aft::broken_contract(file, now), "GET /b: is gone"));
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

#include <aft/http/arguments.hpp>

#include <cstdint>
#include <memory>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <aft/app.hpp>
#include <aft/ground/text.hpp>

#include "wire.hpp"

namespace {

enum class colour { red, green };
using note_id = aft::id<struct note_tag>;

struct paging {
  aft::bounded<int, 1, 100> limit{20};
  std::optional<std::string> tag;
};
struct new_note {
  aft::text<1, 5> title;
  int stars;
};

struct call_counter {
  mutable int calls = 0;
};

struct signed_in_as {
  std::string name;
};
struct owned {  // without a default constructor, and not to be copied
  explicit owned(std::string v) : value(std::make_unique<std::string>(std::move(v))) {}
  std::unique_ptr<std::string> value;
};

std::string json_of(const aft::test_response& r) { return std::to_string(r.status) + " " + r.body; }
bool has(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

const std::pair<std::string, std::string> as_json{"Content-Type", "application/json"};

}  // namespace

template <>
struct aft::from_request<signed_in_as> {
  static aft::result<signed_in_as, aft::problem> from(
      aft::header<"Authorization", std::optional<std::string>> h, const call_counter& c) {
    ++c.calls;
    if (!h.value) return aft::unauthorized("sign in first");
    return signed_in_as{*h.value};
  }
};
template <>
struct aft::from_request<owned> {
  static owned from(const aft::request& r) {
    if (r.header("X-Bad")) throw aft::forbidden("not you");
    return owned(std::string(r.path()));
  }
};

TEST_CASE("path values have the type that the handler says") {
  aft::app app;
  app.get("/i/{x}", [](std::int8_t x) { return std::to_string(x); });
  app.get("/d/{x}", [](double x) { return std::to_string(x); });
  app.get("/c/{x}", [](colour x) { return x == colour::green ? "g" : "r"; });
  app.get("/n/{x}", [](note_id x) { return std::to_string(*x); });
  app.get("/t/{x}", [](aft::text<2, 3> x) { return *x; });
  app.get("/v/{x}", [](std::string_view x) { return std::string(x); });
  app.get("/p/{a}/{b}", [](aft::path<"a", int> a, aft::path<"b", bool> b) {
    return std::to_string(*a) + (*b ? "t" : "f");
  });
  app.get("/r/{x}", [](const std::string& x) { return x; });
  auto get = [&](const std::string& target) { return json_of(app.handle({.target = target})); };
  CHECK(get("/i/-128") == "200 -128");
  CHECK(get("/d/1.5") == "200 1.500000");
  CHECK(get("/c/green") == "200 g");
  CHECK(get("/n/7") == "200 7");
  CHECK(get("/t/abc") == "200 abc");
  CHECK(get("/v/a%20b") == "200 a b");
  CHECK(get("/p/1/true") == "200 1t");
  CHECK(get("/r/x") == "200 x");
  CHECK(has(get("/i/128"), R"("in":"path","pointer":"/x","code":"range")"));
  CHECK(has(get("/i/1x"), R"("code":"type")"));
  CHECK(has(get("/c/blue"), "must be one of red, green"));
  CHECK(has(get("/t/abcd"), R"("code":"length")"));
  CHECK(get("/v/%ff").starts_with("400"));
}

TEST_CASE("all mistakes of path, query, header and body come in one answer") {
  aft::app app;
  app.post("/n/{id}",
           [](int, aft::query<paging>, aft::header<"X-Count", int>, aft::body<new_note>) {});
  auto r = app.handle({"POST",
                       "/n/x?limit=0&page=1",
                       {{"X-Count", "many"}, as_json},
                       R"({"title":"too long","stars":"5"})"});
  CHECK(r.status == 422);
  CHECK(r.header("Content-Type") == "application/problem+json");
  for (auto part : {R"("in":"path","pointer":"/id","code":"type")",
                    R"("in":"query","pointer":"/limit","code":"range")",
                    R"("in":"query","pointer":"/page","code":"unknown")",
                    R"("in":"header","pointer":"/X-Count","code":"type")",
                    R"("in":"body","pointer":"/title","code":"length")",
                    R"("in":"body","pointer":"/stars","code":"type")"}) {
    CAPTURE(part);
    CHECK(has(r.body, part));
  }
}

TEST_CASE("a query has its defaults") {
  aft::app app;
  app.get("/",
          [](aft::query<paging> q) { return std::to_string(q->limit) + q->tag.value_or("-"); });
  CHECK(app.handle({.target = "/"}).body == "20-");
  CHECK(app.handle({.target = "/?limit=5&tag=a%20b"}).body == "5a b");
}

TEST_CASE("a body must say that it is JSON, and be it") {
  aft::app app;
  app.post("/", [](aft::body<new_note> n) { return *n->title; });
  auto post = [&](std::string type, std::string body) {
    return app.handle({"POST", "/", {{"Content-Type", type}}, body}).status;
  };
  const std::string good = R"({"title":"a","stars":1})";
  CHECK(post("application/json", good) == 200);
  CHECK(post("Application/JSON; charset=utf-8", good) == 200);
  CHECK(post("application/vnd.notes+json", good) == 200);
  CHECK(post("text/plain", good) == 415);
  CHECK(post("application/jsonx", good) == 415);
  CHECK(app.handle({"POST", "/", {}, good}).status == 415);
  CHECK(post("application/json", "{") == 400);
  CHECK(post("application/json", std::string(200, '[')) == 400);
  CHECK(post("application/json", "{}") == 422);
  CHECK(app.handle({"POST", "/", {as_json}, ""}).status == 400);
}

TEST_CASE("headers and cookies are read by their types, and may be optional") {
  aft::app app;
  app.get("/", [](aft::header<"X-Count", int> count,
                  aft::header<"X-Name", std::optional<std::string>> name,
                  aft::cookie<"theme", std::optional<colour>> theme) {
    return std::to_string(*count) + name->value_or("-") + (*theme ? "t" : "-");
  });
  CHECK(app.handle({"GET", "/", {{"X-Count", "5"}, {"Cookie", "theme=red"}}}).body == "5-t");
  CHECK(app.handle({"GET", "/", {{"x-count", "5"}, {"x-name", "ines"}}}).body == "5ines-");
  CHECK(has(app.handle({.target = "/"}).body, R"("code":"missing")"));
  CHECK(app.handle({"GET", "/", {{"X-Count", "5"}, {"Cookie", "theme=blue"}}}).status == 400);
}

TEST_CASE("a type of the host's own is made before the body is read") {
  aft::app app;
  call_counter c;
  app.state(c);
  app.post("/", [](aft::body<new_note> n, signed_in_as u, const call_counter&) {
    return u.name + *n->title;
  });
  auto r = app.handle({"POST", "/", {as_json}, "this is no JSON"});
  CHECK(r.status == 401);  // not 400: a stranger learns nothing, and costs no parsing
  CHECK(r.header("WWW-Authenticate").has_value());
  CHECK(c.calls == 1);
  CHECK(
      app.handle({"POST", "/", {as_json, {"Authorization", "ines"}}, R"({"title":"a","stars":1})"})
          .body == "inesa");
}

TEST_CASE("a made type may throw a problem, and need not be copied or default-made") {
  aft::app app;
  app.get("/x", [](owned o) { return *o.value; });
  app.get("/y", [](const owned& o) { return *o.value; });
  CHECK(app.handle({.target = "/x"}).body == "/x");
  CHECK(app.handle({.target = "/y"}).body == "/y");
  CHECK(app.handle({"GET", "/x", {{"X-Bad", "1"}}}).status == 403);
}

TEST_CASE("states come by reference, and a missing one fails the start with its name") {
  aft::app app;
  call_counter c;
  app.state(c);
  app.get("/", [](call_counter& seen) { return std::to_string(++seen.calls); });
  CHECK(app.handle({.target = "/"}).body == "1");
  CHECK(c.calls == 1);

  aft::app without;
  without.get("/a", [](call_counter&) {});
  without.get("/b", [](signed_in_as) {});
  try {
    without.prepare();
    FAIL("it started");
  } catch (const aft::configuration_error& e) {
    CHECK(has(e.what(), "GET /a"));
    CHECK(has(e.what(), "GET /b"));  // what its from_request needs counts too
    CHECK(has(e.what(), "call_counter"));
  }
}

TEST_CASE("a body may be taken as it is") {
  aft::app app;
  app.post("/", [](aft::body<std::string> b) { return *b; });
  CHECK(app.handle({"POST", "/", {}, "\x01 anything"}).body == "\x01 anything");
  CHECK(app.handle({"POST", "/", {}, ""}).status == 200);
}

namespace {

struct counted {
  std::size_t bytes = 0;
  int parts = 0;
  bool ended = false;
  void write(std::string_view part) {
    if (part.find("bad") != part.npos) throw aft::problem{422, "a bad part"};
    bytes += part.size();
    ++parts;
  }
  void end() { ended = true; }
};

struct caller {};

}  // namespace

template <>
struct aft::from_request<caller> {
  static aft::result<caller, aft::problem> from(
      aft::header<"Who", std::optional<std::string>> who) {
    if (!*who) return aft::problem{401, "who?"};
    return caller{};
  }
};

TEST_CASE("a body can be taken as it comes, after the other arguments") {
  wire::site s;
  int made = 0;
  s.routes
      .put("/{name}",
           [&](std::string name, aft::body_into<counted> in, caller) {
             ++made;
             return fmt::format("{} {} {}", name, in->bytes, in->ended);
           })
      .max_body(100);
  const std::string head = "PUT /a HTTP/1.1\r\nHost: a\r\nWho: me\r\n";
  const auto body_of = [](const std::string& text) {
    return text.substr(text.rfind("\r\n\r\n") + 4);
  };
  for (const std::size_t piece : {std::size_t(1), std::size_t(7), std::string::npos}) {
    CHECK(body_of(wire::send(s, head + "Content-Length: 5\r\n\r\nhello", piece).answers) ==
          "a 5 true");
    CHECK(body_of(wire::send(s, head + "\r\n", piece).answers) == "a 0 true");
    CHECK(
        body_of(wire::send(
                    s, head + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
                    piece)
                    .answers) == "a 5 true");
    const auto twice = head + "Content-Length: 2\r\n\r\nhi";
    CHECK(wire::statuses(wire::send(s, twice + twice + head + "\r\n", piece).answers) ==
          "200 200 200");

    const auto bad = wire::send(s, head + "Content-Length: 9\r\n\r\nbadbadbad", piece);
    if (piece > 1) CHECK(wire::statuses(bad.answers) == "422");
    const auto large = wire::send(s, head + "Content-Length: 101\r\n\r\n", piece);
    CHECK(wire::statuses(large.answers) == "413");
    CHECK(
        wire::statuses(
            wire::send(s, head + "Transfer-Encoding: chunked\r\n\r\n65\r\n" + std::string(101, 'x'),
                       piece)
                .answers) == "413");
  }
  const auto before = made;
  const auto stranger = wire::send(
      s, "PUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
  CHECK(wire::statuses(stranger.answers) == "401");  // and no "100 Continue"
  CHECK(stranger.closing);
  CHECK(made == before);
  CHECK(
      wire::statuses(
          wire::send(s, head + "Content-Length: 5\r\nExpect: 100-continue\r\n\r\nhello").answers) ==
      "100 200");
}

#include <aft/http/extract.hpp>

#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <aft/app.hpp>
#include <aft/ground/text.hpp>

namespace {

enum class colour { red, green };

struct words {
  std::string a, b;
};
struct note {
  std::string title;
};
struct made_log {
  mutable std::vector<std::string> entries;
};
struct first {
  std::string who;
};
struct second {
  std::string who;
};

const std::pair<std::string, std::string> as_json{"Content-Type", "application/json"};

}  // namespace

template <>
struct aft::from_request<first> {
  static first from(const made_log& log) {
    log.entries.push_back("first");
    return {"one"};
  }
};
template <>
struct aft::from_request<second> {
  static aft::result<second, aft::problem> from(aft::header<"X-Second"> h, const made_log& log,
                                                first f) {
    log.entries.push_back("second");
    return second{f.who + *h};
  }
};

TEST_CASE("numbers, enums, texts and what holds exactly one of them stand in a path") {
  using aft::detail::is_path_value;
  CHECK(is_path_value<int>());
  CHECK(is_path_value<double>());
  CHECK(is_path_value<bool>());
  CHECK(is_path_value<colour>());
  CHECK(is_path_value<std::string>());
  CHECK(is_path_value<std::string_view>());
  CHECK(is_path_value<aft::bounded<int, 1, 5>>());
  CHECK(is_path_value<aft::text<1, 5>>());
  CHECK_FALSE(is_path_value<char>());
  CHECK_FALSE(is_path_value<note>());
  CHECK_FALSE(is_path_value<std::vector<int>>());
}

TEST_CASE("an argument may be taken by value, by const reference or to be moved from") {
  aft::app app;
  app.get("/value/{x}", [](std::string x, aft::query<words> w) { return x + w->a; });
  app.get("/const/{x}", [](const std::string& x, const aft::query<words>& w) { return x + w->a; });
  app.get("/moved/{x}",
          [](std::string&& x, aft::query<words>&& w) { return std::move(x) + std::move(w->a); });
  for (const char* form : {"value", "const", "moved"}) {
    CAPTURE(form);
    CHECK(app.handle({.target = std::string("/") + form + "/x?a=y&b="}).body == "xy");
  }
}

TEST_CASE("arguments of one type are made apart, path values in the order of the placeholders") {
  aft::app app;
  app.get("/{a}/{b}/{c}",
          [](int a, std::string b, int c) { return std::to_string(a) + b + std::to_string(c); });
  CHECK(app.handle({.target = "/1/x/2"}).body == "1x2");
}

TEST_CASE("a type of the host's own may be made from another, and the body is read last") {
  aft::app app;
  const made_log log;
  app.state(log);
  app.post("/", [](aft::body<note> n, second s) { return s.who + n->title; });
  const std::pair<std::string, std::string> two{"X-Second", "two"};
  CHECK(app.handle({"POST", "/", {as_json, two}, R"({"title":"!"})"}).body == "onetwo!");
  CHECK(log.entries == std::vector<std::string>{"first", "second"});
  const auto has = [](const std::string& text, const char* part) {
    return text.find(part) != text.npos;
  };
  const auto without = app.handle({"POST", "/", {as_json}, "no JSON"}).body;
  CHECK(has(without, "X-Second"));
  CHECK_FALSE(has(without, "is not JSON"));
  CHECK(has(app.handle({"POST", "/", {as_json, two}, "no JSON"}).body, "is not JSON"));
}

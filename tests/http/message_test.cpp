#include <aft/http/message.hpp>

#include <doctest/doctest.h>

#include <aft/app.hpp>

namespace {

// What a handler sees of a request.
std::string see(const aft::test_request& sent, std::string (*look)(const aft::request&)) {
  aft::app app;
  app.any("/{rest...}", [look](std::string, const aft::request& r) { return look(r); });
  return app.handle(sent).body;
}

std::string show(std::optional<std::string_view> v) { return v ? std::string(*v) : "(none)"; }

}  // namespace

TEST_CASE("a request is what was sent") {
  CHECK(see({"PUT", "/a%20b/c?x=1&y", {}, "body"}, [](const aft::request& r) {
          return std::string(r.method_name()) + "|" + std::string(r.target()) + "|" +
                 std::string(r.path()) + "|" + std::string(r.query()) + "|" +
                 std::string(r.body()) + "|" + std::to_string(r.minor_version());
        }) == "PUT|/a%20b/c?x=1&y|/a%20b/c|x=1&y|body|1");
}

TEST_CASE("headers are found without regard to case, the first of a name") {
  CHECK(see({"GET", "/a", {{"X-One", "1"}, {"x-one", "2"}}}, [](const aft::request& r) {
          return show(r.header("X-ONE")) + show(r.header("X-Two"));
        }) == "1(none)");
}

TEST_CASE("cookies are found by name") {
  auto look = [](const aft::request& r) {
    return show(r.cookie("a")) + "," + show(r.cookie("b")) + "," + show(r.cookie("c"));
  };
  CHECK(see({"GET", "/x", {{"Cookie", "a=1; b=\"2\";c=3=4"}}}, look) == "1,2,3=4");
  CHECK(see({"GET", "/x", {{"Cookie", "aa=1; ; b"}, {"Cookie", "c=5"}}}, look) ==
        "(none),(none),5");
}

TEST_CASE("names compare without regard to case") {
  CHECK(aft::equal_ignoring_case("Content-Type", "content-TYPE"));
  CHECK(!aft::equal_ignoring_case("a", "ab"));
  CHECK(!aft::equal_ignoring_case("[", "{"));
}

TEST_CASE("a redirect says where to") {
  auto r = aft::redirect("/there");
  CHECK(r.status == 303);
  CHECK(r.headers[0].second == "/there");
}

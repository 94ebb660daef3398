#include <aft/test_client.hpp>

#include <doctest/doctest.h>

namespace {

struct note {
  std::string title;
  std::vector<std::string> tags;
};

struct site : aft::app {
  site() {
    post("/notes", [](aft::body<note> in) { return aft::created{*in, "/notes/1"}; });
    get("/echo", [](const aft::request& r) {
      return std::string(r.header("Authorization").value_or("-")) + " " +
             std::string(r.header("Cookie").value_or("-"));
    });
    post("/login", [] {
      return aft::response{200, "", "", {{"Set-Cookie", "session=7; HttpOnly; Path=/"}}};
    });
    post("/logout", [] {
      return aft::response{200, "", "", {{"Set-Cookie", "session=; Max-Age=0"}}};
    });
  }
};

template <class F>
std::string failure_of(F&& f) {
  try {
    f();
  } catch (const aft::expectation_failed& e) {
    return e.what();
  }
  return "nothing failed";
}

}  // namespace

TEST_CASE("what is expected and comes is passed on") {
  site s;
  aft::test_client api(s);
  const auto saved = api.post("/notes", note{"Milk", {"a", "b/c"}})
                         .expect(201)
                         .expect_header("Location", "/notes/1")
                         .expect_header("Date")
                         .expect_json("/title", "\"Milk\"")
                         .expect_json("/tags", "[ \"a\", \"b/c\" ]")
                         .expect_json("/tags/1", "\"b/c\"")
                         .json<note>();
  CHECK(saved.tags.size() == 2);
  api.send({"POST", "/notes", {{"Content-Type", "application/json"}}, "{}"})
      .expect(422)
      .expect_error("/title")
      .expect_error("/tags");
}

TEST_CASE("what is not as expected is told with its place and the answer") {
  site s;
  aft::test_client api(s);
  const auto got = api.post("/notes", note{"Milk", {}});
  const auto why = failure_of([&] { got.expect(200); });
  CHECK(why.find("test_client_test.cpp:") != std::string::npos);
  CHECK(why.find("POST /notes: expected 200; it answered 201 {\"title\"") != std::string::npos);
  CHECK(failure_of([&] { got.expect_json("/title", "\"Tea\""); }).find("seen \"Milk\"") !=
        std::string::npos);
  CHECK(failure_of([&] { got.expect_json("/tags/0", "1"); }).find("something at \"/tags/0\"") !=
        std::string::npos);
  CHECK(failure_of([&] { got.expect_header("X"); }).find("expected a header X") !=
        std::string::npos);
  CHECK(failure_of([&] { got.expect_header("Location", "/"); }).find("seen /notes/1") !=
        std::string::npos);
  CHECK(failure_of([&] { got.expect_error("/title"); }).find("an error at") != std::string::npos);
  CHECK(failure_of([&] { got.expect_body("x"); }).find("expected the body x") != std::string::npos);
  CHECK(failure_of([&] { (void)got.json<int>(); }).find("does not fit") != std::string::npos);
}

TEST_CASE("headers and cookies go with every request") {
  site s;
  aft::test_client api(s);
  api.get("/echo").expect_body("- -");
  api.bearer("abc");
  api.post("/login");
  api.get("/echo").expect_body("Bearer abc session=7");
  api.bearer("def");
  api.post("/logout");
  api.get("/echo").expect_body("Bearer def -");
}

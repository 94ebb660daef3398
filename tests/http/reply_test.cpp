#include <aft/http/reply.hpp>

#include <optional>
#include <string>
#include <string_view>

#include <doctest/doctest.h>

#include <aft/app.hpp>

namespace {

struct note {
  std::string title;
};

struct teapot {
  static constexpr aft::http::result_info answer_info{aft::http::content::text, nullptr, 200,
                                                      false};
  void answer(aft::http::call& c) && {
    aft::http::reply_text(c, std::string_view("short and stout"));
  }
};

}  // namespace

TEST_CASE("what may be empty, or a problem, is answered else as what it holds") {
  aft::app app;
  app.get("/made/{x}", [](bool x) -> std::optional<aft::created<note>> {
    if (!x) return {};
    return aft::created{note{"a"}, "/notes/a"};
  });
  app.get("/text/{x}", [](bool x) -> aft::result<std::string, aft::problem> {
    if (!x) return aft::conflict("twice");
    return std::string("a");
  });
  const auto made = app.handle({.target = "/made/true"});
  CHECK(made.status == 201);
  CHECK(made.header("Location") == "/notes/a");
  CHECK(made.body == R"({"title":"a"})");
  CHECK(app.handle({.target = "/made/false"}).status == 404);
  CHECK(app.handle({.target = "/text/true"}).body == "a");
  CHECK(app.handle({.target = "/text/true"}).header("Content-Type") == "text/plain; charset=utf-8");
  CHECK(app.handle({.target = "/text/false"}).status == 409);
}

TEST_CASE("texts of any form are answered as text") {
  aft::app app;
  app.get("/letters", [] { return "a"; });
  app.get("/view", [] { return std::string_view("b"); });
  CHECK(app.handle({.target = "/letters"}).body == "a");
  CHECK(app.handle({.target = "/view"}).body == "b");
  CHECK(app.handle({.target = "/view"}).header("Content-Type") == "text/plain; charset=utf-8");
}

TEST_CASE("a type may know how it is answered") {
  aft::app app;
  app.get("/pot", [] { return teapot{}; });
  app.get("/maybe", [] { return std::optional<teapot>(); });
  CHECK(app.handle({.target = "/pot"}).body == "short and stout");
  CHECK(app.handle({.target = "/maybe"}).status == 404);
}

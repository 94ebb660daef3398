#include <aft/http/limits.hpp>

#include <doctest/doctest.h>

#include <aft/app.hpp>

TEST_CASE("limits hold without a socket too") {
  aft::app app({.limits = {.max_body = 5}});
  app.post("/", [](aft::body<std::string> b) { return *b; });
  CHECK(app.handle({"POST", "/", {}, "12345"}).status == 200);
  CHECK(app.handle({"POST", "/", {}, "123456"}).status == 413);
}

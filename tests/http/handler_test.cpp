#include <aft/http/handler.hpp>

#include <memory>

#include <doctest/doctest.h>

#include <aft/app.hpp>

namespace {

std::string free_function(std::string name) { return "free " + name; }

struct functor {
  std::string operator()(int x) const { return std::to_string(x + add); }
  int add;
};

}  // namespace

TEST_CASE("handlers are functions, functors and lambdas, with or without captures") {
  aft::app app;
  auto shared = std::make_shared<std::string>("shared");
  auto unique = std::make_unique<std::string>("unique");
  const auto named = [](int x) noexcept { return std::to_string(x); };
  app.get("/a/{x}", &free_function);
  app.get("/b/{x}", functor{5});
  app.get("/c", [shared] { return *shared; });
  app.get("/d", [u = std::move(unique)] { return *u; });
  app.get("/e/{x}", named);
  auto get = [&](const char* target) { return app.handle({.target = target}).body; };
  CHECK(get("/a/x") == "free x");
  CHECK(get("/b/1") == "6");
  CHECK(get("/c") == "shared");
  CHECK(get("/d") == "unique");
  CHECK(get("/e/7") == "7");
}

TEST_CASE("what a handler captured goes with the app") {
  auto shared = std::make_shared<int>(1);
  {
    aft::app app;
    app.get("/", [shared] { return *shared; });
    CHECK(shared.use_count() == 2);
  }
  CHECK(shared.use_count() == 1);
}

TEST_CASE("a handler with large arguments works") {
  struct many {
    std::string s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, t0, t1, t2, t3, t4, t5, t6, t7, t8, t9;
  };
  aft::app app;
  app.get("/", [](aft::query<many> q) { return q->s0 + q->t9; });
  CHECK(app.handle({.target = "/?s0=a&t9=b"}).status == 200);
  CHECK(app.handle({.target = "/?s0=a&t9=b"}).body == "ab");
}

TEST_CASE("a blocking handler runs elsewhere, and its answer comes all the same") {
  aft::app app;
  app.get("/{x}", aft::blocking([](int x) { return std::to_string(x); }));
  for (int i = 0; i < 50; ++i) {
    CHECK(app.handle({.target = "/" + std::to_string(i)}).body == std::to_string(i));
  }
  CHECK(app.handle({.target = "/x"}).status == 400);
}

// Limits by who asks: src/guard/guard_routes.cpp.

#include <aft/http/rate_limit.hpp>

#include <doctest/doctest.h>

#include "guarded_app.hpp"

namespace {

aft::accounts with_key() {
  aft::accounts how;
  how.bearer = [](aft::reader&, std::string_view token) -> std::optional<aft::user> {
    if (!token.starts_with("good")) return {};
    return aft::user{.id = 5, .email = "key@example.org"};
  };
  return how;
}

struct limits_app : guarded_app {
  limits_app() : guarded_app(":memory:", with_key()) {
    app.get("/user", [] {}).allow_anyone().limit({.requests = 2, .by = aft::limit_by::user});
    app.get("/key", [] {}).allow_anyone().limit({.requests = 2, .by = aft::limit_by::api_key});
    app.get("/mine", [](const aft::user&) {}).limit({.requests = 2, .by = aft::limit_by::user});
  }
};

}  // namespace

TEST_CASE_FIXTURE(limits_app, "users are counted one by one, strangers by their address") {
  add("ada@example.org");
  add("eve@example.org");
  browser ada(app), again(app), eve(app), nobody(app);
  ada.log_in("ada@example.org").expect(200);
  again.log_in("ada@example.org").expect(200);
  eve.log_in("eve@example.org").expect(200);
  ada.get("/user").expect(204).expect_header("RateLimit", R"("user";r=1;t=30)");
  again.get("/user").expect(204);
  ada.get("/user").expect(429);
  again.get("/user").expect(429);
  eve.get("/user").expect(204);
  nobody.get("/user").expect(204);
  nobody.get("/user").expect(204);
  browser(app).get("/user").expect(429);  // of the same address
  eve.get("/user").expect(204);
}

TEST_CASE_FIXTURE(limits_app, "who may not use a route at all is counted, too") {
  browser nobody(app);
  nobody.get("/mine").expect(401);
  nobody.get("/mine").expect(401);
  nobody.get("/mine").expect(429);
}

TEST_CASE_FIXTURE(limits_app, "keys are counted one by one, but none that was made up") {
  browser one(app), two(app), liar(app);
  one.bearer("good one");
  two.bearer("good two");
  for (int i = 0; i < 2; ++i) one.get("/key").expect(204);
  one.get("/key").expect(429);
  one.header("Authorization", "bearer good one").get("/key").expect(429);
  two.get("/key").expect(204);
  for (int i = 0; i < 2; ++i) {
    liar.bearer("bad " + std::to_string(i));
    liar.get("/key").expect(204);
  }
  liar.bearer("bad 3");
  liar.get("/key").expect(429);
}

#include <aft/http/policy.hpp>

#include <doctest/doctest.h>

#include <aft/app.hpp>

using aft::admission;

TEST_CASE("a policy admits who fits it") {
  CHECK(!aft::admits({}, true, {"admin"}));
  CHECK(aft::admits({admission::anyone}, false));
  CHECK(!aft::admits({admission::signed_in}, false));
  CHECK(aft::admits({admission::signed_in}, true));
  const aft::route_policy staff{admission::signed_in, {{"admin", "editor"}, {"paid"}}, {}, false};
  CHECK(!aft::admits(staff, true, {"admin"}));
  CHECK(!aft::admits(staff, true, {"paid"}));
  CHECK(aft::admits(staff, true, {"paid", "editor"}));
  CHECK(!aft::admits(staff, false, {"paid", "editor"}));
  const aft::route_policy writer{admission::signed_in, {}, {"note:write", "note:read"}, false};
  CHECK(!aft::admits(writer, true, {}, {"note:write"}));
  CHECK(aft::admits(writer, true, {}, {"note:read", "note:write"}));
}

TEST_CASE("groups hand their policy on, and routes add to it or replace it") {
  aft::app app;
  auto admin = app.group("/admin").require_role("admin");
  admin.get("/a", [] {});
  admin.get("/b", [] {}).require_permission("b:read").require_fresh();
  admin.get("/c", [] {}).allow_anyone();
  admin.group("/deep").get("/d", [] {});
  app.get("/e", [] {}).require_role({"admin", "editor"});
  app.get("/f", [] {});
  CHECK(aft::policy_matrix(app.list_routes()) ==
        "                      nobody  signed in  admin  editor\n"
        "GET    /admin/a       -       -          yes    -\n"
        "GET    /admin/b       -       -          yes    -       needs b:read  fresh\n"
        "GET    /admin/c       yes     yes        yes    yes\n"
        "GET    /admin/deep/d  -       -          yes    -\n"
        "GET    /e             -       -          yes    yes\n"
        "GET    /f             -       -          -      -\n");
}

TEST_CASE("what asks for somebody who is signed in does not start without accounts") {
  aft::app app;
  app.get("/a", [] {}).require_user();
  try {
    app.prepare();
    FAIL("it started");
  } catch (const aft::configuration_error& e) {
    CHECK(std::string(e.what()).find("GET /a") != std::string::npos);
  }
}

#include <aft/meeting/oidc_fetch.hpp>

#include <doctest/doctest.h>

#include <aft/app.hpp>

TEST_CASE("a provider is asked by the client for others' servers") {
  aft::app provider;
  provider.get("/a", [] { return "found"; });
  provider.post("/token", [](const aft::request& r) {
    return std::string(r.header("Authorization").value_or("none")) + " " +
           std::string(r.header("Content-Type").value_or("none")) + " " + std::string(r.body());
  });
  const auto at = provider.start({.port = 0});
  const auto base = "http://127.0.0.1:" + std::to_string(at.port);
  const aft::http_client web;
  const auto fetch = aft::fetch_with(web);
  const auto found = fetch({"GET", base + "/a", {}, {}});
  CHECK(found.status == 200);
  CHECK(found.body == "found");
  CHECK(fetch({"GET", base + "/b", {}, {}}).status == 404);
  CHECK(fetch({"POST", base + "/token", "Basic x", "code=1"}).body ==
        "Basic x application/x-www-form-urlencoded code=1");
  provider.stop();
  const aft::http_client impatient({.retries = 0});
  CHECK(aft::fetch_with(impatient)({"GET", base + "/a", {}, {}}).status == 0);
}

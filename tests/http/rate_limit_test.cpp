#include <aft/http/rate_limit.hpp>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <stdexcept>
#include <thread>

#include <doctest/doctest.h>

#include <aft/app.hpp>
#include <aft/ground/error.hpp>
#include <aft/test_client.hpp>
#include <http/head.hpp>
#include <http/ip_address.hpp>
#include <http/limiter.hpp>

namespace {

struct limited_app {
  aft::manual_clock time{aft::time_point(aft::seconds(1'769'860'800))};
  aft::app app{{.time = &time}};
  aft::test_client client{app};

  int get(const char* target) { return client.get(target).status(); }
};

aft::limit_key by_header(std::string name) {
  return [name](const aft::request& r) { return std::string(r.header(name).value_or("")); };
}

std::string why_not(void (*add)(aft::app&)) {
  try {
    aft::app app;
    add(app);
    app.prepare();
  } catch (const aft::configuration_error& e) {
    return e.what();
  }
  return {};
}

bool holds(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

}  // namespace

TEST_CASE_FIXTURE(limited_app, "a limit lets in so many, and tells the others when to come again") {
  int runs = 0;
  app.get("/a", [&runs] { return ++runs; }).limit({.requests = 3, .per = aft::seconds(30)});
  app.get("/free", [] {});
  client.get("/a")
      .expect(200)
      .expect_header("RateLimit-Policy", R"("address";q=3;w=30)")
      .expect_header("RateLimit", R"("address";r=2;t=10)");
  client.get("/a").expect(200).expect_header("RateLimit", R"("address";r=1;t=20)");
  client.get("/a").expect(200).expect_header("RateLimit", R"("address";r=0;t=30)");
  for (int i = 0; i < 5; ++i) {
    client.get("/a")
        .expect(429)
        .expect_header("Content-Type", "application/problem+json")
        .expect_json("/code", "\"rate_limited\"")
        .expect_json("/status", "429")
        .expect_header("Retry-After", "10")
        .expect_header("RateLimit-Policy", R"("address";q=3;w=30)")
        .expect_header("RateLimit", R"("address";r=0;t=30)");
  }
  CHECK(runs == 3);
  CHECK(!client.get("/free").expect(204).response().header("RateLimit"));

  time.advance(aft::milliseconds(9'999));
  client.get("/a").expect(429).expect_header("Retry-After", "1");
  time.advance(aft::milliseconds(1));
  client.get("/a").expect(200).expect_header("RateLimit", R"("address";r=0;t=30)");
  client.get("/a").expect(429);
  time.advance(aft::hours(5));  // no more than all of it comes together
  for (int i = 0; i < 3; ++i) client.get("/a").expect(200);
  client.get("/a").expect(429);
}

TEST_CASE_FIXTURE(limited_app, "a burst is what may come at once, and the rate holds in the end") {
  app.get("/a", [] {}).limit({.requests = 60, .per = aft::minutes(1), .burst = 2});
  client.get("/a").expect(204).expect_header("RateLimit-Policy", R"("address";q=60;w=60)");
  client.get("/a").expect(204).expect_header("RateLimit", R"("address";r=0;t=2)");
  CHECK(get("/a") == 429);
  int given = 0;
  for (int i = 0; i < 600; ++i) {  // ten a second for a minute
    time.advance(aft::milliseconds(100));
    given += get("/a") == 204;
  }
  CHECK(given == 60);
}

TEST_CASE_FIXTURE(limited_app, "somebody who sets the time of day changes no limit") {
  app.get("/a", [] {}).limit({.requests = 1});
  CHECK(get("/a") == 204);
  time.set(time.now() + aft::days(1));
  CHECK(get("/a") == 429);
  time.set(time.now() - aft::days(2));
  time.advance(aft::minutes(1));
  CHECK(get("/a") == 204);
}

TEST_CASE_FIXTURE(limited_app, "the routes of a group share its limit, and may have others") {
  auto api = app.group("/api").limit({.requests = 3, .per = aft::minutes(1), .name = "api"});
  api.get("/a", [] {});
  api.get("/b", [] {}).limit({.requests = 1, .per = aft::minutes(1), .name = "b"});
  client.get("/api/b")
      .expect(204)
      .expect_header("RateLimit-Policy", R"("api";q=3;w=60, "b";q=1;w=60)")
      .expect_header("RateLimit", R"("api";r=2;t=20, "b";r=0;t=60)");
  // What one limit refuses counts for no other.
  for (int i = 0; i < 4; ++i) {
    client.get("/api/b").expect(429).expect_header("RateLimit", R"("api";r=2;t=20, "b";r=0;t=60)");
  }
  CHECK(get("/api/a") == 204);
  CHECK(get("/api/a") == 204);
  CHECK(get("/api/a") == 429);
  client.get("/api/b").expect(429).expect_header("RateLimit", R"("api";r=0;t=60)");
}

TEST_CASE_FIXTURE(limited_app, "a host counts by what it likes, and by nothing where it says so") {
  app.get("/a", [] {}).limit({.requests = 1, .key = by_header("X-Tenant"), .name = "tenant"});
  CHECK(!client.get("/a").expect(204).response().header("RateLimit"));
  client.header("X-Tenant", "one");
  client.get("/a").expect(204).expect_header("RateLimit", R"("tenant";r=0;t=60)");
  CHECK(get("/a") == 429);
  client.header("X-Tenant", "two");
  CHECK(get("/a") == 204);
  client.header("X-Tenant", "");
  CHECK(get("/a") == 204);
}

TEST_CASE("a key function that throws fails its request alone") {
  aft::app app;
  app.get("/a", [] {}).limit({.key = [](const aft::request& r) -> std::string {
    if (r.header("X-Bad")) throw aft::bad_request("no such tenant");
    if (r.header("X-Worse")) throw std::runtime_error("secret words");
    return "k";
  }});
  aft::test_client client(app);
  client.get("/a").expect(204);
  client.send({"GET", "/a", {{"X-Bad", "1"}}, {}}).expect(400);
  CHECK(!holds(client.send({"GET", "/a", {{"X-Worse", "1"}}, {}}).expect(500).body(), "secret"));
}

TEST_CASE("the handler and its arguments are not reached by what is refused") {
  struct note {
    std::string text;
  };
  aft::app app;
  int runs = 0;
  app.post("/a", [&runs](aft::body<note>) { ++runs; }).limit({.requests = 1});
  aft::test_client client(app);
  client.post("/a", note{"x"}).expect(204);
  client.send({"POST", "/a", {{"Content-Type", "application/json"}}, "no json"}).expect(429);
  CHECK(runs == 1);
  // A request that is wrong counts, too.
  aft::app other;
  other.post("/a", [](aft::body<note>) {}).limit({.requests = 1});
  aft::test_client bad(other);
  bad.send({"POST", "/a", {{"Content-Type", "application/json"}}, "no json"})
      .expect(400)
      .expect_header("RateLimit", R"("address";r=0;t=60)");
  bad.post("/a", note{"x"}).expect(429);
}

TEST_CASE("addresses count as they are with IPv4, and by their /64 with IPv6") {
  aft::http::limiter l(aft::rate_limit{});
  const auto key = [&l](std::string_view address) {
    aft::http::client_of client;
    client.peer = *aft::http::ip_address::parse(address);
    aft::request r;
    aft::http::request_access::set_client(r, &client);
    return *l.key_text(r, {});
  };
  CHECK(key("192.0.2.1") != key("192.0.2.2"));
  CHECK(key("2001:db8:1:2::1") == key("2001:db8:1:2:ffff:ffff:ffff:ffff"));
  CHECK(key("2001:db8:1:2::1") != key("2001:db8:1:3::1"));
  CHECK(key("::ffff:192.0.2.1") == key("192.0.2.1"));
  // Nobody's address is somebody's name.
  aft::http::limiter by_user(aft::rate_limit{.by = aft::limit_by::user});
  CHECK(*by_user.key_text(aft::request(), "7") != *by_user.key_text(aft::request(), "8"));
  CHECK(*by_user.key_text(aft::request(), "") == *l.key_text(aft::request(), "7"));
}

TEST_CASE("a flood of keys takes no memory, and frees nobody who has used much") {
  const aft::http::rate pace{1'000'000'000, 10'000'000'000};  // 10, and one a second
  aft::http::rate_table table(1'000);
  CHECK(table.most_keys() == 512);  // whole sets, never more than asked for
  const std::uint64_t heavy = 0x9e3779b97f4a7c15;
  std::int64_t now = 1'000'000'000;
  for (int i = 0; i < 10; ++i) CHECK(table.take(heavy, now, pace).is_given);
  CHECK(!table.take(heavy, now, pace).is_given);
  std::uint64_t key = 1;
  for (int i = 0; i < 200'000; ++i) {
    key = key * 6'364'136'223'846'793'005u + 1'442'695'040'888'963'407u;
    CHECK(table.take(key, now, pace).is_given);
  }
  CHECK(table.most_keys() == 512);
  CHECK(!table.take(heavy, now, pace).is_given);
  now += 1'000'000'000;
  CHECK(table.take(heavy, now, pace).is_given);
  CHECK(!table.take(heavy, now, pace).is_given);
  table.give_back(heavy, pace);
  CHECK(table.take(heavy, now, pace).is_given);
  // A clock that was set back keeps nobody out for longer than all of it takes.
  CHECK(!table.take(heavy, 0, pace).is_given);
  CHECK(table.take(heavy, 1'000'000'000, pace).is_given);
}

TEST_CASE("many threads together get as many as there are") {
  aft::manual_clock time;
  aft::app app({.time = &time});
  app.get("/a", [] {}).limit({.requests = 50, .per = aft::hours(1), .by = aft::limit_by::all});
  app.prepare();
  std::atomic<int> given{0}, refused{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 50; ++i) {
        ++(app.handle({.target = "/a"}).status == 204 ? given : refused);
      }
    });
  }
  for (auto& t : threads) t.join();
  CHECK(given == 50);
  CHECK(refused == 150);
}

TEST_CASE("requests that are under way are limited, and make room however they end") {
  aft::app app({.lanes = {.max_wait = {}, .deadline = {}}});
  std::mutex mutex;
  std::condition_variable changed;
  int inside = 0;
  bool go = false;
  const auto wait_inside = [&] {
    std::unique_lock lock(mutex);
    ++inside;
    changed.notify_all();
    changed.wait(lock, [&] { return go; });
    --inside;
  };
  app.get("/a/{throws}", aft::blocking([&](bool throws) {
            wait_inside();
            if (throws) throw std::runtime_error("in vain");
          }))
      .limit_at_once({.requests = 2, .by = aft::limit_by::all});
  app.prepare();
  std::vector<int> statuses(2);
  std::thread first([&] { statuses[0] = app.handle({.target = "/a/false"}).status; });
  std::thread second([&] { statuses[1] = app.handle({.target = "/a/true"}).status; });
  {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return inside == 2; });
  }
  const auto third = app.handle({.target = "/a/false"});
  CHECK(third.status == 429);
  CHECK(third.header("Retry-After") == "1");
  CHECK(third.header("RateLimit-Policy") == R"("at-once";q=2;qu="concurrent-requests")");
  CHECK(third.header("RateLimit") == R"("at-once";r=0)");
  {
    std::lock_guard lock(mutex);
    go = true;
  }
  changed.notify_all();
  first.join();
  second.join();
  CHECK(statuses == std::vector<int>{204, 500});
  for (int i = 0; i < 5; ++i) CHECK(app.handle({.target = "/a/false"}).status == 204);
  CHECK(app.handle({.target = "/a/nonsense"}).status == 400);  // refused by its arguments
  for (int i = 0; i < 5; ++i) CHECK(app.handle({.target = "/a/false"}).status == 204);
}

TEST_CASE("a place that a refused request had is free, and one of a rate too") {
  aft::manual_clock time;
  aft::app app({.time = &time});
  app.get("/a", [] {})
      .limit_at_once({.requests = 1})
      .limit({.requests = 1, .per = aft::minutes(1)});
  CHECK(app.handle({.target = "/a"}).status == 204);
  for (int i = 0; i < 3; ++i) CHECK(app.handle({.target = "/a"}).status == 429);
  time.advance(aft::minutes(1));
  const auto again = app.handle({.target = "/a"});
  CHECK(again.status == 204);
  CHECK(again.header("RateLimit") == R"("address";r=0;t=60, "address-2";r=0)");
}

TEST_CASE("the document tells of the limits") {
  aft::app app;
  app.get("/a", [] {}).limit({});
  app.get("/b", [] {});
  const auto document = app.openapi({});
  const auto of_a = document.substr(0, document.find("\"/b\""));
  const auto of_b = document.substr(document.find("\"/b\""));
  CHECK(holds(of_a, R"("429":{"description":"Too many requests; see Retry-After and RateLimit.")"));
  CHECK(holds(of_a, R"("RateLimit-Policy":{"description")"));
  CHECK(!holds(of_b, "\"429\""));
}

TEST_CASE("a limit that cannot be meant fails the start, and says why") {
  CHECK(holds(why_not([](aft::app& a) { a.get("/a", [] {}).limit({.requests = 0}); }), "one"));
  CHECK(holds(why_not([](aft::app& a) { a.get("/a", [] {}).limit({.requests = 2, .burst = 3}); }),
              "burst"));
  CHECK(holds(why_not([](aft::app& a) { a.get("/a", [] {}).limit({.per = {}}); }), "366 days"));
  CHECK(holds(why_not([](aft::app& a) { a.get("/a", [] {}).limit({.name = "a b"}); }), "letters"));
  CHECK(holds(why_not([](aft::app& a) { a.get("/a", [] {}).limit({.shared = true}); }), "name"));
  CHECK(holds(why_not([](aft::app& a) { a.get("/a", [] {}).limit({.name = "x", .shared = true}); }),
              "no database"));
  CHECK(holds(why_not([](aft::app& a) { a.get("/a", [] {}).limit({.by = aft::limit_by::user}); }),
              "accounts"));
  CHECK(holds(why_not([](aft::app& a) { a.get("/a", [] {}).limit_at_once({.requests = 0}); }),
              "one"));
}

#include <meeting/shared_rates.hpp>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include <aft/app.hpp>
#include <aft/test_client.hpp>

#include "../jobs/soon.hpp"
#include "../temporary_file.hpp"
#include "../test_database.hpp"

namespace {

aft::limit_key by_tenant() {
  return [](const aft::request& r) { return std::string(r.header("X-Tenant").value_or("")); };
}

// One process of several.
struct node {
  std::string logged{};
  aft::app app;
  aft::test_client client{app};
  std::atomic<int> runs{0};

  node(const std::string& database, const aft::clock& time)
      : app({.database = database,
             .lanes = {.max_wait = {}, .deadline = {}},
             .log = [this](const aft::log_record& r) { logged += std::string(r.message) + "\n"; },
             .time = &time}) {
    app.get("/a", [this] { ++runs; })
        .limit({.requests = 4, .per = aft::minutes(1), .name = "a", .shared = true});
    app.post("/b", [](aft::transaction& tx) { return tx.one<int>("select 1"); })
        .limit({.requests = 2,
                .per = aft::minutes(1),
                .key = by_tenant(),
                .name = "b",
                .max_keys = 64,
                .shared = true});
    auto both = app.group("/both").limit(
        {.requests = 100, .per = aft::minutes(1), .name = "many", .shared = true});
    both.get("/few", [] {})
        .limit({.requests = 1, .per = aft::minutes(1), .name = "few", .shared = true});
  }
  int get(const char* target) { return client.get(target).status(); }
  std::int64_t rows() {
    return app.db().read(
        [](aft::reader& r) { return r.one<std::int64_t>("select count(*) from aft_rate"); });
  }
};

struct moved_clock {
  aft::manual_clock time{aft::time_point(aft::seconds(1'769'860'800))};
};

}  // namespace

TEST_CASE_FIXTURE(moved_clock,
                  "a shared limit is counted in the database, and outlives a restart") {
  temporary_folder folder;
  const auto database = new_database(folder / "a.db");
  {
    node first(database, time);
    first.client.get("/a")
        .expect(204)
        .expect_header("RateLimit-Policy", R"("a";q=4;w=60)")
        .expect_header("RateLimit", R"("a";r=3;t=15)");
    CHECK(first.get("/a") == 204);
  }
  node again(database, time);
  again.client.get("/a").expect(204).expect_header("RateLimit", R"("a";r=1;t=45)");
  CHECK(again.get("/a") == 204);
  again.client.get("/a")
      .expect(429)
      .expect_header("Retry-After", "15")
      .expect_json("/code", "\"rate_limited\"")
      .expect_header("RateLimit", R"("a";r=0;t=60)");
  CHECK(again.runs == 2);
  time.advance(aft::seconds(15));
  CHECK(again.get("/a") == 204);
  CHECK(again.get("/a") == 429);
}

TEST_CASE_FIXTURE(moved_clock, "two nodes on one database let in as many as one") {
  if (!on_postgres()) return;
  const auto database = new_database();
  node one(database, time), two(database, time);
  CHECK(one.get("/a") == 204);
  CHECK(two.get("/a") == 204);
  CHECK(one.get("/a") == 204);
  two.client.get("/a").expect(204).expect_header("RateLimit", R"("a";r=0;t=60)");
  CHECK(one.get("/a") == 429);
  CHECK(two.get("/a") == 429);
  time.advance(aft::seconds(15));
  CHECK(two.get("/a") == 204);
  one.client.get("/a").expect(429).expect_header("Retry-After", "15");
}

TEST_CASE_FIXTURE(moved_clock, "many threads on two nodes get as many as there are") {
  const auto database = new_database();
  node one(database, time);
  std::unique_ptr<node> other;
  if (on_postgres()) other = std::make_unique<node>(database, time);
  one.app.prepare();
  if (other) other->app.prepare();
  std::atomic<int> given{0}, refused{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    auto& app = other && t % 2 ? other->app : one.app;
    threads.emplace_back([&app, &given, &refused] {
      for (int i = 0; i < 10; ++i) {
        const auto status = app.handle({.target = "/a"}).status;
        if (status == 204) ++given;
        if (status == 429) ++refused;
      }
    });
  }
  for (auto& t : threads) t.join();
  CHECK(given == 4);
  CHECK(refused == 36);
}

TEST_CASE_FIXTURE(moved_clock, "what one shared limit refuses counts for no other") {
  node n(new_database(), time);
  n.client.get("/both/few")
      .expect(204)
      .expect_header("RateLimit", R"("many";r=99;t=1, "few";r=0;t=60)");
  for (int i = 0; i < 5; ++i) {
    n.client.get("/both/few")
        .expect(429)
        .expect_header("RateLimit", R"("many";r=99;t=1, "few";r=0;t=60)");
  }
}

TEST_CASE_FIXTURE(moved_clock, "handlers with a transaction are limited before they have it") {
  node n(new_database(), time);
  n.client.header("X-Tenant", "one");
  n.client.post("/b").expect(200);
  n.client.post("/b").expect(200);
  n.client.post("/b").expect(429);
  n.client.header("X-Tenant", "two");
  n.client.post("/b").expect(200);
}

TEST_CASE_FIXTURE(moved_clock, "a flood of keys leaves no more rows than it may") {
  node n(new_database(), time);
  for (int i = 0; i < 2'100; ++i) {
    n.client.header("X-Tenant", std::to_string(i));
    n.client.post("/b").expect(200);
  }
  CHECK(soon([&n] { return n.rows() <= 64 + 1'024; }));
}

TEST_CASE_FIXTURE(moved_clock, "without its table each process counts alone, and says so") {
  node n(new_database(), time);
  CHECK(n.get("/a") == 204);
  n.app.db().write([](aft::transaction& tx) { tx.execute("drop table aft_rate"); });
  for (int i = 0; i < 3; ++i) CHECK(n.get("/a") == 204);
  CHECK(n.get("/a") == 429);
  CHECK(n.logged.find("this process counts alone") != std::string::npos);
}

TEST_CASE_FIXTURE(moved_clock, "two shared limits of one name fail the start") {
  aft::app app({.database = new_database()});
  app.get("/a", [] {}).limit({.name = "same", .shared = true});
  app.get("/b", [] {}).limit({.name = "same", .shared = true});
  CHECK_THROWS_AS(app.prepare(), aft::configuration_error);
}

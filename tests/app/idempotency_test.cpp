#include <atomic>
#include <thread>

#include <doctest/doctest.h>

#include <aft/app.hpp>
#include <aft/ground/error.hpp>

#include "../test_database.hpp"

namespace {

struct order {
  std::int64_t id;
  std::string what;
};
struct new_order {
  std::string what;
};

struct shop {
  aft::manual_clock time{aft::time_point(aft::seconds(1'769'860'800))};
  aft::app app{{.database = new_database(), .time = &time}};
  std::atomic<int> runs = 0;

  shop() {
    app.migrate({"001", "create table orders (id integer primary key, what text not null) strict"});
    app.post("/orders",
             [this](aft::body<new_order> in, aft::transaction& tx) -> aft::created<order> {
               ++runs;
               auto saved =
                   tx.one<order>("insert into orders (what) values ($1) returning *", in->what);
               if (in->what == "throws") throw aft::problem{409, "sold out"};
               if (in->what == "breaks") throw aft::error("broken");
               return {saved, "/orders/" + std::to_string(saved.id)};
             })
        .idempotent();
    app.post("/returned",
             [this](aft::body<new_order> in,
                    aft::transaction& tx) -> aft::result<order, aft::problem> {
               ++runs;
               tx.execute("insert into orders (what) values ($1)", in->what);
               return aft::problem{403, "noted, but no"};
             })
        .idempotent({.required = false, .keep = aft::hours(1)});
  }

  aft::test_response post(const std::string& what, const std::string& key,
                          const std::string& user = "ada", const std::string& path = "/orders") {
    aft::test_request r{.method = "POST",
                        .target = path,
                        .headers = {{"Content-Type", "application/json"}, {"Authorization", user}},
                        .body = R"({"what":")" + what + "\"}"};
    if (!key.empty()) r.headers.emplace_back("Idempotency-Key", key);
    return app.handle(r);
  }
  std::int64_t count() { return app.db().one<std::int64_t>("select count(*) from orders"); }
};

}  // namespace

TEST_CASE_FIXTURE(shop, "a request that comes again with its key gets the answer that was stored") {
  const auto first = post("tea", "\"k-1\"");
  CHECK(first.status == 201);
  CHECK(!first.header("Idempotency-Replayed"));
  const auto again = post("tea", "\"k-1\"");
  CHECK(again.status == 201);
  CHECK(again.body == first.body);
  CHECK(again.header("Location") == first.header("Location"));
  CHECK(again.header("Content-Type") == first.header("Content-Type"));
  CHECK(again.header("Idempotency-Replayed") == "true");
  CHECK(post("tea", "k-1").body == first.body);  // a bare word is the same key
  CHECK(count() == 1);
  CHECK(post("tea", "k-2").status == 201);
  CHECK(count() == 2);
}

TEST_CASE_FIXTURE(shop, "a key that is missing or malformed is refused before anything is done") {
  for (const std::string key : {"", "\"\"", "\"a b\"", "a,b", "a;q=1", "\"a\\\"b\""}) {
    CAPTURE(key);
    CHECK(post("tea", key).status == 400);
  }
  CHECK(post("tea", std::string(256, 'k')).status == 400);
  CHECK(post("tea", std::string(255, 'k')).status == 201);
  CHECK(count() == 1);
  CHECK(post("tea", "", "ada", "/returned").status == 403);  // not required there
  CHECK(post("tea", "a b", "ada", "/returned").status == 400);
}

TEST_CASE_FIXTURE(shop, "a key that was used for another body is refused") {
  CHECK(post("tea", "k").status == 201);
  CHECK(post("milk", "k").status == 422);
  CHECK(post("milk", "k").body.find("idempotency_key_reused") != std::string::npos);
  CHECK(post("tea", "k").status == 201);
  CHECK(count() == 1);
}

TEST_CASE_FIXTURE(shop, "nobody gets the answer of another one's key") {
  const auto hers = post("tea", "k", "ada");
  const auto his = post("tea", "k", "bob");
  CHECK(his.status == 201);
  CHECK(his.body != hers.body);
  CHECK(!his.header("Idempotency-Replayed"));
  CHECK(count() == 2);
}

TEST_CASE_FIXTURE(shop, "what was undone is not stored: it can be tried again") {
  for (int i = 0; i < 2; ++i) {
    CHECK(post("throws", "k").status == 409);
    CHECK(post("breaks", "j").status == 500);
  }
  CHECK(runs == 4);
  CHECK(count() == 0);
}

TEST_CASE_FIXTURE(shop, "a problem that is returned, with what was written, is stored") {
  CHECK(post("tea", "k", "ada", "/returned").status == 403);
  const auto again = post("tea", "k", "ada", "/returned");
  CHECK(again.status == 403);
  CHECK(again.header("Content-Type") == "application/problem+json");
  CHECK(runs == 1);
  CHECK(count() == 1);
}

TEST_CASE_FIXTURE(shop, "a key is forgotten after its time") {
  CHECK(post("tea", "k").status == 201);
  CHECK(post("tea", "k", "ada", "/returned").status == 403);
  time.advance(aft::hours(1));
  CHECK(!post("tea", "k", "ada", "/returned").header("Idempotency-Replayed"));
  CHECK(post("tea", "k").header("Idempotency-Replayed"));
  time.advance(aft::hours(23));
  CHECK(!post("tea", "k").header("Idempotency-Replayed"));
  CHECK(post("tea", "k").header("Idempotency-Replayed"));
}

TEST_CASE_FIXTURE(shop, "of many at once with one key, one is done, the others are told") {
  app.prepare();
  for (int round = 0; round < 10; ++round) {
    std::atomic<int> done = 0, replayed = 0, told = 0, others = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&, key = "k" + std::to_string(round)] {
        const auto r = post("tea", key);
        if (r.status == 409) ++told;
        else if (r.status != 201) ++others;
        else if (r.header("Idempotency-Replayed")) ++replayed;
        else ++done;
      });
    }
    for (auto& t : threads) t.join();
    CHECK(done == 1);
    CHECK(others == 0);
    CHECK(done + replayed + told == 8);
    CHECK(count() == round + 1);
  }
}

TEST_CASE("a route that cannot be idempotent fails the start") {
  {
    aft::app app{{.database = new_database()}};
    app.post("/", [] { return "a"; }).idempotent();
    CHECK_THROWS_AS(app.prepare(), aft::configuration_error);
  }
  aft::app app;
  app.post("/", [](aft::transaction&) {}).idempotent();
  CHECK_THROWS_AS(app.prepare(), aft::configuration_error);
}

TEST_CASE("an answer that cannot be stored undoes what was done") {
  aft::app app{{.database = new_database()}};
  app.migrate({"001", "create table t (id integer primary key) strict"});
  app.post("/",
           [](aft::transaction& tx) {
             tx.execute("insert into t (id) values (1)");
             return std::string(101, 'a');
           })
      .idempotent({.max_answer_bytes = 100});
  CHECK(
      app.handle({.method = "POST", .target = "/", .headers = {{"Idempotency-Key", "k"}}}).status ==
      500);
  CHECK(app.db().one<int>("select count(*) from t") == 0);
}

// Handlers on PostgreSQL. The other tests of this folder run on both engines.

#include <aft/app.hpp>

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "../test_database.hpp"

#define POSTGRES_TEST(name) TEST_CASE("PostgreSQL: " name* doctest::skip(!on_postgres()))

namespace {

struct addition {
  std::string note;
  int by;
};
struct total {
  std::int64_t sum;
  std::string note;
};

std::string thread_name() {
  char name[16] = {};
  ::pthread_getname_np(::pthread_self(), name, sizeof name);
  return name;
}

// Adds to a row, after both of two first calls have read it: one of them must be undone.
struct with_conflict {
  explicit with_conflict(aft::storage_options options = {})
      : app({.database = new_database(), .storage = options}) {
    app.migrate({"001", "",
                 "create table counter (x bigint not null); "
                 "insert into counter values (0)"});
    app.post("/add", [this](aft::body<addition> in, aft::transaction& tx) {
      ++runs;
      const auto x = tx.one<std::int64_t>("select x from counter");
      if (++read <= 2) {
        while (read < 2) std::this_thread::yield();
      }
      tx.execute("update counter set x = $1", x + in->by);
      return total{x + in->by, std::move(in->note)};
    });
  }
  std::vector<aft::test_response> add_twice() {
    std::vector<aft::test_response> answers(2);
    std::vector<std::thread> threads;
    for (auto& answer : answers) {
      threads.emplace_back([&] {
        answer = app.handle({"POST",
                             "/add",
                             {{"Content-Type", "application/json"}},
                             R"({"note":"a note that needs memory of its own","by":5})"});
      });
    }
    for (auto& t : threads) t.join();
    return answers;
  }
  std::int64_t sum() {
    return app.db().read(
        [](aft::reader& r) { return r.one<std::int64_t>("select x from counter"); });
  }

  std::atomic<int> runs{0}, read{0};
  aft::app app;
};

}  // namespace

POSTGRES_TEST("a handler that another was in the way of runs again, with its request as it came") {
  with_conflict test;
  for (const auto& answer : test.add_twice()) {
    CHECK(answer.status == 200);
    CHECK(answer.body.find("a note that needs memory of its own") != std::string::npos);
  }
  CHECK(test.runs == 3);
  CHECK(test.sum() == 10);
}

POSTGRES_TEST("after max_attempts the client is told to try again") {
  with_conflict test({.max_attempts = 1});
  const auto answers = test.add_twice();
  const auto& refused = answers[0].status == 200 ? answers[1] : answers[0];
  CHECK(answers[0].status + answers[1].status == 703);
  CHECK(refused.header("Retry-After") == "1");
  CHECK(refused.body.find("nothing was changed") != std::string::npos);
  CHECK(test.runs == 2);
  CHECK(test.sum() == 5);
}

POSTGRES_TEST("a change that may have been made is not called undone") {
  aft::app app({.database = new_database()});
  app.migrate({"001", "", "create table t (x int)"});
  app.post("/", [](aft::transaction& tx) {
    tx.execute("insert into t values (1)");
    postgres_server::shared().end_connections();
  });
  const auto answer = app.handle({"POST", "/", {{"Content-Length", "0"}}});
  CHECK(answer.status == 500);
  CHECK(answer.body.find("may be stored, or not") != std::string::npos);
}

POSTGRES_TEST("who finds all connections in use is told to come again") {
  aft::app app({.database = new_database(),
                .storage = {.busy_timeout = aft::milliseconds(20), .max_readers = 1}});
  std::atomic<bool> reads{false}, may_end{false};
  app.get("/long", [&](aft::reader& db) {
    const auto one = db.one<int>("select 1");
    reads = true;
    while (!may_end) std::this_thread::yield();
    return one;
  });
  app.get("/short", [](aft::reader& db) { return db.one<int>("select 2"); });
  std::thread other([&] { CHECK(app.handle({"GET", "/long"}).body == "1"); });
  while (!reads) std::this_thread::yield();
  const auto refused = app.handle({"GET", "/short"});
  may_end = true;
  other.join();
  CHECK(refused.status == 503);
  CHECK(refused.header("Retry-After") == "1");
  CHECK(refused.header("Content-Type") == "application/problem+json");
  CHECK(refused.body.find("more work than it takes on") != std::string::npos);
  CHECK(refused.body.find("max_readers") == std::string::npos);  // which is ours to know
  CHECK(app.handle({"GET", "/short"}).body == "2");
}

// How it answers, that it says so alone, and in the log.
struct with_absences {
  with_absences()
      : app({.database = new_database(), .log = [this](const aft::log_record& r) {
               const std::lock_guard lock(heard);
               if (r.level == aft::log_level::error) logged.emplace_back(r.message);
             }}) {
    app.migrate({"001", "", "create table t (x bigint not null)"});
    app.get("/view", [](aft::reader& db) { return db.one<int>("select count(*) from t"); });
    app.get("/alone", aft::blocking([](aft::database& db) {
              return db.one<int>("select count(*) from t where x >= $1", 0);
            }));
    app.post("/rows", [this](aft::transaction& tx) {
      tx.execute("insert into t values ($1)", ++rows);
      if (before_the_end) before_the_end();
      tx.execute("insert into t values ($1)", ++rows);
    });
    app.post("/caught", [this](aft::transaction& tx) {
      try {
        tx.execute("insert into t values ($1)", ++rows);
      } catch (const aft::storage_error&) {}
      tx.notify("rows");
    });
    app.get("/nothing", [] { return "nothing"; });
  }
  aft::test_response ask(const std::string& method, const std::string& path) {
    {
      const std::lock_guard lock(heard);
      logged.clear();
    }
    return app.handle({method, path, {{"Content-Length", "0"}}});
  }
  bool has_logged(const std::string& what) {
    const std::lock_guard lock(heard);
    return std::any_of(logged.begin(), logged.end(), [&](const std::string& line) {
      return line.find(what) != std::string::npos;
    });
  }
  void check_away(const std::string& method, const std::string& path) {
    CAPTURE(path);
    const auto answer = ask(method, path);
    CHECK(answer.status == 503);
    CHECK(answer.header("Retry-After") == "5");
    CHECK(answer.header("Content-Type") == "application/problem+json");
    CHECK(answer.body.find("the database cannot be reached") != std::string::npos);
    CHECK(answer.body.find("PGSQL") == std::string::npos);  // where it is is ours to know
    CHECK(has_logged("the PostgreSQL server cannot be reached"));
  }

  std::atomic<int> rows{0};
  aft::function<void()> before_the_end{};
  std::mutex heard;
  std::vector<std::string> logged;  // guarded by it
  aft::app app;
};

POSTGRES_TEST("while the server is away requests are told to come again, and then are answered") {
  with_absences test;
  CHECK(test.ask("POST", "/rows").status == 204);
  for (int i = 0; i < 3; ++i) CHECK(test.ask("GET", "/alone").body == "2");  // quick: in rounds
  CHECK(test.ask("GET", "/view").body == "2");
  auto& server = postgres_server::shared();
  for (int absence = 0; absence < 2; ++absence) {
    server.stop();
    test.check_away("GET", "/alone");
    test.check_away("GET", "/view");
    test.check_away("POST", "/rows");
    CHECK(test.ask("GET", "/nothing").body == "nothing");
    server.start();
    CHECK(test.ask("GET", "/alone").body == std::to_string(2 + 2 * absence));
    CHECK(test.ask("GET", "/view").body == std::to_string(2 + 2 * absence));
    CHECK(test.ask("POST", "/rows").status == 204);
  }
}

POSTGRES_TEST("a change whose server goes away before the commit is not made, and 503") {
  with_absences test;
  auto& server = postgres_server::shared();
  test.before_the_end = [&] { server.stop(); };
  test.check_away("POST", "/rows");
  const auto at_commit = test.ask("POST", "/caught");
  CHECK(at_commit.status == 503);
  CHECK(at_commit.header("Retry-After") == "5");
  CHECK(at_commit.body.find("nothing was changed") != std::string::npos);
  CHECK(test.has_logged("the PostgreSQL server cannot be reached"));
  server.start();
  CHECK(test.ask("GET", "/view").body == "0");
}

POSTGRES_TEST("who reads waits on the work lane, never on an event loop") {
  aft::app app({.database = new_database()});
  app.get("/read",
          [](aft::reader& db) { return thread_name() + db.one<std::string>("select 'x'"); });
  app.post("/write",
           [](aft::transaction& tx) { return thread_name() + tx.one<std::string>("select 'x'"); });
  CHECK(app.handle({"GET", "/read"}).body == "aft workx");
  CHECK(app.handle({"POST", "/write", {{"Content-Length", "0"}}}).body == "aft writex");
}

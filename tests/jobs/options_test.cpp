#include <aft/jobs/options.hpp>

#include <atomic>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>

#include <doctest/doctest.h>

#include <aft/app.hpp>
#include <aft/jobs/control.hpp>

#include "../temporary_file.hpp"
#include "../test_database.hpp"
#include "soon.hpp"

namespace {

struct number {
  int n;
};
struct report {
  int n = 0;
};
struct stranger {
  int n = 0;
};

}  // namespace

TEST_CASE("threads work jobs off as they come, each once") {
  std::mutex mutex;
  std::multiset<int> seen;
  aft::app app({.database = new_database(), .jobs = {.threads = 3}});
  app.job<number>([&](number n) {
    std::lock_guard lock(mutex);
    seen.insert(n.n);
  });
  app.start({.port = 0});
  for (int i = 0; i < 200; ++i) {
    app.db().write([&](aft::transaction& tx) { aft::enqueue(tx, number{i}); });
  }
  CHECK(soon([&] {
    std::lock_guard lock(mutex);
    return seen.size() >= 200;
  }));
  app.stop();
  CHECK(seen.size() == 200);
  CHECK(std::set<int>(seen.begin(), seen.end()).size() == 200);
}

TEST_CASE("a failed job is retried after the delay that the host says") {
  std::atomic<int> attempts{0};
  aft::app app({.database = new_database(),
                .jobs = {.poll = aft::milliseconds(20),
                         .retry_delay = [](int) { return aft::milliseconds(1); }}});
  app.job<number>([&](number, aft::job_context& c) {
    attempts = c.attempt();
    if (c.attempt() < 4) throw std::runtime_error("not yet");
  });
  app.start({.port = 0});
  app.db().write([&](aft::transaction& tx) { aft::enqueue(tx, number{1}); });
  CHECK(soon([&] { return attempts == 4; }));
}

TEST_CASE("jobs with a transaction run on the writer, each once in effect") {
  aft::app app({.database = new_database()});
  app.migrate({"001", "create table effect (n integer) strict"});
  app.job<number>(
      [](number n, aft::transaction& tx) { tx.execute("insert into effect values ($1)", n.n); });
  app.start({.port = 0});
  for (int i = 0; i < 200; ++i) {
    app.db().write([&](aft::transaction& tx) { aft::enqueue(tx, number{i}); });
  }
  auto effects = [&] {
    return app.db().read([](aft::reader& r) { return r.one<int>("select count(*) from effect"); });
  };
  CHECK(soon([&] { return effects() >= 200; }));
  CHECK(effects() == 200);
}

TEST_CASE("jobs that were not begun when the app stops are there afterwards, uncounted") {
  std::atomic<bool> inside{false}, go{false};
  aft::app app({.database = new_database(), .jobs = {.threads = 1}});
  app.job<number>([&](number) {
    inside = true;
    while (!go) std::this_thread::yield();
  });
  app.start({.port = 0});
  app.db().write([&](aft::transaction& tx) {
    for (int i = 0; i < 5; ++i) aft::enqueue(tx, number{i});
  });
  CHECK(soon([&] { return inside.load(); }));
  std::thread stops([&] { app.stop(); });
  go = true;
  stops.join();
  app.db().read([](aft::reader& r) {
    CHECK(r.one<int>("select count(*) from aft_job where state = 1") == 0);
    CHECK(r.one<int>("select count(*) from aft_job where state = 0 and attempt > 0") == 0);
    CHECK(r.one<int>("select count(*) from aft_worker") == 0);
  });
}

TEST_CASE("a worker that was taken for dead goes on as a new one, and loses no job") {
  std::atomic<int> runs{0};
  aft::app app({.database = new_database(), .jobs = {.threads = 1}});
  app.job<number>([&](number) { ++runs; });
  app.start({.port = 0});
  const auto worker = [&] {
    return app.db().read(
        [](aft::reader& r) { return r.one<std::int64_t>("select max(id) from aft_worker"); });
  };
  const auto before = worker();
  // What another process does to one that was silent for too long.
  app.db().write([](aft::transaction& tx) { tx.execute("delete from aft_worker"); });
  app.db().write([](aft::transaction& tx) { aft::enqueue(tx, number{1}); });
  CHECK(soon([&] { return runs == 1; }));
  CHECK(worker() > before);
  // And its earlier jobs, which nobody would ask after, are free again.
  app.db().write([](aft::transaction& tx) {
    const auto id = aft::enqueue(tx, number{2}, {.delay = aft::hours(1)});  // not to begin here
    tx.execute("update aft_job set state = 1, worker = 1000000, attempt = 1 where id = $1", id);
  });
  app.stop();
  app.start({.port = 0});
  CHECK(soon([&] { return runs == 2; }));
}

TEST_CASE("a slow queue with threads of its own takes nothing from the others") {
  std::atomic<bool> go{false};
  std::atomic<int> quick{0}, slow{0}, together{0}, most{0};
  aft::app app({.database = new_database(),
                .jobs = {.threads = 1, .queues = {{.name = "slow", .threads = 2}}}});
  app.job<number>([&](number n) {
    if (n.n == 0) {
      ++quick;
      return;
    }
    most = std::max<int>(most, ++together);
    while (!go) std::this_thread::yield();
    --together;
    ++slow;
  });
  app.start({.port = 0});
  app.db().write([](aft::transaction& tx) {
    for (int i = 0; i < 50; ++i) aft::enqueue(tx, number{1}, {.queue = "slow"});
    for (int i = 0; i < 50; ++i) aft::enqueue(tx, number{0}, {.queue = i % 2 ? "a" : "b"});
  });
  CHECK(soon([&] { return quick == 50 && together == 2; }));
  CHECK(slow == 0);
  go = true;
  CHECK(soon([&] { return slow == 50; }));
  CHECK(most == 2);
}

TEST_CASE("queues that share threads take turns, however many jobs one of them has") {
  std::atomic<int> may_end{0}, ended{0}, quick{0};
  std::atomic<bool> inside{false};
  aft::app app({.database = new_database(), .jobs = {.threads = 1, .prefetch = 4}});
  app.job<number>([&](number n) {
    if (n.n == 0) {
      ++quick;
      return;
    }
    inside = true;
    while (ended >= may_end) std::this_thread::yield();
    ++ended;
  });
  app.start({.port = 0});
  const auto running = [&](const char* queue) {
    return app.db().one<int>("select count(*) from aft_job where state = 1 and queue = $1", queue);
  };
  app.db().write([](aft::transaction& tx) {
    for (int i = 0; i < 100; ++i) aft::enqueue(tx, number{1}, {.queue = "slow"});
  });
  CHECK(soon([&] { return inside.load(); }));
  CHECK(soon([&] { return running("slow") == 1; }));  // nobody knows yet how long they take
  app.db().write([](aft::transaction& tx) { aft::enqueue(tx, number{0}, {.queue = "quick"}); });
  CHECK(soon([&] { return running("quick") == 1; }));
  may_end = 1;
  CHECK(soon([&] { return quick == 1; }));
  CHECK(ended == 1);
  may_end = 100;
  CHECK(soon([&] { return ended == 100; }));
}

TEST_CASE("jobs begin without polling, also those of another process where there is news of it") {
  const temporary_folder folder;
  const auto url = new_database(folder / "test.db");
  std::atomic<int> runs{0};
  // On SQLite nobody tells of what other processes do.
  aft::app app(
      {.database = url, .jobs = {.poll = on_postgres() ? aft::hours(1) : aft::milliseconds(1)}});
  app.job<number>([&](number) { ++runs; });
  app.start({.port = 0});
  {
    aft::app other({.database = url});
    other.job<number>([](number) {});
    other.db().write([](aft::transaction& tx) { aft::enqueue(tx, number{1}); });
  }
  CHECK(soon([&] { return runs == 1; }));
  app.stop();

  aft::app alone({.database = url, .jobs = {.poll = aft::hours(1)}});
  alone.job<number>([&](number) { ++runs; });
  alone.start({.port = 0});
  for (int i = 2; i < 20; ++i) {
    alone.db().write([](aft::transaction& tx) { aft::enqueue(tx, number{1}); });
    CHECK(soon([&] { return runs == i; }));
  }
  alone.db().write(
      [](aft::transaction& tx) { aft::enqueue(tx, number{1}, {.delay = aft::milliseconds(20)}); });
  CHECK(soon([&] { return runs == 20; }));
}

TEST_CASE("a worker that has nothing to do writes nothing but its heartbeat") {
  aft::app app(
      {.database = new_database(),
       .jobs = {.poll = aft::milliseconds(1), .heartbeat = aft::hours(1), .lease = aft::hours(3)}});
  app.job<number>([](number) {});
  app.job<report>([](report, aft::transaction&) {});
  app.start({.port = 0});
  // What is not due is no reason, nor is what waits for others, or for who knows it.
  app.db().write([](aft::transaction& tx) {
    aft::enqueue(tx, stranger{});
    const auto later = aft::enqueue(tx, number{1}, {.delay = aft::hours(1)});
    aft::enqueue(tx, number{1}, {.after = {later}});
  });
  std::uint64_t before = 0;
  int quiet = 0;
  CHECK(soon([&] {
    const auto now = app.db().writes().transactions;
    quiet = now == before ? quiet + 1 : 0;
    before = now;
    return quiet == 50;
  }));
}

TEST_CASE("a lease that a heartbeat cannot keep fails the start") {
  aft::app app({.database = new_database(), .jobs = {.lease = aft::seconds(15)}});
  app.job<number>([](number) {});
  CHECK_THROWS_WITH_AS(app.prepare(), doctest::Contains("less than two heartbeats"),
                       aft::configuration_error);
}

TEST_CASE("queues that cannot be told apart fail the start") {
  aft::app app({.database = new_database(), .jobs = {.queues = {{.name = "a"}, {.name = "a"}}}});
  CHECK_THROWS_WITH_AS(app.prepare(), doctest::Contains("the queue \"a\""),
                       aft::configuration_error);
}

TEST_CASE("a running job is asked to stop when somebody cancels it") {
  std::atomic<std::int64_t> running{0};
  std::atomic<bool> ended{false};
  aft::app app({.database = new_database()});
  app.job<number>([&](number, aft::job_context& c) {
    running = c.id();
    while (!c.stop_requested()) std::this_thread::yield();
    ended = true;
    c.throw_if_stopped();
  });
  app.start({.port = 0});
  app.db().write([](aft::transaction& tx) { aft::enqueue(tx, number{1}); });
  CHECK(soon([&] { return running != 0; }));
  app.db().write([&](aft::transaction& tx) { aft::jobs::cancel(tx, running); });
  CHECK(soon([&] { return ended.load(); }));
  CHECK(soon([&] {
    return app.db().read([&](aft::reader& db) { return aft::jobs::find(db, running)->state; }) ==
           aft::jobs::job_state::cancelled;
  }));
}

TEST_CASE("a job that is asked to stop with its worker goes back, uncounted") {
  std::atomic<bool> inside{false};
  aft::app app({.database = new_database()});
  app.job<number>([&](number, aft::job_context& c) {
    inside = true;
    while (!c.stop_requested()) std::this_thread::yield();
    c.throw_if_stopped();
  });
  app.start({.port = 0});
  app.db().write([](aft::transaction& tx) { aft::enqueue(tx, number{1}); });
  CHECK(soon([&] { return inside.load(); }));
  app.stop();
  app.db().read([](aft::reader& db) {
    const auto left = aft::jobs::list(db);
    REQUIRE(left.size() == 1);
    CHECK(left[0].state != aft::jobs::job_state::running);
    CHECK(left[0].attempt == 0);
    CHECK(left[0].history.empty());
  });
}

TEST_CASE("a job that never ends is reported, gives its place up, and does not hold up the end") {
  aft::manual_clock time{aft::time_point(aft::seconds(1'769'860'800))};
  std::mutex mutex;
  std::string logged;
  const auto log_has = [&](std::string_view part) {
    std::lock_guard lock(mutex);
    return logged.find(part) != logged.npos;
  };
  std::atomic<bool> go{false}, inside{false};
  std::atomic<int> others{0}, left_job{0};
  {
    aft::app app(
        {.database = new_database(),
         .jobs = {.threads = 1, .poll = aft::milliseconds(5), .drain = aft::milliseconds(20)},
         .log =
             [&](const aft::log_record& r) {
               std::lock_guard lock(mutex);
               logged += std::string(r.message) + "\n";
             },
         .time = &time});
    app.job<number>(
        [&](number n) {
          if (n.n == 0) {
            ++others;
            return;
          }
          inside = true;
          while (!go) std::this_thread::yield();
          ++left_job;
        },
        {.timeout = aft::seconds(60)});
    app.start({.port = 0});
    const auto endless =
        app.db().write([](aft::transaction& tx) { return aft::enqueue(tx, number{1}); });
    CHECK(soon([&] { return inside.load(); }));
    app.db().write([](aft::transaction& tx) { aft::enqueue(tx, number{0}); });
    time.advance(aft::seconds(69));
    CHECK(others == 0);  // it has the only thread
    time.advance(aft::seconds(1));
    CHECK(soon([&] { return others == 1; }));
    CHECK(log_has("was asked to stop and goes on"));
    app.stop();
    CHECK(log_has("it is left behind"));
    app.db().read([&](aft::reader& db) {
      CHECK(aft::jobs::find(db, endless)->state == aft::jobs::job_state::ready);
    });
    CHECK(left_job == 0);
    go = true;
  }
  CHECK(left_job == 1);  // the app's end has waited for it
}

TEST_CASE("many jobs that end at the same time are told of, each") {
  std::atomic<int> runs{0}, followers{0};
  aft::app app({.database = new_database(), .jobs = {.threads = 4, .prefetch = 200}});
  app.job<number>([&](number n) {
    if (n.n < 0) ++followers;
    else ++runs;
  });
  app.db().write([](aft::transaction& tx) {
    std::vector<std::int64_t> ids;
    for (int i = 0; i < 500; ++i) {
      ids.push_back(aft::enqueue(tx, number{i}, {.unique = i % 50 ? "" : std::to_string(i)}));
    }
    aft::enqueue(tx, number{-1}, {.after = ids});
  });
  app.start({.port = 0});
  CHECK(soon([&] { return followers == 1; }));
  CHECK(runs == 500);
  CHECK(soon(
      [&] { return app.db().read([](aft::reader& db) { return aft::jobs::list(db).empty(); }); }));
}

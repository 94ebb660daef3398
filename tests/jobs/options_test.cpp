#include <aft/jobs/options.hpp>

#include <atomic>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>

#include <doctest/doctest.h>

#include <aft/app.hpp>

#include "../test_database.hpp"

namespace {

struct number {
  int n;
};

// Waits for what another thread is about to do, without sleeping for a fixed time.
template <class F>
bool soon(F&& done) {
  for (int i = 0; i < 20'000; ++i) {
    if (done()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return false;
}

}  // namespace

TEST_CASE("threads work jobs off as they come, each once") {
  aft::app app({.database = new_database(), .jobs = {.threads = 3}});
  std::mutex mutex;
  std::multiset<int> seen;
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
  aft::app app({.database = new_database(), .jobs = {.threads = 1}});
  std::atomic<bool> inside{false}, go{false};
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
  aft::app app({.database = new_database(), .jobs = {.threads = 1}});
  std::atomic<int> runs{0};
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
    const auto id = aft::enqueue(tx, number{2});
    tx.execute("update aft_job set state = 1, worker = 1000000, attempt = 1 where id = $1", id);
  });
  app.stop();
  app.start({.port = 0});
  CHECK(soon([&] { return runs == 2; }));
}

// Jobs that begin in the process that stores them, without a way through the table.

#include <atomic>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <aft/app.hpp>
#include <aft/jobs/control.hpp>

#include "../metrics_reader.hpp"
#include "../test_database.hpp"
#include "soon.hpp"

namespace {

struct number {
  int n;
};
struct effect {
  int n;
};

// Nothing but what the test does wakes its worker.
aft::jobs_options alone() {
  return {.threads = 1, .poll = aft::hours(1), .heartbeat = aft::hours(1), .lease = aft::hours(3)};
}

int state_of(aft::transaction& tx, std::int64_t job) {
  return tx.one<int>("select state from aft_job where id = $1", job);
}

// Until the worker has looked for all that waits: before that jobs go through the table.
void wait_for_worker(aft::app& app) {
  int in_a_row = 0;
  CHECK(soon([&] {
    const auto state = app.db().write(
        [&](aft::transaction& tx) { return state_of(tx, aft::enqueue(tx, number{0})); });
    CHECK(soon([&] { return app.db().one<int>("select count(*) from aft_job") == 0; }));
    in_a_row = state == 1 ? in_a_row + 1 : 0;
    return in_a_row == 5;
  }));
}

}  // namespace

TEST_CASE("a job runs from its transaction on, and needs no more than its end to be written") {
  std::atomic<int> runs{0};
  aft::app app({.database = new_database(), .jobs = alone()});
  app.job<number>([&](number) { ++runs; });
  app.job<effect>([&](effect, aft::transaction&) { ++runs; });
  app.start({.port = 0});
  wait_for_worker(app);
  const auto job = app.db().write([](aft::transaction& tx) {
    return aft::jobs::find(tx, aft::enqueue(tx, number{1}, {.priority = 3, .max_attempts = 7}));
  });
  REQUIRE(job);
  CHECK(job->state == aft::jobs::job_state::running);
  CHECK(job->attempt == 1);
  CHECK(job->priority == 3);
  // The worker may still write what it has begun before.
  const auto is_quick = [&](const auto& one) {
    return soon([&] {
      const int before = runs;
      const auto written = app.db().writes().transactions;
      const auto state =
          app.db().write([&](aft::transaction& tx) { return state_of(tx, aft::enqueue(tx, one)); });
      CHECK(soon([&] { return app.db().one<int>("select count(*) from aft_job") == 0; }));
      return state == 1 && runs == before + 1 && app.db().writes().transactions - written == 2;
    });
  };
  CHECK(is_quick(number{1}));
  CHECK(is_quick(effect{1}));
}

TEST_CASE("what a transaction or a part of it takes back does not run, and leaves its place") {
  std::mutex mutex;
  std::multiset<int> seen;
  aft::app app({.database = new_database(), .jobs = alone()});
  app.job<number>([&](number n) {
    std::lock_guard lock(mutex);
    if (n.n) seen.insert(n.n);
  });
  app.start({.port = 0});
  wait_for_worker(app);
  for (int i = 0; i < 5; ++i) {
    int state = -1;
    const auto store = [&](aft::transaction& tx, int n) {
      state = state_of(tx, aft::enqueue(tx, number{n}));
    };
    CHECK_THROWS_AS(app.db().write([&](aft::transaction& tx) {
      store(tx, -1);
      throw std::runtime_error("no");
    }),
                    std::runtime_error);
    CHECK(state == 1);
    app.db().write([&](aft::transaction& tx) {
      try {
        tx.savepoint([&] {
          store(tx, -2);
          throw std::runtime_error("no");
        });
      } catch (const std::runtime_error&) {
        tx.savepoint([&] { store(tx, 1); });
      }
    });
    CHECK(state == 1);
    CHECK(soon([&] { return app.db().one<int>("select count(*) from aft_job") == 0; }));
  }
  app.stop();
  CHECK(seen == std::multiset<int>{1, 1, 1, 1, 1});
}

TEST_CASE(
    "of many transactions that share a commit those that fail leave no job, the others each") {
  std::mutex mutex;
  std::multiset<int> seen;
  aft::app app({.database = new_database(), .jobs = {.threads = 2, .prefetch = 16}});
  app.job<number>([&](number n) {
    std::lock_guard lock(mutex);
    seen.insert(n.n);
  });
  app.start({.port = 0});
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 100; ++i) {
        try {
          app.db().write([&](aft::transaction& tx) {
            aft::enqueue(tx, number{1000 * t + i});
            if (i % 7 == 3) throw std::runtime_error("no");
          });
        } catch (const std::runtime_error&) {}
      }
    });
  }
  for (auto& t : threads) t.join();
  CHECK(soon([&] { return app.db().one<int>("select count(*) from aft_job") == 0; }));
  app.stop();
  std::multiset<int> wanted;
  for (int t = 0; t < 8; ++t) {
    for (int i = 0; i < 100; ++i) {
      if (i % 7 != 3) wanted.insert(1000 * t + i);
    }
  }
  CHECK(seen == wanted);
}

TEST_CASE("a job goes through the table where there is no room, or its queue is paused") {
  auto options = alone();
  options.prefetch = 1;
  std::atomic<bool> go{false};
  aft::app app({.database = new_database(), .jobs = std::move(options)});
  app.job<number>([&](number n) {
    while (n.n && !go) std::this_thread::yield();
  });
  app.start({.port = 0});
  wait_for_worker(app);
  const auto states = app.db().write([](aft::transaction& tx) {
    std::vector<int> s;
    s.push_back(state_of(tx, aft::enqueue(tx, effect{1})));  // nobody knows it
    s.push_back(state_of(tx, aft::enqueue(tx, number{1}, {.delay = aft::hours(1)})));
    aft::jobs::pause(tx, "paused");
    s.push_back(state_of(tx, aft::enqueue(tx, number{0}, {.queue = "paused"})));
    s.push_back(state_of(tx, aft::enqueue(tx, number{1})));
    s.push_back(state_of(tx, aft::enqueue(tx, number{0})));  // behind it
    return s;
  });
  CHECK(states == std::vector<int>{0, 5, 0, 1, 0});
  go = true;
  CHECK(soon([&] {
    return app.db().one<int>(
               "select count(*) from aft_job where kind = 'number' "
               "and queue = 'default' and state <> 5") == 0;
  }));
  CHECK(app.db().one<int>("select state from aft_job where queue = 'paused'") == 0);
}

TEST_CASE("a job whose transaction ends after the worker's goes back as if it had not begun") {
  auto options = alone();
  options.threads = 2;
  std::atomic<bool> watches{false}, is_stopping{false}, stored{false};
  aft::app app({.database = new_database(), .jobs = std::move(options)});
  app.job<number>([](number) {});
  app.job<effect>([&](effect, aft::job_context& c) {
    watches = true;
    while (!c.stop_requested()) std::this_thread::yield();
    is_stopping = true;
  });
  app.start({.port = 0});
  wait_for_worker(app);
  app.db().write([](aft::transaction& tx) { aft::enqueue(tx, effect{1}); });
  CHECK(soon([&] { return watches.load(); }));
  std::int64_t id = 0;
  int state = -1;
  std::thread stores([&] {
    app.db().write([&](aft::transaction& tx) {
      id = aft::enqueue(tx, number{1});
      state = state_of(tx, id);
      stored = true;
      CHECK(soon([&] { return is_stopping.load(); }));
    });
  });
  CHECK(soon([&] { return stored.load(); }));
  app.stop();
  stores.join();
  CHECK(state == 1);
  app.db().read([&](aft::reader& db) {
    const auto job = aft::jobs::find(db, id);
    REQUIRE(job);
    CHECK(job->state == aft::jobs::job_state::ready);
    CHECK(job->attempt == 0);
  });
}

namespace {

// A worker with a place for one job. Those that are not number 0 stay in their handler.
struct lone_place {
  std::atomic<bool> go{false};
  std::atomic<int> inside{0};
  std::mutex mutex;
  std::multiset<int> seen;
  aft::app app;

  lone_place() : app({.database = new_database(), .jobs = options()}) {
    app.job<number>([this](number n, aft::job_context& c) {
      if (n.n == 0) return;
      CHECK(c.attempt() == 1);
      ++inside;
      while (!go) std::this_thread::yield();
      std::lock_guard lock(mutex);
      seen.insert(n.n);
    });
    app.start({.port = 0});
    wait_for_worker(app);
  }
  ~lone_place() { go = true; }

  static aft::jobs_options options() {
    auto o = alone();
    o.prefetch = 1;
    return o;
  }
  void wake_worker() {
    app.db().write([](aft::transaction& tx) { tx.notify("aft_job"); });
  }
  // That is under way, or may be.
  void wait_for_claim() {
    const auto before = app.db().writes().transactions;
    wake_worker();
    CHECK(soon([&] { return app.db().writes().transactions >= before + 2; }));
  }
  int running() { return app.db().one<int>("select count(*) from aft_job where state = 1"); }
  void let_go() {
    go = true;
    CHECK(soon([this] { return app.db().one<int>("select count(*) from aft_job") == 0; }));
    app.stop();
  }
};

// Calls `meanwhile` once somebody waits for what `lock` locks, after `wake`.
template <class Lock, class Wake, class Meanwhile>
void while_locked(aft::app& app, Lock lock, Wake wake, Meanwhile meanwhile) {
  std::atomic<bool> is_locked{false}, is_over{false};
  std::thread locks([&] {
    app.db().write([&](aft::transaction& tx) {
      lock(tx);
      is_locked = true;
      CHECK(soon([&] { return is_over.load(); }));
    });
  });
  CHECK(soon([&] { return is_locked.load(); }));
  wake();
  CHECK(soon([] {
    return postgres_server::shared().execute("select count(*) from pg_locks where not granted") !=
           "0";
  }));
  meanwhile();
  is_over = true;
  locks.join();
}

}  // namespace

TEST_CASE("a job whose place was taken before its commit goes back, for others to begin") {
  if (!on_postgres()) return;  // on SQLite transactions come one after another
  lone_place one;
  std::atomic<bool> stored{false};
  std::thread stores([&] {
    one.app.db().write([&](aft::transaction& tx) {
      aft::enqueue(tx, number{1});
      stored = true;
      CHECK(soon([&] { return one.inside == 1; }));  // no thread waits for an open transaction
    });
  });
  CHECK(soon([&] { return stored.load(); }));
  one.app.db().write([](aft::transaction& tx) { aft::enqueue(tx, number{2}); });
  stores.join();
  CHECK(soon([&] { return one.running() == 1; }));
  one.let_go();
  CHECK(one.seen == std::multiset<int>{1, 2});
}

TEST_CASE("a claim takes no more than there is room for beside what has begun meanwhile") {
  if (!on_postgres()) return;  // on SQLite transactions come one after another
  lone_place one;
  while_locked(
      one.app,
      [](aft::transaction& tx) { tx.execute("lock table aft_limit in access exclusive mode"); },
      [&] { one.wake_worker(); },
      [&] {
        one.app.db().write([](aft::transaction& tx) {
          for (int i = 1; i <= 3; ++i) aft::enqueue(tx, number{i});
        });
      });
  CHECK(soon([&] { return one.inside == 1; }));
  one.wait_for_claim();
  CHECK(soon([&] { return one.running() == 1; }));
  one.let_go();
  CHECK(one.seen == std::multiset<int>{1, 2, 3});
}

TEST_CASE("a job that is stored while a claim takes the last place goes through the table") {
  if (!on_postgres()) return;  // on SQLite transactions come one after another
  lone_place one;
  one.app.db().write([](aft::transaction& tx) {
    aft::enqueue(tx, number{1}, {.delay = aft::hours(1), .limit_key = "key", .limit = 1});
  });
  int state = -1;
  while_locked(
      one.app,
      [](aft::transaction& tx) {
        tx.find<int>("select 1 from aft_limit where key = 'key' for update");
      },
      [&] {
        one.app.db().write(
            [](aft::transaction& tx) { tx.execute("update aft_job set state = 0"); });
        one.wake_worker();
      },
      [&] {
        state = one.app.db().write(
            [](aft::transaction& tx) { return state_of(tx, aft::enqueue(tx, number{2})); });
      });
  CHECK(state == 0);
  CHECK(soon([&] { return one.inside == 1; }));
  CHECK(soon([&] { return one.running() == 1; }));
  one.let_go();
  CHECK(one.seen == std::multiset<int>{1, 2});
}

TEST_CASE("where nobody can tell whether a job was stored, it runs exactly where it was") {
  if (!on_postgres()) return;  // on SQLite a commit has an answer
  std::mutex mutex;
  std::multiset<int> seen;
  aft::app app(
      {.database = new_database(),
       .jobs = {.poll = aft::milliseconds(5), .heartbeat = aft::hours(1), .lease = aft::hours(3)}});
  app.job<number>([&](number n) {
    std::lock_guard lock(mutex);
    if (n.n) seen.insert(n.n);
  });
  app.migrate({"001", "create table stored (n integer not null) strict"});
  app.start({.port = 0});
  wait_for_worker(app);
  for (int i = 1; i <= 5; ++i) {
    try {
      app.db().write([&](aft::transaction& tx) {
        tx.execute("insert into stored values ($1)", i);
        aft::enqueue(tx, number{i});
        postgres_server::shared().end_connections();
      });
    } catch (const aft::storage_error&) {}
  }
  CHECK(soon([&] {
    try {
      return app.db().one<int>("select count(*) from aft_job") == 0;
    } catch (const aft::storage_error&) {
      return false;
    }
  }));
  app.stop();
  const auto stored = app.db().all<int>("select n from stored order by n");
  CHECK(std::multiset<int>(stored.begin(), stored.end()) == seen);
}

TEST_CASE("what stores a job may think better of it before the commit") {
  std::atomic<int> runs{0};
  aft::app app({.database = new_database(), .jobs = alone()});
  app.job<number>([&](number n) { runs += n.n; });
  app.start({.port = 0});
  wait_for_worker(app);
  std::int64_t cancelled = 0;
  bool was_dropped = false;
  app.db().write([&](aft::transaction& tx) {
    cancelled = aft::enqueue(tx, number{1});
    aft::jobs::cancel(tx, cancelled);
    was_dropped = aft::jobs::drop(tx, aft::enqueue(tx, number{10}));
    aft::enqueue(tx, number{100});
  });
  CHECK(was_dropped);
  CHECK(
      soon([&] { return app.db().one<int>("select count(*) from aft_job where state < 2") == 0; }));
  app.db().read([&](aft::reader& db) {
    const auto job = aft::jobs::find(db, cancelled);
    REQUIRE(job);
    CHECK(job->state == aft::jobs::job_state::cancelled);
  });
  app.stop();
  CHECK(runs == 100);
}

TEST_CASE(
    "of jobs that end at once each has the end that it should, whatever its neighbours have") {
  std::atomic<int> begun{0};
  std::atomic<bool> go{false};
  aft::app app({.database = new_database(),
                .jobs = {.threads = 40,
                         .poll = aft::hours(1),
                         .heartbeat = aft::hours(1),
                         .lease = aft::hours(3)}});
  app.job<number>([&](number) {
    ++begun;
    CHECK(soon([&] { return go.load(); }));
  });
  app.job<effect>([](effect) {});
  app.start({.port = 0});
  std::vector<std::int64_t> jobs;
  std::int64_t follower = 0;
  app.db().write([&](aft::transaction& tx) {
    jobs.clear();
    for (int i = 0; i < 40; ++i) {
      aft::job_options o;
      if (i % 8 == 3) o.unique = "key" + std::to_string(i);
      if (i == 11) o.unique_for = aft::days(1);
      jobs.push_back(aft::enqueue(tx, number{i}, o));
    }
    follower = aft::enqueue(tx, effect{1}, {.after = {jobs[20]}});
  });
  CHECK(soon([&] { return begun == 40; }));
  // Somebody takes one for dead, and has done it meanwhile.
  app.db().write(
      [&](aft::transaction& tx) { tx.execute("delete from aft_job where id = $1", jobs[30]); });
  go = true;
  // What has a right to its key stays, as done; of the others nothing, the follower's turn came.
  CHECK(soon(
      [&] { return app.db().one<int>("select count(*) from aft_job where state <> 3") == 0; }));
  const auto left = app.db().all<std::int64_t>("select id from aft_job");
  REQUIRE(left.size() == 1);
  CHECK(left[0] == jobs[11]);
  CHECK(begun == 40);
  app.stop();
  // The one that somebody had done is not counted here.
  const auto all = metrics_reader::read(app.metrics().text(aft::metric_format::prometheus));
  CHECK(all.at("aft_jobs_attempts_total{kind=\"number\",outcome=\"done\"}") == 39);
}

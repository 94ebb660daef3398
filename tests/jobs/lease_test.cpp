// Workers that die, are taken for dead, or have clocks that jump.

#include <atomic>
#include <stdexcept>
#include <thread>

#include <doctest/doctest.h>

#include <aft/app.hpp>
#include <aft/jobs/control.hpp>

#include "../test_database.hpp"
#include "soon.hpp"

namespace {

namespace jobs = aft::jobs;
using jobs::job_state;

struct task {
  int n = 0;
};

// An app that works, with a clock that stands still, and a worker of another machine that has one
// of its jobs.
struct with_other_worker {
  aft::manual_clock time{aft::time_point(aft::seconds(1'769'860'800))};
  std::atomic<int> runs{0};
  aft::app app{{.database = new_database(),
                .jobs = {.poll = aft::milliseconds(2), .heartbeat = aft::milliseconds(2)},
                .time = &time}};
  std::int64_t other = 0, job = 0;

  with_other_worker() {
    app.job<task>([this](task) { ++runs; });
    app.prepare();
    app.db().write([this](aft::transaction& tx) {
      other = tx.one<std::int64_t>(
          "insert into aft_worker (machine, process, started, seen_at) "
          "values ('elsewhere', 1, 1, $1) returning id",
          tx.now());
      job = aft::enqueue(tx, task{});
      tx.execute("update aft_job set state = 1, worker = $1, attempt = 1 where id = $2", other,
                 job);
    });
    app.start({.port = 0});
    watch();
  }

  // Until the app has looked at the other worker once more.
  void watch() {
    time.advance(aft::milliseconds(1));
    CHECK(soon([this] {
      return app.db().one<aft::time_point>("select max(seen_at) from aft_worker where id <> $1",
                                           other) == time.now();
    }));
  }
  void beat() {
    app.db().write([this](aft::transaction& tx) {
      tx.execute("update aft_worker set seen_at = $1 where id = $2", tx.now(), other);
    });
  }
  int others() { return app.db().one<int>("select count(*) from aft_worker where id = $1", other); }
};

}  // namespace

TEST_CASE_FIXTURE(with_other_worker, "the job of a silent worker starts again after the lease") {
  time.advance(aft::seconds(29));
  watch();
  CHECK(others() == 1);
  CHECK(runs == 0);
  time.advance(aft::seconds(2));
  CHECK(soon([this] { return runs == 1; }));
  CHECK(others() == 0);
  CHECK(soon([this] { return app.db().one<int>("select count(*) from aft_job") == 0; }));
}

TEST_CASE_FIXTURE(with_other_worker, "a worker with a heartbeat keeps its job") {
  for (int i = 0; i < 10; ++i) {
    time.advance(aft::seconds(20));
    beat();
    watch();
  }
  CHECK(others() == 1);
  CHECK(runs == 0);
}

TEST_CASE_FIXTURE(with_other_worker, "a clock that jumps a day either way takes nobody for dead") {
  for (const auto jump : {aft::days(1), -aft::days(1), -aft::days(1), aft::days(2)}) {
    time.set(time.now() + jump);
    watch();
    CHECK(others() == 1);
    CHECK(runs == 0);
  }
  // And one that is dead is found out while it is wrong.
  time.set(time.now() - aft::days(1));
  watch();
  time.advance(aft::seconds(31));
  CHECK(soon([this] { return runs == 1; }));
}

TEST_CASE("a heartbeat writes one row, however many jobs its worker has") {
  std::atomic<bool> go{false};
  std::atomic<int> inside{0};
  aft::manual_clock time{aft::time_point(aft::seconds(1'769'860'800))};
  aft::app app({.database = new_database(),
                .jobs = {.poll = aft::hours(1), .heartbeat = aft::milliseconds(2)},
                .time = &time});
  app.job<task>([&](task) {
    ++inside;
    while (!go) std::this_thread::yield();
  });
  if (!on_postgres()) {
    app.migrate({"001",
                 "create table told (n integer) strict; "
                 "create trigger tell_job after update on aft_job begin "
                 "insert into told values (1); end; "
                 "create trigger tell_worker after update on aft_worker begin "
                 "insert into told values (2); end"});
  }
  app.start({.port = 0});
  app.db().write([](aft::transaction& tx) {
    for (int i = 0; i < 60; ++i) aft::enqueue(tx, task{});
  });
  CHECK(soon([&] { return inside == 2; }));
  const auto seen = [&] {
    return app.db().one<aft::time_point>("select max(seen_at) from aft_worker");
  };
  const auto told = [&](int what) {
    return app.db().one<int>("select count(*) from told where n = $1", what);
  };
  const auto jobs_before = on_postgres() ? 0 : told(1);
  for (int i = 0; i < 20; ++i) {
    time.advance(aft::seconds(1));
    CHECK(soon([&] { return seen() == time.now(); }));
  }
  if (!on_postgres()) {
    CHECK(told(1) == jobs_before);
    CHECK(told(2) >= 20);
  }
  go = true;
}

TEST_CASE("a clock that jumps asks no job to stop, and delays no longer than it has jumped") {
  aft::manual_clock time{aft::time_point(aft::seconds(1'769'860'800))};
  std::string ran;
  aft::app app({.database = new_database(), .time = &time});
  app.job<task>(
      [&](task t, aft::job_context& c) {
        ran += std::to_string(t.n);
        for (const auto jump : {aft::days(1), -aft::days(2), aft::days(1)}) {
          time.set(time.now() + jump);
          CHECK(!c.stop_requested());
        }
        time.advance(aft::seconds(30));
        CHECK(c.stop_requested());
      },
      {.timeout = aft::seconds(30)});
  const auto enqueue = [&](int n, aft::duration delay) {
    app.db().write([&](aft::transaction& tx) { aft::enqueue(tx, task{n}, {.delay = delay}); });
  };
  enqueue(1, {});
  enqueue(2, aft::hours(1));
  CHECK(app.run_due_jobs() == 1);
  time.set(time.now() + aft::days(1));
  CHECK(app.run_due_jobs() == 1);
  CHECK(ran == "12");
  // Back: what is ready stays so, what waits goes by the time of day.
  enqueue(3, {});
  enqueue(4, aft::hours(1));
  time.set(time.now() - aft::days(1));
  CHECK(app.run_due_jobs() == 1);
  time.advance(aft::hours(25));
  CHECK(app.run_due_jobs() == 1);
  CHECK(ran == "1234");
}

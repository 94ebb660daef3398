#include <aft/jobs/batch.hpp>

#include <stdexcept>

#include <doctest/doctest.h>

#include "job_app.hpp"

namespace {

namespace jobs = aft::jobs;
using jobs::job_state;

struct part {
  int n = 0;
};
struct whole {
  std::string name = "W";
};

// Parts below 0 fail.
struct with_parts : job_app {
  bool fails = true;
  with_parts() {
    app.job<part>([this](part p) {
      if (p.n < 0 && fails) throw std::runtime_error("no");
      ran += std::to_string(p.n);
    });
    app.job<whole>([this](const whole& w) { ran += w.name; });
  }
};

}  // namespace

TEST_CASE_FIXTURE(with_parts, "what runs when a batch is done runs once, after the last job") {
  const auto last = write([](aft::transaction& tx) {
    aft::job_batch batch(tx);
    for (int i = 1; i <= 5; ++i) batch.add(part{i}, {.delay = aft::minutes(i)});
    CHECK(batch.jobs().size() == 5);
    return batch.when_done(whole{});
  });
  for (int i = 1; i <= 4; ++i) {
    CHECK(run_after(aft::minutes(1)) == 1);
    CHECK(state(last) == job_state::blocked);
  }
  CHECK(run_after(aft::minutes(1)) == 2);
  CHECK(ran == "12345W");
  CHECK(list().empty());
  CHECK(app.db().one<int>("select count(*) from aft_job_after") == 0);
}

TEST_CASE_FIXTURE(with_parts, "a batch without jobs is done at once") {
  write([](aft::transaction& tx) { aft::job_batch(tx).when_done(whole{}); });
  CHECK(run() == 1);
  CHECK(ran == "W");
}

TEST_CASE_FIXTURE(with_parts, "a batch with a job that was given up waits, or has ended") {
  const auto bad = write([](aft::transaction& tx) {
    aft::job_batch batch(tx);
    batch.add(part{1});
    const auto id = batch.add(part{-1}, {.max_attempts = 1});
    batch.when_done(whole{"D"});
    batch.when_ended(whole{"E"});
    return id;
  });
  CHECK(run() == 3);
  CHECK(take_ran() == "1E");
  CHECK(state(bad) == job_state::dead);
  // One that comes after it is content with that, too.
  enqueue(whole{"F"}, {.after = {bad}, .after_what = aft::job_after::ended});
  CHECK(run() == 1);
  fails = false;
  write([&](aft::transaction& tx) { jobs::retry(tx, bad); });
  CHECK(run() == 2);
  CHECK(ran == "F-1D");
}

TEST_CASE_FIXTURE(with_parts, "a batch with a job that is cancelled or dropped is, or has ended") {
  std::int64_t cancelled = 0, dropped = 0, done = 0;
  write([&](aft::transaction& tx) {
    aft::job_batch batch(tx);
    cancelled = batch.add(part{1}, {.delay = aft::hours(1)});
    dropped = batch.add(part{2}, {.delay = aft::hours(1)});
    done = batch.when_done(whole{"D"});
    batch.when_ended(whole{"E"});
  });
  write([&](aft::transaction& tx) { jobs::cancel(tx, cancelled); });
  CHECK(state(done) == job_state::cancelled);
  CHECK(run() == 0);
  write([&](aft::transaction& tx) { jobs::drop(tx, dropped); });
  CHECK(run() == 1);
  CHECK(ran == "E");
}

TEST_CASE_FIXTURE(job_app, "a job of a batch adds to it while it runs") {
  app.job<part>([this](part p, aft::job_context& c, aft::transaction& tx) {
    ran += std::to_string(p.n);
    if (p.n >= 3) return;
    const auto another = aft::enqueue(tx, part{p.n + 1}, {.delay = aft::minutes(1)});
    CHECK(jobs::join(tx, c.id(), another) == 1);
    CHECK(jobs::join(tx, c.id(), another) == 0);
  });
  app.job<whole>([this](const whole& w) { ran += w.name; });
  write([](aft::transaction& tx) {
    aft::job_batch batch(tx);
    batch.add(part{1});
    batch.when_done(whole{});
  });
  CHECK(run() == 1);
  CHECK(run_after(aft::minutes(1)) == 1);
  CHECK(run_after(aft::minutes(1)) == 2);
  CHECK(ran == "123W");
}

TEST_CASE_FIXTURE(with_parts, "batches nest, and a batch that is undone leaves nothing") {
  CHECK_THROWS(write([](aft::transaction& tx) {
    aft::job_batch batch(tx);
    batch.add(part{9});
    batch.when_done(whole{"N"});
    throw std::runtime_error("undo");
  }));
  write([](aft::transaction& tx) {
    aft::job_batch outer(tx);
    for (const char* name : {"A", "B"}) {
      aft::job_batch inner(tx);
      inner.add(part{1}, {.after = outer.jobs()});
      outer.add(whole{name}, {.after = inner.jobs()});
    }
    outer.when_done(whole{"Z"});
  });
  CHECK(run() == 5);
  CHECK(ran == "1A1BZ");
  CHECK(app.db().one<int>("select count(*) from aft_job_after") == 0);
}

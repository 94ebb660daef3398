#include <aft/jobs/context.hpp>

#include <stdexcept>

#include <doctest/doctest.h>

#include "job_app.hpp"

namespace {

using aft::jobs::job_state;

struct work {
  int n = 0;
};
struct report {
  int rows = 0;
};

}  // namespace

TEST_CASE_FIXTURE(job_app, "a job that cancels itself is given up, with the reason") {
  app.job<work>([](work) { throw aft::cancel_job{"the address is gone"}; });
  const auto id = enqueue(work{});
  CHECK(run() == 1);
  CHECK(run_after(aft::days(1)) == 0);
  CHECK(state(id) == job_state::cancelled);
  CHECK(find(id)->error == "the address is gone");
}

TEST_CASE_FIXTURE(job_app, "a job that snoozes comes back, and its attempts are not counted") {
  app.job<work>([this](work, aft::job_context& c) {
    ran += std::to_string(c.attempt());
    if (ran.size() < 4) throw aft::snooze_job{aft::minutes(5)};
  });
  enqueue(work{}, {.max_attempts = 1});
  CHECK(run() == 1);
  CHECK(run_after(aft::minutes(4)) == 0);
  CHECK(run_after(aft::minutes(1)) == 1);
  CHECK(run_after(aft::minutes(5)) == 1);
  CHECK(run_after(aft::minutes(5)) == 1);
  CHECK(ran == "1111");
  CHECK(list().empty());
}

TEST_CASE_FIXTURE(job_app, "a job with a transaction that snoozes leaves nothing behind") {
  app.migrate({"001", "create table effect (n integer) strict"});
  app.job<work>([this](work, aft::transaction& tx) {
    tx.execute("insert into effect values (1)");
    if (ran.empty()) {
      ran = "x";
      throw aft::snooze_job{aft::minutes(1)};
    }
  });
  enqueue(work{});
  run();
  run_after(aft::minutes(1));
  CHECK(app.db().read([](aft::reader& db) { return db.one<int>("select count(*) from effect"); }) ==
        1);
}

TEST_CASE_FIXTURE(job_app, "what a job throws is kept as text that can be stored") {
  app.job<work>([](work w) {
    if (w.n == 1) throw std::runtime_error("\xff\xfe broken");
    if (w.n == 2) throw std::runtime_error(std::string(1'000'000, 'x'));
    throw 5;
  });
  const auto broken = enqueue(work{1}), long_one = enqueue(work{2}), number = enqueue(work{3});
  CHECK(run() == 3);
  CHECK(find(broken)->error == "?? broken");
  CHECK(find(long_one)->error->size() == 1000);
  CHECK(find(number)->error == "it threw something that is no std::exception");
}

TEST_CASE_FIXTURE(job_app,
                  "failed attempts are kept with their times and errors, the last twenty") {
  app.job<work>(
      [](work, aft::job_context& c) {
        throw std::runtime_error("no. " + std::to_string(c.attempt()));
      },
      {.max_attempts = 30, .retry_delay = [](int) { return aft::seconds(10); }});
  const auto id = enqueue(work{});
  const auto began = time.now();
  run();
  run_after(aft::seconds(10));
  auto job = *find(id);
  REQUIRE(job.history.size() == 2);
  CHECK(job.history[0].attempt == 1);
  CHECK(job.history[0].error == "no. 1");
  CHECK(job.history[0].began_at == began);
  CHECK(job.history[1].began_at == began + aft::seconds(10));
  CHECK(job.history[1].worker > job.history[0].worker);
  CHECK(job.state == job_state::later);
  for (int i = 0; i < 28; ++i) run_after(aft::seconds(10));
  job = *find(id);
  CHECK(job.state == job_state::dead);
  REQUIRE(job.history.size() == 20);
  CHECK(job.history.front().attempt == 11);
  CHECK(job.history.back().attempt == 30);
}

TEST_CASE_FIXTURE(job_app, "a job sees that its time is up, and fails in that attempt") {
  app.job<work>(
      [this](work, aft::job_context& c) {
        CHECK(!c.stop_requested());
        time.advance(aft::seconds(29));
        CHECK(!c.stop_requested());
        time.advance(aft::seconds(1));
        CHECK(c.stop_requested());
        c.throw_if_stopped();
      },
      {.timeout = aft::seconds(30)});
  const auto id = enqueue(work{});
  CHECK(run() == 1);
  CHECK(state(id) == job_state::later);
  CHECK(find(id)->error == "its time was up");
  CHECK(find(id)->history.size() == 1);
}

TEST_CASE_FIXTURE(job_app, "the queries of a job end when its time is up") {
  auto endless = [](aft::reader& db) {
    return db.one<std::int64_t>(
        "with recursive n (i) as (select 1 union all select i + 1 from n where i < 1000000000) "
        "select count(*) from n");
  };
  std::int64_t counted = 0;
  app.job<work>([&](work, aft::reader& db) { counted = endless(db); },
                {.timeout = aft::milliseconds(50)});
  app.job<report>([&](report, aft::transaction& tx) { counted = endless(tx); },
                  {.timeout = aft::milliseconds(50)});
  const auto read = enqueue(work{}), written = enqueue(report{});
  if (on_postgres()) {
    CHECK(run() == 2);
    CHECK(state(written) == job_state::later);
  } else {
    // On SQLite one that writes is stopped between statements; this one is a single one.
    write([&](aft::transaction& tx) { aft::jobs::drop(tx, written); });
    CHECK(run() == 1);
  }
  CHECK(state(read) == job_state::later);
  CHECK(counted == 0);
}

TEST_CASE_FIXTURE(job_app, "progress is seen while the job runs") {
  std::optional<aft::jobs::listed_job> seen;
  app.job<report>([&](report, aft::job_context& c) {
    c.progress(0.5, "half of the rows");
    seen = find(c.id());
    c.progress(7);
    CHECK(find(c.id())->progress == 1.0);
  });
  enqueue(report{});
  run();
  REQUIRE(seen);
  CHECK(seen->state == job_state::running);
  CHECK(seen->progress == 0.5);
  CHECK(seen->progress_note == "half of the rows");
}

TEST_CASE_FIXTURE(job_app, "the output of a job is kept with it") {
  app.job<report>([](report, aft::job_context& c) { c.output(report{12}); },
                  {.keep = aft::hours(1)});
  const auto id = enqueue(report{});
  run();
  CHECK(state(id) == job_state::done);
  CHECK(find(id)->output->text == R"({"rows":12})");
  CHECK(find(id)->finished_at == time.now());
}

TEST_CASE_FIXTURE(job_app, "what a job may keep is bounded") {
  app.job<work>([](work w, aft::job_context& c) {
    const std::string large(1'100'000, 'x');
    if (w.n) c.output(large);
    else c.cursor<std::string>("at").save(large);
  });
  const auto saved = enqueue(work{0}), output = enqueue(work{1});
  run();
  CHECK(has(find(saved)->error.value(), "what is saved of a job is 1100"));
  CHECK(has(find(output)->error.value(), "the output of a job is 1100"));
}

TEST_CASE_FIXTURE(job_app, "a step runs once for all attempts, and gives what it gave") {
  app.job<work>([this](work, aft::job_context& c) {
    const auto order = c.step("order", [this] {
      ran += "order ";
      return report{7};
    });
    CHECK(order.rows == 7);
    c.step("pay", [this] { ran += "pay "; });
    if (c.attempt() == 1) throw std::runtime_error("after the payment");
    c.step("ship", [this] { ran += "ship "; });
  });
  enqueue(work{});
  run();
  run_after(aft::minutes(1));
  CHECK(ran == "order pay ship ");
  CHECK(list().empty());
}

TEST_CASE_FIXTURE(job_app, "a cursor goes on where the last attempt got to") {
  app.job<work>([this](work, aft::job_context& c) {
    auto at = c.cursor<int>("row");
    for (int row = at.value().value_or(0); row < 5; ++row) {
      if (row == 3 && c.attempt() == 1) throw std::runtime_error("the disk is full");
      ran += std::to_string(row);
      at.save(row + 1);
    }
  });
  enqueue(work{});
  run();
  CHECK(ran == "012");
  run_after(aft::minutes(1));
  CHECK(ran == "01234");
}

TEST_CASE_FIXTURE(job_app, "the steps of a job with a transaction are undone with its attempt") {
  app.job<work>([this](work, aft::job_context& c, aft::transaction&) {
    c.step("one", [this] { ran += "one "; });
    if (c.attempt() == 1) throw std::runtime_error("undo");
  });
  enqueue(work{});
  run();
  run_after(aft::minutes(1));
  CHECK(ran == "one one ");
}

TEST_CASE_FIXTURE(job_app, "a saved step that no longer fits its type fails the attempt") {
  app.job<work>([](work, aft::job_context& c) {
    if (c.attempt() == 1) {
      c.step("one", [] { return std::string("text"); });
      throw std::runtime_error("again");
    }
    c.step("one", [] { return 5; });
  });
  const auto id = enqueue(work{});
  run();
  run_after(aft::minutes(1));
  CHECK(has(find(id)->error.value(), "what the job has saved as one no longer fits its type"));
}

TEST_CASE_FIXTURE(job_app, "a worker that has lost a job can save nothing for it") {
  app.job<work>([this](work, aft::job_context& c) {
    // As another process does that takes this one for dead.
    write([](aft::transaction& tx) {
      tx.execute("update aft_job set worker = worker + 1000, attempt = attempt + 1");
    });
    CHECK_THROWS_WITH_AS(c.progress(0.1), doctest::Contains("no longer this worker's"), aft::error);
    CHECK(c.stop_requested());
    CHECK_THROWS(c.step("one", [] {}));
  });
  const auto id = enqueue(work{});
  run();
  CHECK(find(id)->attempt == 2);
  CHECK(state(id) == job_state::running);
  CHECK(!find(id)->progress);
}

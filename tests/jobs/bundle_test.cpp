// Many jobs that are claimed together: on PostgreSQL they lie in bundles, and nobody can tell.

#include <array>
#include <atomic>
#include <stdexcept>
#include <thread>

#include <doctest/doctest.h>

#include <aft/app.hpp>
#include <aft/jobs/batch.hpp>
#include <aft/jobs/control.hpp>

#include "../../src/jobs/bundles.hpp"
#include "../../src/jobs/finish.hpp"
#include "../../src/jobs/workers.hpp"
#include "../test_database.hpp"
#include "soon.hpp"

namespace {

namespace jobs = aft::jobs;
using jobs::job_state;

struct numbered {
  int n = 0;
};
struct other {};

constexpr int many = 200;

// The first jobs, all number 0, show that such jobs are quick, so that many are claimed. Number 1
// waits, and so do all that are behind it.
struct crowd {
  std::atomic<bool> go{false};
  std::atomic<int> others{0};
  std::array<std::atomic<int>, many + 1> runs{};
  aft::function<void(int, aft::job_context&)> also;
  std::array<std::int64_t, many + 1> ids{};
  aft::app app;

  explicit crowd(aft::function<void(int, aft::job_context&)> what = {})
      : also(std::move(what)),
        app({.database = new_database(),
             .jobs = {.threads = 1,
                      .prefetch = 1000,
                      .poll = aft::milliseconds(2),
                      .heartbeat = aft::milliseconds(2),
                      .retry_delay = [](int) { return aft::milliseconds(1); }}}) {
    app.job<numbered>([this](numbered job, aft::job_context& c) {
      while (job.n > 0 && !go && !c.stop_requested()) std::this_thread::yield();
      if (!go) c.throw_if_stopped();
      ++runs[std::size_t(job.n)];
      if (also) also(job.n, c);
    });
    app.job<other>([this](other) { ++others; });
    app.prepare();
    app.db().write([this](aft::transaction& tx) {
      for (int i = 0; i < 100; ++i) aft::enqueue(tx, numbered{0});
      for (int n = 1; n <= many; ++n) ids[std::size_t(n)] = aft::enqueue(tx, numbered{n});
    });
    app.start({.port = 0, .threads = 1});
    CHECK(soon([this] { return running() == many; }));
    CHECK((bundles() > 0) == on_postgres());
  }
  ~crowd() {
    go = true;
    app.stop();
  }

  std::int64_t running() { return count(job_state::running); }
  std::int64_t count(job_state state) {
    std::int64_t sum = 0;
    for (const auto& c : app.db().read([](aft::reader& db) { return jobs::count(db); })) {
      if (c.state == state) sum += c.count;
    }
    return sum;
  }
  int bundles() {
    return on_postgres() ? app.db().one<int>("select count(*) from aft_job_bundle") : 0;
  }
  int all() { return app.db().one<int>("select count(*) from aft_job_all"); }
  std::optional<jobs::listed_job> find(int n) {
    return app.db().read([&](aft::reader& db) { return jobs::find(db, ids[std::size_t(n)]); });
  }
};

}  // namespace

TEST_CASE("jobs that were claimed together are listed, counted and found as running") {
  crowd c;
  c.app.db().read([&](aft::reader& db) {
    const auto running = jobs::list(db, {.state = job_state::running}, {}, 1000);
    CHECK(running.size() == many);
    CHECK(jobs::list(db, {.kind = "numbered"}, {}, 1000).size() == many);
    CHECK(jobs::list(db, {.state = job_state::ready}).empty());
    const auto queues = jobs::queues(db);
    REQUIRE(queues.size() == 1);
    CHECK(queues[0].running == many);
    CHECK(queues[0].ready == 0);
  });
  const auto last = c.find(many);
  REQUIRE(last);
  CHECK(last->state == job_state::running);
  CHECK(last->attempt == 1);
  CHECK(last->started_at.has_value());
  CHECK(last->arguments.text == "{\"n\":200}");
  c.go = true;
  CHECK(soon([&] { return c.all() == 0; }));
  CHECK(c.bundles() == 0);
  for (std::size_t n = 1; n < c.runs.size(); ++n) CHECK(c.runs[n] == 1);
}

TEST_CASE("one of the jobs that were claimed together can be cancelled, followed and not dropped") {
  crowd c;
  c.app.db().write([&](aft::transaction& tx) {
    CHECK(jobs::cancel(tx, c.ids[150]));
    CHECK(jobs::cancel(tx, c.ids[1]));  // which shows that its worker has heard of both
    CHECK(!jobs::drop(tx, c.ids[151]));
    CHECK(!jobs::retry(tx, c.ids[151]));
    aft::enqueue(tx, other{}, {.after = {c.ids[152]}});
  });
  CHECK(c.count(job_state::blocked) == 1);
  CHECK(soon([&] { return c.find(1)->state == job_state::cancelled; }));
  CHECK(c.find(150)->state == job_state::running);
  c.go = true;
  CHECK(soon([&] { return c.all() == 2 && c.count(job_state::cancelled) == 2; }));
  CHECK(c.others == 1);
  CHECK(c.runs[150] == 0);
  REQUIRE(c.find(150));
  for (const int n : {2, 149, 151, 152, 200}) CHECK(c.runs[std::size_t(n)] == 1);
  CHECK(c.bundles() == 0);
}

TEST_CASE("jobs that were claimed together fail, save and tell how far they are as all others") {
  std::atomic<bool> may_end{false};
  std::atomic<int> steps{0};
  crowd c([&](int n, aft::job_context& job) {
    if (n == 5 && job.attempt() == 1) throw std::runtime_error("not yet");
    if (n == 6) {
      job.progress(0.5, "half");
      while (!may_end) std::this_thread::yield();
    }
    if (n == 7) {
      job.step("once", [&steps] { ++steps; });
      if (job.attempt() == 1) throw std::runtime_error("after the step");
    }
  });
  c.go = true;
  CHECK(soon([&] {
    const auto job = c.find(6);
    return job && job->progress == 0.5;
  }));
  CHECK(c.find(6)->progress_note == "half");
  CHECK(c.find(6)->state == job_state::running);
  CHECK(soon([&] { return c.find(5)->error == "not yet"; }));
  may_end = true;
  CHECK(soon([&] { return c.all() == 0; }));
  CHECK(c.runs[5] == 2);
  CHECK(c.runs[6] == 1);
  CHECK(c.runs[7] == 2);
  CHECK(steps == 1);
  CHECK(c.bundles() == 0);
}

TEST_CASE("jobs that were claimed together go back when the app stops, uncounted") {
  crowd c;
  std::thread stops([&] { c.app.stop(); });
  c.go = true;
  stops.join();
  CHECK(c.bundles() == 0);
  c.app.db().read([&](aft::reader& db) {
    CHECK(db.one<int>("select count(*) from aft_job where state = 1") == 0);
    CHECK(db.one<int>("select count(*) from aft_job where state = 0 and attempt > 0") == 0);
    int done = 0;
    for (std::size_t n = 1; n < c.runs.size(); ++n) {
      done += c.runs[n];
      CHECK(c.runs[n] == (jobs::find(db, c.ids[n]) ? 0 : 1));
    }
    CHECK(db.one<int>("select count(*) from aft_job") == many - done);
  });
}

TEST_CASE("jobs that a dead worker had claimed together start again, and count that") {
  crowd c;
  c.app.db().write([](aft::transaction& tx) { tx.execute("delete from aft_worker"); });
  CHECK(soon([&] {
    const auto job = c.find(many);
    return job && !job->history.empty();
  }));
  CHECK(c.find(many)->history.front().error == "its worker died");
  c.go = true;
  CHECK(soon([&] { return c.all() == 0; }));
  for (std::size_t n = 1; n < c.runs.size(); ++n) {
    CHECK(c.runs[n] >= 1);  // and once more, as the worker was alive after all
    CHECK(c.runs[n] <= 2);
  }
  CHECK(c.bundles() == 0);
}

TEST_CASE("a long queue of two kinds is worked off, the urgent first and each job once") {
  constexpr int jobs_each = 1500;
  std::array<std::atomic<int>, jobs_each> runs{};
  std::atomic<int> before{0}, others{0};
  aft::app app({.database = new_database(), .jobs = {.threads = 1}});
  app.job<numbered>([&](numbered job) { ++runs[std::size_t(job.n)]; });
  app.job<other>([&](other) {
    if (++others != 1000) return;  // on PostgreSQL the last of them may come in a claim of its own
    for (const auto& r : runs) before += r;
  });
  app.prepare();
  app.db().write([](aft::transaction& tx) {
    for (int n = 0; n < jobs_each; ++n) {
      aft::enqueue(tx, numbered{n});
      aft::enqueue(tx, other{}, {.priority = 1});
    }
  });
  app.start({.port = 0, .threads = 1});
  CHECK(soon([&] { return app.db().one<int>("select count(*) from aft_job_all") == 0; }));
  CHECK(others == jobs_each);
  CHECK(before == 0);
  for (const auto& r : runs) CHECK(r == 1);
}

TEST_CASE("jobs with long arguments are claimed together, too, and have rows") {
  struct letter {
    std::string text;
  };
  constexpr int letters = 60;
  std::atomic<int> right{0};
  const std::string text(20'000, 'a');
  aft::app app({.database = new_database(), .jobs = {.threads = 1}});
  app.migrate({"001", "create table made (n integer) strict",
               "create table made (n bigint); "
               "create function note_bundle() returns trigger language plpgsql as $$ "
               "begin insert into made values (1); return new; end $$; "
               "create trigger note_bundle after insert on aft_job_bundle for each row "
               "execute function note_bundle()"});
  app.job<letter>([&](const letter& l) { right += l.text == text; });
  app.prepare();
  app.db().write([&](aft::transaction& tx) {
    for (int i = 0; i < letters; ++i) aft::enqueue(tx, letter{text});
  });
  app.start({.port = 0, .threads = 1});
  CHECK(soon([&] { return app.db().one<int>("select count(*) from aft_job_all") == 0; }));
  CHECK(right == letters);
  CHECK(app.db().one<int>("select count(*) from made") == 0);
}

TEST_CASE("a job that went from one bundle into another one comes back once") {
  if (!on_postgres()) return;
  aft::app app({.database = new_database()});
  app.job<numbered>([](numbered) {});
  app.prepare();
  app.db().write([](aft::transaction& tx) {
    const auto enqueue = [&tx](int count) {
      for (int n = 0; n < count; ++n) aft::enqueue(tx, numbered{n});
    };
    const auto rows = [&tx] { return tx.one<int>("select count(*) from aft_job"); };
    const auto worker = jobs::add_worker(tx, tx.now());
    const auto claim = [&] {
      return jobs::take_bundle(tx, worker, {"default", "numbered", 40, nullptr}, tx.now());
    };
    enqueue(40);
    const auto first = claim();
    REQUIRE(first.size() == 40);
    REQUIRE(first[3].bundle != 0);
    CHECK(rows() == 0);
    jobs::take_out(tx, worker, first[3]);
    CHECK(jobs::put_back(tx, {first[3].id, worker, 1}, tx.now(), tx.now()));
    tx.execute("update aft_job set state = 0");
    enqueue(39);
    const auto second = claim();
    REQUIRE(second.size() == 40);
    CHECK(rows() == 0);
    CHECK(tx.one<int>("select count(*) from aft_job_all") == 79);
    jobs::take_apart(tx, {first[0].bundle});
    CHECK(rows() == 39);
    jobs::take_apart(tx, {second[0].bundle});
    CHECK(rows() == 79);
    CHECK(tx.one<int>("select count(*) from aft_job_bundle") == 0);
  });
}

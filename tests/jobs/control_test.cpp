#include <aft/jobs/control.hpp>

#include <stdexcept>

#include <doctest/doctest.h>

#include "../temporary_file.hpp"
#include "job_app.hpp"

namespace {

namespace jobs = aft::jobs;
using jobs::job_state;

struct mail {
  int n = 0;
};
struct print {
  int n = 0;
};

struct with_mail : job_app {
  bool fails = false;
  with_mail() {
    app.job<mail>([this](mail m) {
      ran += std::to_string(m.n);
      if (fails) throw std::runtime_error("down");
    });
  }
  std::int64_t bury(int n) {
    fails = true;
    const auto id = enqueue(mail{n}, {.max_attempts = 1});
    run();
    fails = false;
    ran.clear();
    return id;
  }
};

}  // namespace

TEST_CASE("a queue that is paused waits, also after a restart, until it is resumed") {
  const temporary_folder folder;
  const auto url = new_database(folder / "test.db");
  std::string ran;
  const auto with_app = [&](auto&& use) {
    aft::app app({.database = url});
    app.job<mail>([&ran](mail m) { ran += std::to_string(m.n); });
    app.prepare();
    use(app);
  };
  with_app([](aft::app& app) {
    app.db().write([](aft::transaction& tx) {
      jobs::pause(tx, "slow");
      aft::enqueue(tx, mail{1}, {.queue = "slow"});
      aft::enqueue(tx, mail{2});
    });
    CHECK(app.run_due_jobs() == 1);
  });
  CHECK(ran == "2");
  with_app([](aft::app& app) {
    CHECK(app.db().read(jobs::paused) == std::vector<std::string>{"slow"});
    CHECK(app.run_due_jobs() == 0);
    app.db().write([](aft::transaction& tx) { jobs::resume(tx, "slow"); });
    CHECK(app.run_due_jobs() == 1);
    CHECK(app.db().read(jobs::paused).empty());
  });
  CHECK(ran == "21");
}

TEST_CASE_FIXTURE(with_mail, "dead jobs are listed, retried and dropped") {
  const auto one = bury(1), two = bury(2);
  auto dead = list({.state = job_state::dead});
  REQUIRE(dead.size() == 2);
  CHECK(dead[0].id == two);
  CHECK(dead[1].arguments.text == R"({"n":1})");
  CHECK(dead[1].error == "down");
  CHECK(dead[1].finished_at == time.now());

  CHECK(write([&](aft::transaction& tx) { return jobs::retry(tx, one); }));
  CHECK(write([&](aft::transaction& tx) { return jobs::drop(tx, two); }));
  CHECK(!write([&](aft::transaction& tx) { return jobs::retry(tx, two); }));
  CHECK(run() == 1);
  CHECK(ran == "1");
  CHECK(list().empty());
}

TEST_CASE_FIXTURE(with_mail, "one that waits is cancelled at once, and can be retried") {
  const auto id = enqueue(mail{1}, {.delay = aft::hours(1)});
  CHECK(write([&](aft::transaction& tx) { return jobs::cancel(tx, id); }));
  CHECK(!write([&](aft::transaction& tx) { return jobs::cancel(tx, id); }));
  CHECK(run_after(aft::hours(2)) == 0);
  CHECK(state(id) == job_state::cancelled);
  CHECK(write([&](aft::transaction& tx) { return jobs::retry(tx, id); }));
  CHECK(run() == 1);
}

TEST_CASE_FIXTURE(with_mail, "retry hurries a job that waits for its time") {
  const auto id = enqueue(mail{1}, {.delay = aft::hours(1)});
  CHECK(run() == 0);
  write([&](aft::transaction& tx) { jobs::retry(tx, id); });
  CHECK(run() == 1);
}

TEST_CASE_FIXTURE(with_mail, "a running job can be neither retried nor dropped") {
  app.job<print>([this](print, aft::job_context& c) {
    CHECK(!write([&](aft::transaction& tx) { return jobs::retry(tx, c.id()); }));
    CHECK(!write([&](aft::transaction& tx) { return jobs::drop(tx, c.id()); }));
    ran += "ran";
  });
  enqueue(print{});
  run();
  CHECK(ran == "ran");
}

TEST_CASE_FIXTURE(with_mail, "a running job that was cancelled and fails is not run again") {
  app.job<print>([this](print, aft::job_context& c) {
    CHECK(write([&](aft::transaction& tx) { return jobs::cancel(tx, c.id()); }));
    throw std::runtime_error("in the middle");
  });
  const auto id = enqueue(print{});
  run();
  CHECK(state(id) == job_state::cancelled);
  CHECK(run_after(aft::days(1)) == 0);
}

TEST_CASE_FIXTURE(with_mail, "jobs are listed by queue, kind, state and age, in pages") {
  app.job<print>([](print) {});
  for (int i = 0; i < 5; ++i) enqueue(mail{i}, {.queue = "a"});
  const auto old = time.now();
  time.advance(aft::hours(1));
  enqueue(print{}, {.queue = "b", .delay = aft::hours(1)});
  CHECK(list().size() == 6);
  CHECK(list({.queue = "a"}).size() == 5);
  CHECK(list({.kind = "print"}).size() == 1);
  CHECK(list({.state = job_state::later}).size() == 1);
  CHECK(list({.state = job_state::ready, .queue = "b"}).empty());
  CHECK(list({.created_before = old + aft::seconds(1)}).size() == 5);

  std::vector<std::int64_t> seen;
  app.db().read([&](aft::reader& db) {
    for (auto page = jobs::list(db, {}, {}, 4); !page.empty();
         page = jobs::list(db, {}, page.back().id, 4)) {
      for (const auto& job : page) seen.push_back(job.id);
    }
  });
  CHECK(seen.size() == 6);
  CHECK(std::is_sorted(seen.rbegin(), seen.rend()));

  const auto counts = app.db().read(jobs::count);
  REQUIRE(counts.size() == 2);
  CHECK(counts[0].queue == "a");
  CHECK(counts[0].state == job_state::ready);
  CHECK(counts[0].count == 5);
  CHECK(counts[1].state == job_state::later);
}

TEST_CASE_FIXTURE(with_mail, "all jobs of a filter are acted on, more than one chunk of them") {
  app.db().write([](aft::transaction& tx) {
    for (int i = 0; i < 1201; ++i) aft::enqueue(tx, mail{i}, {.queue = i % 2 ? "odd" : "even"});
  });
  CHECK(jobs::cancel_all(app.db(), {.queue = "even"}) == 601);
  CHECK(jobs::cancel_all(app.db(), {.queue = "even"}) == 0);
  CHECK(jobs::retry_all(app.db(), {.state = job_state::cancelled}) == 601);
  CHECK(jobs::drop_all(app.db(), {}) == 1201);
  CHECK(list().empty());
}

TEST_CASE("jobs that are done are kept for a while, then deleted") {
  job_app site({.keep = aft::hours(1), .keep_dead = aft::days(2)});
  site.app.job<mail>([](mail m) {
    if (m.n) throw std::runtime_error("no");
  });
  site.app.db().write([](aft::transaction& tx) {
    for (int i = 0; i < 1100; ++i) aft::enqueue(tx, mail{});  // more than one sweep
  });
  const auto dead = site.enqueue(mail{1}, {.max_attempts = 1});
  CHECK(site.run() == 1101);
  const auto kept = [&] {
    return site.app.db().read(
        [](aft::reader& db) { return db.one<int>("select count(*) from aft_job"); });
  };
  CHECK(kept() == 1101);
  site.run_after(aft::minutes(59));
  CHECK(kept() == 1101);
  site.run_after(aft::minutes(1));
  CHECK(kept() == 1);
  CHECK(site.state(dead) == job_state::dead);
  site.run_after(aft::days(2));
  CHECK(kept() == 0);
}

// A million of them would take the test too long; the plans are those of a million.
TEST_CASE("a claim walks around jobs of kinds that nobody knows, and they wait") {
  job_app site;
  site.app.job<mail>([&site](mail) { site.ran += "m"; });
  site.app.prepare();
  site.write([](aft::transaction& tx) {
    tx.execute(
        "insert into aft_job (kind, arguments, queue, state, priority, run_at, max_attempts, "
        "created_at) with recursive n (i) as (select 1 union all select i + 1 from n where "
        "i < 20000) select case when i % 2 = 0 then 'a_stranger' else 'stranger' end, '{}', "
        "'default', 0, 5, 0, 0, 0 from n");
  });
  site.enqueue(mail{});
  CHECK(site.run() == 1);
  CHECK(site.ran == "m");
  CHECK(site.list({.state = job_state::ready}).size() > 10);
  site.enqueue(mail{});
  site.write([](aft::transaction& tx) {
    tx.execute("analyze aft_job");
    if (!on_postgres()) return;  // of SQLite the next test sees the plans
    std::string plan;
    for (const auto& line : tx.all<std::string>(
             "explain (analyze, costs off, timing off, summary off) "
             "select ctid from aft_job where state = 0 and queue = 'default' and kind = 'mail' "
             "order by priority desc, run_at, id limit 64 for update skip locked")) {
      plan += line + "\n";
    }
    CAPTURE(plan);
    CHECK(has(plan, "aft_job_ready"));
    CHECK(has(plan, "(kind = 'mail'"));
    CHECK(!has(plan, "Rows Removed"));
    CHECK(!has(plan, "Sort"));
  });
}

TEST_CASE("what is most urgent of many kinds is read from each of them only as far") {
  if (!on_postgres()) return;
  job_app site;
  site.app.job<mail>([](mail) {});
  site.app.prepare();
  site.write([](aft::transaction& tx) {
    tx.execute(
        "insert into aft_job (kind, arguments, queue, state, priority, run_at, max_attempts, "
        "created_at) select case when i % 2 = 0 then 'a' else 'b' end, '{}', 'default', 0, 0, i, "
        "0, 0 from generate_series(1, 20000) i");
    tx.execute("set local enable_seqscan = off");
    tx.execute("set local enable_sort = off");
    std::string plan;
    for (const auto& line : tx.all<std::string>(
             "explain (analyze, costs off, timing off, summary off) "
             "select kind, count(*) as most from (select kind from ("
             "(select kind, priority, run_at, id from aft_job where state = 0 "
             "and queue = 'default' and kind = 'a' order by priority desc, run_at, id) union all "
             "(select kind, priority, run_at, id from aft_job where state = 0 "
             "and queue = 'default' and kind = 'b' order by priority desc, run_at, id)"
             ") w order by priority desc, run_at, id limit 64) m group by kind")) {
      plan += line + "\n";
    }
    CAPTURE(plan);
    CHECK(has(plan, "Merge Append (actual rows=64 "));
    CHECK(has(plan, "aft_job_ready"));
  });
}

TEST_CASE("a claim walks by the index, however many jobs wait or have ended") {
  if (on_postgres()) return;  // its plans depend on statistics
  job_app site;
  site.app.job<mail>([](mail) {});
  struct step {
    std::int64_t id, parent, notused;
    std::string detail;
  };
  auto plan = [&](const auto& explained) {
    std::string all;
    for (const auto& s : explained) all += s.detail + "\n";
    return all;
  };
  site.app.db().read([&](aft::reader& db) {
    const auto claim = plan(db.all<step>(
        "explain query plan select id, priority, run_at from aft_job where state = 0 "
        "and queue = 'default' and kind = 'mail' order by priority desc, run_at, id limit 64"));
    CHECK(has(claim, "INDEX aft_job_ready (queue=? AND kind=?)"));
    CHECK(!has(claim, "TEMP B-TREE"));
    const auto due =
        plan(db.all<step>("explain query plan select id from aft_job where state = 5 and state > 1 "
                          "and coalesce(keep_until, run_at) <= 5 "
                          "order by coalesce(keep_until, run_at) limit 1000"));
    CHECK(has(due, "aft_job_due (state=? AND <expr><?)"));
    CHECK(!has(due, "TEMP B-TREE"));
    const auto kinds = plan(db.all<step>(
        "explain query plan select min(kind) from aft_job where state = 0 and queue = 'default' "
        "and kind >= 'a'"));
    CHECK(has(kinds, "aft_job_ready (queue=? AND kind>?)"));
    const auto queues = plan(db.all<step>(
        "explain query plan select min(queue) from aft_job where state = 0 and queue > 'a'"));
    CHECK(has(queues, "aft_job_ready (queue>?)"));
    const auto old = plan(db.all<step>(
        "explain query plan select id, followers from aft_job where state = 3 and state > 1 and "
        "coalesce(keep_until, run_at) <= 5 order by coalesce(keep_until, run_at) limit 500"));
    CHECK(has(old, "aft_job_due (state=? AND <expr><?)"));
    CHECK(!has(old, "TEMP B-TREE"));
    const auto held = plan(db.all<step>(
        "explain query plan select id from aft_job where state = 6 and limit_key = 'a' "
        "order by priority desc, run_at, id limit 1"));
    CHECK(has(held, "aft_job_limited (limit_key=? AND state=?)"));
    CHECK(!has(held, "TEMP B-TREE"));
    const auto mine = plan(
        db.all<step>("explain query plan select id from aft_job where worker = 5 and state = 1 "
                     "and stop_asked = 1"));
    CHECK(has(mine, "aft_job_running (worker=?)"));
    const auto dead = plan(
        db.all<step>("explain query plan select id from aft_job_all where state = 2 and state > 1 "
                     "and state < 5 order by id desc limit 50"));
    CHECK(has(dead, "aft_job_ended (state=?)"));
    CHECK(!has(dead, "TEMP B-TREE"));
  });
}

TEST_CASE("no index of jobs makes SQLite build a table whenever a row is written") {
  if (on_postgres()) return;
  job_app site;
  site.app.job<mail>([](mail) {});
  struct step {
    int addr;
    std::string opcode;
    int p1, p2, p3;
    std::optional<std::string> p4;
    int p5;
    std::optional<std::string> comment;
  };
  site.app.db().read([](aft::reader& db) {
    std::string program;
    for (const auto& s : db.all<step>("explain insert into aft_job (kind, arguments, queue, state, "
                                      "priority, run_at, max_attempts, created_at) "
                                      "values ('mail', '{}', 'default', 0, 0, 0, 0, 0)")) {
      program += s.opcode + "\n";
    }
    CHECK(has(program, "IdxInsert"));
    CHECK(!has(program, "OpenEphemeral"));
  });
}

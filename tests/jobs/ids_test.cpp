// The ids of jobs: each is of one job alone, whatever ends, is undone or starts anew.

#include <cstdint>
#include <set>
#include <stdexcept>
#include <vector>

#include <doctest/doctest.h>

#include <aft/app.hpp>
#include <aft/jobs/control.hpp>

#include "../temporary_file.hpp"
#include "../test_database.hpp"
#include "jobs/store.hpp"

namespace {

struct step {
  int n = 0;
};

std::int64_t enqueue(aft::app& app, const aft::job_options& o = {}) {
  return app.db().write([&](aft::transaction& tx) { return aft::enqueue(tx, step{}, o); });
}

void fail_after_enqueue(aft::app& app) {
  CHECK_THROWS_AS(app.db().write([](aft::transaction& tx) {
    aft::enqueue(tx, step{});
    throw std::runtime_error("no");
  }),
                  std::runtime_error);
}

}  // namespace

TEST_CASE("an id is not given again when its job has ended, nor after a restart") {
  temporary_folder folder;
  const auto url = new_database(folder / "ids.db");
  std::int64_t last = 0;
  for (int start = 0; start < 3; ++start) {
    aft::app app({.database = url});
    app.job<step>([](step) {});
    app.prepare();
    for (int i = 0; i < 20; ++i) {
      const auto id = enqueue(app);
      CHECK(id > last);
      last = id;
      CHECK(app.run_due_jobs() == 1);
    }
  }
}

TEST_CASE("what is undone leaves no id that another process has, too") {
  temporary_folder folder;
  const auto url = new_database(folder / "ids.db");
  aft::app one({.database = url}), other({.database = url});
  for (auto* app : {&one, &other}) {
    app->job<step>([](step) {});
    app->prepare();
  }
  std::set<std::int64_t> ids;
  std::size_t count = 0;
  for (int i = 0; i < 40; ++i) {
    fail_after_enqueue(one);
    ids.insert(enqueue(other));
    ids.insert(enqueue(one, {.unique = "key " + std::to_string(i)}));
    // A part of a transaction that goes on.
    one.db().write([&](aft::transaction& tx) {
      CHECK_THROWS_AS(tx.savepoint([&tx] {
        for (int more = 0; more < 20; ++more) aft::enqueue(tx, step{});
        throw std::runtime_error("no");
      }),
                      std::runtime_error);
      ids.insert(aft::enqueue(tx, step{}));
    });
    ids.insert(enqueue(other));
    count += 4;
  }
  CHECK(ids.size() == count);
  CHECK(one.db().one<std::size_t>("select count(*) from aft_job") == count);
}

TEST_CASE("rows that somebody writes without a look at the sequence are in nobody's way") {
  if (on_postgres()) return;  // whose ids are no affair of ours
  aft::app app({.database = ":memory:"});
  app.job<step>([](step) {});
  app.prepare();
  const auto first = enqueue(app);
  app.db().write([](aft::transaction& tx) {
    tx.execute(
        "insert into aft_job (kind, arguments, queue, state, priority, run_at, "
        "max_attempts, created_at) values ('step', '{}', 'default', 0, 0, 0, 0, 0)");
  });
  const auto raw = app.db().one<std::int64_t>("select max(id) from aft_job");
  std::set<std::int64_t> ids{first, raw};
  for (int i = 0; i < 20; ++i) ids.insert(enqueue(app));
  CHECK(ids.size() == 22);
}

TEST_CASE("a full queue takes no ids") {
  aft::app app({.database = new_database(), .jobs = {.max_waiting = 1}});
  app.job<step>([](step) {});
  app.prepare();
  const auto before = enqueue(app, {.delay = aft::hours(1)});
  app.db().write([](aft::transaction& tx) {
    tx.execute("insert into aft_queue (name, is_full) values ('default', 1)");
  });
  for (int i = 0; i < 100; ++i) {
    CHECK_THROWS_AS(enqueue(app), aft::queue_full);
    CHECK_THROWS_AS(enqueue(app, {.unique = "key"}), aft::queue_full);
  }
  app.db().write([](aft::transaction& tx) { tx.execute("delete from aft_queue"); });
  if (!on_postgres()) CHECK(enqueue(app) == before + 1);
}

namespace {

// As it was before ids came in blocks.
struct old_database {
  explicit old_database(const std::string& url) : db(url, {}, log, time) {
    auto steps = aft::jobs::migrations();
    while (steps.back().name != "005_bundles") steps.pop_back();
    db.migrate("aft", steps);
  }

  aft::logger log;
  aft::manual_clock time;
  aft::database db;
};

}  // namespace

TEST_CASE("a table of the host that depends on that of jobs is not lost with it") {
  if (on_postgres()) return;  // where the table stays
  temporary_folder folder;
  {
    old_database old(folder / "old.db");
    old.db.write([](aft::transaction& tx) {
      tx.execute("create table mine (job integer references aft_job (id) on delete cascade)");
    });
  }
  aft::app app({.database = folder / "old.db"});
  app.job<step>([](step) {});
  CHECK_THROWS_WITH(app.prepare(), doctest::Contains("no foreign key or trigger of the host"));
}

TEST_CASE("jobs of a database of before go on under their ids") {
  temporary_folder folder;
  const auto url = new_database(folder / "old.db");
  std::vector<std::int64_t> old;
  {
    old_database before(url);
    auto& db = before.db;
    old = db.write([](aft::transaction& tx) {
      tx.execute("create view mine as select id from aft_job_all");
      return tx.all<std::int64_t>(
          "insert into aft_job (kind, arguments, queue, state, priority, run_at, max_attempts, "
          "created_at) values ('step', '{\"n\":1}', 'default', 0, 0, 0, 0, 0), "
          "('step', '{\"n\":2}', 'default', 0, 0, 0, 0, 0), "
          "('step', '{\"n\":3}', 'default', 0, 0, 0, 0, 0) returning id");
    });
    REQUIRE(old.size() == 3);
    db.write(
        [&](aft::transaction& tx) { tx.execute("delete from aft_job where id = $1", old.back()); });
  }
  std::vector<int> ran;
  aft::app app({.database = url});
  app.job<step>([&ran](step s) { ran.push_back(s.n); });
  app.prepare();
  CHECK(app.db().read([&](aft::reader& db) { return aft::jobs::find(db, old[1]); }).has_value());
  CHECK(enqueue(app) > old.back());
  CHECK(app.run_due_jobs() == 3);
  CHECK(ran == std::vector<int>{1, 2, 0});
  CHECK(app.db().one<int>("select count(*) from mine") == 0);
}

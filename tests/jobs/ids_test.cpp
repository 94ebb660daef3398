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

TEST_CASE("jobs of a database of before go on under their ids") {
  temporary_folder folder;
  const auto url = new_database(folder / "old.db");
  auto steps = aft::jobs::migrations();
  while (steps.back().name != "005_bundles") steps.pop_back();
  std::vector<std::int64_t> old;
  {
    const aft::logger log;
    const aft::manual_clock time;
    aft::database db(url, {}, log, time);
    db.migrate("aft", steps);
    old = db.write([](aft::transaction& tx) {
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
}

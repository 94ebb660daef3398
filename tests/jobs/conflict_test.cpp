// Jobs whose transactions others are in the way of.

#include <atomic>
#include <mutex>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <aft/app.hpp>
#include <aft/jobs/control.hpp>

#include "../test_database.hpp"
#include "soon.hpp"

namespace {

struct change {
  int n;
};

}  // namespace

TEST_CASE("a job that others are in the way of runs later, and that counts as no attempt") {
  std::atomic<int> worst{0};
  std::mutex mutex;
  std::vector<int> attempts;
  std::atomic<bool> has_read{false}, may_write{false};
  // On PostgreSQL its first transaction is undone, and is not tried again at once. On SQLite nobody
  // is in the way of who writes.
  aft::app app({.database = new_database(),
                .storage = {.max_attempts = 1},
                .log = [&](const aft::log_record& r) {
                  if (r.room == "jobs" && int(r.level) > worst) worst = int(r.level);
                }});
  app.migrate({"001", "create table t (n integer not null) strict"});
  app.job<change>([&](change c, aft::job_context& context, aft::transaction& tx) {
    {
      std::lock_guard lock(mutex);
      attempts.push_back(context.attempt());
    }
    const auto n = tx.one<int>("select n from t");
    if (on_postgres()) {
      has_read = true;
      while (!may_write) std::this_thread::yield();
    }
    tx.execute("update t set n = $1", n + c.n);
  });
  app.prepare();
  app.db().write([](aft::transaction& tx) {
    tx.execute("insert into t values (1)");
    aft::enqueue(tx, change{10});
  });
  const auto change_beside = [&] {
    app.db().write([](aft::transaction& tx) { tx.execute("update t set n = n + 100"); });
  };
  if (!on_postgres()) change_beside();
  app.start({.port = 0});
  if (on_postgres()) {
    CHECK(soon([&] { return has_read.load(); }));
    change_beside();
    may_write = true;
  }
  CHECK(soon([&] { return app.db().one<int>("select count(*) from aft_job") == 0; }));
  CHECK(app.db().one<int>("select n from t") == 111);
  std::lock_guard lock(mutex);
  for (const int attempt : attempts) CHECK(attempt == 1);
  CHECK(attempts.size() == (on_postgres() ? 2u : 1u));
  CHECK(worst <= int(aft::log_level::info));
}

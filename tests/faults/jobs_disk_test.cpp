// Jobs while the disk of a SQLite database fails, and when it is mended.

#include <atomic>
#include <set>
#include <string>

#include <doctest/doctest.h>

#include <sqlite3.h>

#include <aft/app.hpp>

#include "../jobs/soon.hpp"
#include "../temporary_file.hpp"
#include "faulty_disk.hpp"

namespace {

struct plain {
  int n = 0;
};
struct effect {
  int n = 0;
};

void lose_and_mend(const faults::fault& what) {
  faults::faulty_disk disk;
  const temporary_folder folder;
  std::atomic<int> touched{0};
  aft::app app({.database = folder / "test.db",
                .jobs = {.poll = aft::milliseconds(2),
                         .heartbeat = aft::milliseconds(20),
                         .retry_delay = [](int) { return aft::milliseconds(1); }}});
  app.migrate({"001", "create table effect (n integer not null) strict"});
  app.job<plain>([&](plain) { ++touched; });
  app.job<effect>(
      [](effect e, aft::transaction& tx) { tx.execute("insert into effect values ($1)", e.n); },
      {.max_attempts = 1000});
  app.start({.port = 0});
  int next = 0;
  std::set<int> stored;
  const auto enqueue = [&] {
    const int n = next++;
    try {
      app.db().write([n](aft::transaction& tx) {
        aft::enqueue(tx, plain{n});
        aft::enqueue(tx, effect{n});
      });
      stored.insert(n);
    } catch (const std::exception&) {
      // It was told so. It may still be there, as a commit may fail after its end.
    }
  };
  for (int round = 0; round < 5; ++round) {
    for (int i = 0; i < 20; ++i) enqueue();
    disk.fail(what, std::uint64_t(round));
    for (int i = 0; i < 20; ++i) enqueue();
    CHECK(soon([&] { return disk.has_failed(); }));
    disk.mend();
  }
  CHECK(stored.size() >= 100);
  const auto left = [&] {
    try {
      return app.db().one<int>("select count(*) from aft_job");
    } catch (const std::exception&) {
      return -1;
    }
  };
  CHECK(soon([&] { return left() == 0; }));
  CHECK(touched >= int(stored.size()));
  std::set<int> effects;
  bool doubled = false;
  for (const auto n : app.db().all<int>("select n from effect")) {
    doubled = !effects.insert(n).second || doubled;
  }
  CHECK(!doubled);
  for (const auto n : stored) CHECK(effects.count(n) == 1);
}

}  // namespace

TEST_CASE("jobs outlive a disk that cannot write for a while") {
  lose_and_mend({faults::operation::write, SQLITE_IOERR_WRITE});
}
TEST_CASE("jobs outlive a disk that is full for a while") {
  lose_and_mend({faults::operation::write, SQLITE_FULL});
}
TEST_CASE("jobs outlive a disk that cannot sync for a while") {
  lose_and_mend({faults::operation::sync, SQLITE_IOERR_FSYNC});
}
TEST_CASE("jobs outlive a disk that cannot read for a while") {
  lose_and_mend({faults::operation::read, SQLITE_IOERR_READ});
}

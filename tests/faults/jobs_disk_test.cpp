// Jobs while the disk of a SQLite database fails, and when it is mended.

#include <doctest/doctest.h>

#include <sqlite3.h>

#include "../temporary_file.hpp"
#include "faulty_disk.hpp"
#include "lost_jobs.hpp"

namespace {

void lose_and_mend(const faults::fault& what) {
  faults::faulty_disk disk;
  const temporary_folder folder;
  lost_jobs jobs(folder / "test.db");
  for (int round = 0; round < 5; ++round) {
    for (int i = 0; i < 20; ++i) jobs.enqueue();
    disk.fail(what, std::uint64_t(round));
    for (int i = 0; i < 20; ++i) jobs.enqueue();
    CHECK(soon([&] { return disk.has_failed(); }));
    disk.mend();
  }
  CHECK(jobs.all_done());
  const auto o = jobs.outcome_now();
  CHECK(o.stored >= 100);
  CHECK(o.lost == 0);
  CHECK(o.doubled == 0);
  CHECK(o.all_touched);
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

// A disk that is full, writes the half, or cannot sync, at each of the operations that a workload
// needs: every failure says so, nothing acknowledged is lost, nothing is stored by halves, and once
// the disk is well the open database goes on by itself.

#include <sqlite3.h>

#include <algorithm>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <aft/storage/database.hpp>

#include "../temporary_file.hpp"
#include "faulty_disk.hpp"

namespace {

const std::vector<aft::migration> schema = {
    {"001",
     "create table pair (number integer not null, half integer not null, filling text not "
     "null, primary key (number, half)) strict;"}};

// Some pages each, so that commits, checkpoints and a new log all happen.
const std::string filling(9000, 'x');

void add_pair(aft::transaction& tx, std::int64_t number) {
  tx.execute("insert into pair (number, half, filling) values ($1, 1, $2)", number, filling);
  tx.execute("insert into pair (number, half, filling) values ($1, 2, $2)", number, filling);
}

struct stored_pair {
  std::int64_t number;
  std::int64_t halves;
};

struct workload {
  std::string file;
  std::set<std::int64_t> acknowledged{};
  std::vector<std::string> complaints{};
  std::int64_t next = 0;

  // Some at once, which one commit takes. Whether all were kept, as far as one is told.
  bool add(aft::database& db) {
    constexpr int at_once = 3;
    const auto before = acknowledged.size();
    std::mutex mutex;
    std::condition_variable changed;
    int ended = 0;
    for (int i = 0; i < at_once; ++i) {
      const auto number = next++;
      db.submit([number](aft::transaction& tx) { add_pair(tx, number); },
                [&, number](std::exception_ptr failure) {
                  std::lock_guard lock(mutex);
                  if (failure) note(failure);
                  else acknowledged.insert(number);
                  ++ended;
                  changed.notify_all();
                });
    }
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return ended == at_once; });
    return acknowledged.size() == before + at_once;
  }

  void look(aft::database& db) {
    try {
      db.read([](aft::reader& r) { r.one<int>("select count(filling) from pair"); });
    } catch (...) {
      note(std::current_exception());
    }
  }

  void note(const std::exception_ptr& failure) {
    try {
      std::rethrow_exception(failure);
    } catch (const aft::storage_error& e) {
      if (e.fault() == aft::storage_fault::full || e.fault() == aft::storage_fault::io) return;
      complaints.push_back(e.what());
    } catch (const std::exception& e) {
      complaints.push_back(e.what());
    }
  }

  void check(aft::database& db) const {
    const auto pairs = db.read([](aft::reader& r) {
      return r.all<stored_pair>("select number, count(*) as halves from pair group by number");
    });
    std::set<std::int64_t> stored;
    for (const auto& p : pairs) {
      if (p.halves == 2) stored.insert(p.number);
      else FAIL_CHECK("pair " << p.number << " is stored by halves");
    }
    CHECK(std::includes(stored.begin(), stored.end(), acknowledged.begin(), acknowledged.end()));
    db.read([](aft::reader& r) {
      CHECK(r.one<std::string>("select integrity_check from pragma_integrity_check") == "ok");
    });
  }
};

// Returns whether the disk failed at all, before the workload came to its end.
bool try_fault(const faults::fault& f, std::uint64_t nth) {
  CAPTURE(nth);
  temporary_folder folder;
  aft::clock time;
  aft::logger log;
  faults::faulty_disk disk;
  workload load{folder / "test.db"};
  {
    aft::database db(load.file, {}, log, time);
    db.migrate("host", schema);
    disk.fail(f, nth);
    for (int i = 0; i < 20; ++i) {
      load.add(db);
      load.look(db);
    }
    disk.mend();
    for (int i = 0; i < 5; ++i) CHECK(load.add(db));  // without a hand
    load.check(db);
  }
  for (const auto& c : load.complaints) FAIL_CHECK("no clear error: " << c);
  const bool failed = disk.has_failed();
  if (!failed) CHECK(load.acknowledged.size() == std::size_t(load.next));
  aft::database db(load.file, {}, log, time);
  load.check(db);
  return failed;
}

// At each operation in turn; in the long run all, else some of them.
void try_all(const faults::fault& f) {
  const bool all = std::getenv("AFT_LONG") != nullptr;
  std::uint64_t nth = 0, tried = 0;
  while (try_fault(f, nth)) {
    ++tried;
    nth += all ? 1 : 1 + nth / 4;
  }
  MESSAGE(tried << " places, up to operation " << nth);
  CHECK(tried > 5);
}

}  // namespace

TEST_CASE("a disk that is full") { try_all({faults::operation::write, SQLITE_FULL}); }
TEST_CASE("a disk that is full in the middle of a write, once") {
  try_all({faults::operation::write, SQLITE_FULL, true, false});
}
TEST_CASE("a disk that cannot write") {
  try_all({faults::operation::write, SQLITE_IOERR_WRITE, true});
}
TEST_CASE("a disk that writes short, once") {
  try_all({faults::operation::write, SQLITE_IOERR_WRITE, true, false});
}
// Of a log SQLite says so; the rest of a page of the file itself is zeros to it.
TEST_CASE("a disk that reads short, once") {
  try_all({faults::operation::read, SQLITE_IOERR_SHORT_READ, true, false});
}
TEST_CASE("a disk that reads short") {
  try_all({faults::operation::read, SQLITE_IOERR_SHORT_READ, true});
}
TEST_CASE("a disk that is read-only now") { try_all({faults::operation::write, SQLITE_READONLY}); }
TEST_CASE("a disk that cannot read") { try_all({faults::operation::read, SQLITE_IOERR_READ}); }
TEST_CASE("a disk that cannot sync") { try_all({faults::operation::sync, SQLITE_IOERR_FSYNC}); }
TEST_CASE("a disk that could not sync once") {
  try_all({faults::operation::sync, SQLITE_IOERR_FSYNC, false, false});
}

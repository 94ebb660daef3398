// Where SQLite becomes many times slower without a word: each of these was fallen off by somebody.
// Operations are counted, because times say little on a machine that has other things to do.

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <string>
#include <thread>

#include <doctest/doctest.h>

#include <aft/storage/backup.hpp>
#include <aft/storage/database.hpp>

#include "../sanitized.hpp"
#include "../temporary_file.hpp"
#include "faulty_disk.hpp"

namespace {

using faults::operation;

struct on_counted_disk {
  temporary_folder folder;
  const std::string file = folder / "counted.db";
  aft::logger log;
  aft::clock time;
  faults::faulty_disk disk;
  aft::database db{file, {}, log, time};

  on_counted_disk() {
    db.migrate("host", {{"001",
                         "create table t (id integer primary key, x text not null) strict;"
                         "insert into t (x) values ('one');"}});
  }
  std::string read_one() {
    return db.read([](aft::reader& r) { return r.one<std::string>("select x from t limit 1"); });
  }
  // Holds the writer inside a transaction until the test releases it.
  struct held_writer {
    explicit held_writer(aft::database& db) {
      db.submit(
          [this](aft::transaction& tx) {
            tx.execute("insert into t (x) values ('held')");
            std::unique_lock lock(mutex);
            holds = true;
            changed.notify_all();
            changed.wait(lock, [this] { return released; });
          },
          [](std::exception_ptr) {});
      std::unique_lock lock(mutex);
      changed.wait(lock, [this] { return holds; });
    }
    void release() {
      std::lock_guard lock(mutex);
      released = true;
      changed.notify_all();
    }
    ~held_writer() { release(); }
    std::mutex mutex;
    std::condition_variable changed;
    bool holds = false, released = false;
  };
};

}  // namespace

TEST_CASE_FIXTURE(on_counted_disk, "reads where nothing was written take no lock and no page") {
  read_one();
  const auto locks = disk.count(operation::lock), pages = disk.count(operation::read);
  for (int i = 0; i < 1000; ++i) CHECK(read_one() == "one");
  // A snapshot has a greatest age; on a slow machine it may be renewed a few times.
  CHECK(disk.count(operation::lock) - locks < 100);
  CHECK(disk.count(operation::read) - pages < 100);
}

TEST_CASE_FIXTURE(on_counted_disk, "transactions that wait together share one sync") {
  held_writer held(db);
  std::atomic<int> done{0};
  for (int i = 0; i < 64; ++i) {
    db.submit([](aft::transaction& tx) { tx.execute("insert into t (x) values ('many')"); },
              [&](std::exception_ptr why) { done += why ? 0 : 1; });
  }
  const auto syncs = disk.count(operation::sync);
  held.release();
  db.write([](aft::transaction&) {});
  CHECK(done == 64);
  // The held one, the 64 (more than one commit, where they took long), and the last.
  CHECK(disk.count(operation::sync) - syncs <= 12);
}

TEST_CASE_FIXTURE(on_counted_disk, "a statement is prepared once, not for each query") {
  for (int i = 0; i < 100; ++i) read_one();
  struct kept {
    std::int64_t statements, runs;
  };
  const auto found = db.read([](aft::reader& r) {
    return r.one<kept>(
        "select count(*) as statements, max(run) as runs from sqlite_stmt "
        "where sql = 'select x from t limit 1'");
  });
  CHECK(found.statements == 1);
  CHECK(found.runs == 100);
}

// SQLite's page cache hands its memory back to the kernel and takes it again, with each of them,
// where it may.
TEST_CASE_FIXTURE(on_counted_disk,
                  "a returning clause costs no page faults" * doctest::skip(is_sanitized)) {
  const auto add = [&](int count) {
    return db.write([&](aft::transaction& tx) {
      std::int64_t last = 0;
      rusage before{}, after{};
      getrusage(RUSAGE_THREAD, &before);
      for (int i = 0; i < count; ++i) {
        last = tx.one<std::int64_t>("insert into t (x) values ('some') returning id");
      }
      getrusage(RUSAGE_THREAD, &after);
      CHECK(last > 0);
      return after.ru_minflt - before.ru_minflt;
    });
  };
  add(2000);
  CHECK(add(2000) < 1000);
}

// A process that closes any descriptor of a file loses its locks on it, and with them what keeps
// other processes from removing the log.
TEST_CASE_FIXTURE(on_counted_disk, "a backup leaves the locks on the database alone") {
  const auto is_in_use = [&] {
    const auto child = fork();
    if (child == 0) {  // a lock of one's own is not seen
      struct flock shared {};
      shared.l_type = F_WRLCK;
      shared.l_whence = SEEK_SET;
      shared.l_start = 0x40000000 + 2;
      shared.l_len = 510;
      const int fd = open(file.c_str(), O_RDWR);
      const bool asked = fd >= 0 && fcntl(fd, F_GETLK, &shared) == 0;
      _exit(!asked ? 2 : shared.l_type == F_UNLCK ? 1 : 0);
    }
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    REQUIRE(WIFEXITED(status));
    REQUIRE(WEXITSTATUS(status) != 2);
    return WEXITSTATUS(status) == 0;
  };
  read_one();
  CHECK(is_in_use());
  const auto made = aft::backup_to(db, folder / "backups", {});
  CHECK(is_in_use());
  CHECK(aft::verify_backup(made.path, {}, time).sound());
  CHECK(is_in_use());
}

TEST_CASE_FIXTURE(on_counted_disk, "the log stays small while everybody reads and writes") {
  std::atomic<bool> stop{false};
  std::thread reading([&] {
    while (!stop) read_one();
  });
  const std::string row(2000, 'x');
  std::uintmax_t largest = 0;
  for (int i = 0; i < 200; ++i) {
    std::atomic<int> left{100};
    for (int k = 0; k < 99; ++k) {
      db.submit([&](aft::transaction& tx) { tx.execute("insert into t (x) values ($1)", row); },
                [&](std::exception_ptr) { --left; });
    }
    db.write([&](aft::transaction& tx) { tx.execute("insert into t (x) values ($1)", row); });
    while (left != 1) std::this_thread::yield();
    largest = std::max(largest, std::filesystem::file_size(file + "-wal"));
  }
  stop = true;
  reading.join();
  CHECK(std::filesystem::file_size(file) > 30'000'000);
  CHECK(largest < 20'000'000);  // half of it where no reader waits for a processor
}

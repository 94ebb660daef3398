// A small file system that is really full, and one that may only be read.

#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include <doctest/doctest.h>

#include <aft/storage/backup.hpp>
#include <aft/storage/database.hpp>

#include "../small_disk.hpp"
#include "../temporary_file.hpp"

namespace {

namespace fs = std::filesystem;

const std::vector<aft::migration> schema = {
    {"001", "create table row (n integer primary key, filling text not null) strict"}};

std::int64_t count_of(aft::database& db) {
  return db.read([](aft::reader& r) {
    CHECK(r.one<std::string>("select integrity_check from pragma_integrity_check") == "ok");
    return r.one<std::int64_t>("select count(*) from row");
  });
}

}  // namespace

TEST_CASE("a file system that is full refuses what has no room, and loses nothing") {
  const temporary_folder folder;
  const small_disk disk(folder / ".", 4);
  if (!disk) return;
  const auto file = disk.path() + "/test.db", ballast = disk.path() + "/ballast";
  aft::clock time;
  aft::logger log;
  std::int64_t acknowledged = 0;
  const auto add = [&](aft::database& db) {
    db.write([&](aft::transaction& tx) {
      tx.execute("insert into row (filling) values ($1)", std::string(20'000, 'x'));
    });
    ++acknowledged;
  };
  int refused = 0;
  {
    std::ofstream(ballast) << std::string(1'500'000, 'b');
    aft::database db(file, {}, log, time);
    db.migrate("host", schema);
    for (int i = 0; i < 300; ++i) {
      try {
        add(db);
      } catch (const aft::storage_error& e) {
        CHECK((e.fault() == aft::storage_fault::full || e.fault() == aft::storage_fault::io));
        ++refused;
      }
    }
    CHECK(acknowledged > 10);
    CHECK(refused > 100);
    CHECK(count_of(db) == acknowledged);
    try {
      aft::backup_to(db, disk.path() + "/backups", {.compress = false});
      FAIL_CHECK("a backup found room");
    } catch (const aft::storage_error& e) {
      CHECK(e.fault() == aft::storage_fault::full);
    }
    CHECK(aft::list_backups(disk.path() + "/backups").empty());
    std::filesystem::remove(ballast);
    for (int i = 0; i < 5; ++i) add(db);  // without a hand
    CHECK(count_of(db) == acknowledged);
  }
  aft::database db(file, {}, log, time);
  CHECK(count_of(db) == acknowledged);
  MESSAGE(acknowledged << " rows acknowledged and there, " << refused << " refused");
}

TEST_CASE("an archive whose file system is full keeps nobody from opening and writing") {
  const temporary_folder folder;
  fs::create_directory(folder / "archive");
  const small_disk disk(folder / "archive", 4);
  if (!disk) return;
  const auto file = folder / "test.db", ballast = disk.path() + "/ballast";
  aft::manual_clock time{aft::time_point(aft::days(20'000))};
  aft::logger log;
  const aft::storage_options options{
      .archive = {.directory = disk.path(), .interval = aft::milliseconds(1)}};
  const auto restored = [&](std::optional<aft::time_point> to) {
    const temporary_folder there;
    static_cast<void>(aft::restore_archive(disk.path(), there / "restored.db", time, to));
    aft::database db(there / "restored.db", {}, log, time);
    return count_of(db);
  };
  const auto add = [](aft::database& db) {
    db.write([](aft::transaction& tx) { tx.execute("insert into row (filling) values ('x')"); });
  };
  {
    aft::database db(file, options, log, time);
    db.migrate("host", schema);
    add(db);
  }
  const auto ended = time.now();
  time.advance(aft::minutes(1));
  for (std::ofstream out(ballast); out << std::string(4096, 'b') << std::flush;) {}
  {
    aft::database db(file, options, log, time);
    add(db);
    time.advance(aft::minutes(1));
    for (int i = 0; i < 10'000 && db.archived()->failure.empty(); ++i) ::usleep(1000);
    CHECK(!db.archived()->failure.empty());
    add(db);
  }
  fs::remove(ballast);
  CHECK(restored(ended) == 1);
  CHECK_THROWS_AS(restored(time.now()), aft::configuration_error);
  aft::database db(file, options, log, time);
  for (int i = 0; i < 10'000 && !db.archived()->working; ++i) ::usleep(1000);
  CHECK(restored({}) == 3);
}

// The system writes what fits, and then says that the file may not grow.
TEST_CASE("writes that the system cuts short are refused, and nothing acknowledged is lost") {
  class short_files {
   public:
    short_files() : before_(::signal(SIGXFSZ, SIG_IGN)) { ::getrlimit(RLIMIT_FSIZE, &usual_); }
    short_files(const short_files&) = delete;
    short_files& operator=(const short_files&) = delete;
    ~short_files() {
      allow(usual_.rlim_cur);
      ::signal(SIGXFSZ, before_);
    }
    void allow(rlim_t bytes) const {
      const rlimit now{bytes, usual_.rlim_max};
      REQUIRE(::setrlimit(RLIMIT_FSIZE, &now) == 0);
    }
    void mend() const { allow(usual_.rlim_cur); }

   private:
    rlimit usual_{};
    void (*before_)(int);
  };
  const temporary_folder folder;
  const auto file = folder / "test.db";
  aft::clock time;
  aft::logger log;
  std::int64_t acknowledged = 0;
  int refused = 0;
  {
    aft::database db(file, {}, log, time);
    db.migrate("host", schema);
    const short_files files;
    const auto add = [&] {
      try {
        db.write([](aft::transaction& tx) {
          tx.execute("insert into row (filling) values ($1)", std::string(20'000, 'x'));
        });
        ++acknowledged;
      } catch (const aft::storage_error& e) {
        CHECK((e.fault() == aft::storage_fault::full || e.fault() == aft::storage_fault::io));
        ++refused;
      }
    };
    for (int i = 0; i < 10; ++i) add();
    files.allow(777'777);  // in the middle of a page
    for (int i = 0; i < 60; ++i) add();
    CHECK(refused > 10);
    CHECK(count_of(db) == acknowledged);
    files.mend();
    const auto so_far = refused;
    for (int i = 0; i < 5; ++i) add();  // without a hand
    CHECK(refused == so_far);
    CHECK(count_of(db) == acknowledged);
  }
  aft::database db(file, {}, log, time);
  CHECK(count_of(db) == acknowledged);
  MESSAGE(acknowledged << " rows acknowledged and there, " << refused << " refused");
}

TEST_CASE("a file that may only be read is refused with an error that says so") {
  const temporary_folder folder;
  const small_disk disk(folder / ".", 4);
  if (!disk) return;
  const auto file = disk.path() + "/test.db";
  aft::clock time;
  aft::logger log;
  {
    aft::database db(file, {}, log, time);
    db.migrate("host", schema);
  }
  disk.forbid_writing();
  std::string why = "nothing";
  try {
    aft::database db(file, {}, log, time);
    db.write([](aft::transaction& tx) { tx.execute("insert into row values (1, 'x')"); });
  } catch (const aft::storage_error& e) {
    why = e.what();
  }
  CAPTURE(why);
  CHECK((why.find("read") != why.npos || why.find("open") != why.npos));
}

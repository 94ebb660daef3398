#include <aft/storage/drill.hpp>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "storage/backup_drill.hpp"
#include "storage_fixture.hpp"

namespace {

namespace fs = std::filesystem;

// SQLite's alone, whatever engine this run is of.
struct drill_fixture {
  temporary_folder folder;
  aft::manual_clock time{aft::time_point(aft::seconds(1'769'860'800))};
  std::vector<std::string> logged, told;
  aft::logger log{[this](const aft::log_record& r) { logged.emplace_back(r.message); }};
  aft::database db{folder / "test.db", {.key = test_key()}, log, time};
  const std::string backups = folder / "backups";
  aft::drill_options options{
      .directory = backups,
      .every = aft::hours(6),
      .verify_every = aft::days(1),
      .keep = {.hourly = 2, .daily = 0, .weekly = 0, .monthly = 0},
      .retry = aft::minutes(10),
      .failed = [this](std::string_view what) { told.emplace_back(what); },
  };

  drill_fixture() {
    db.migrate("host", {{"001", "create table note (text text) strict"}});
    db.write([](aft::transaction& tx) { tx.execute("insert into note values ('kept')"); });
  }
};

}  // namespace

TEST_CASE_FIXTURE(drill_fixture, "backups are made, verified and pruned by the clock") {
  aft::storage::backup_drill drill(db, options, log);
  CHECK(!drill.status().last_backup);
  CHECK(!drill.status().verified_age);
  CHECK(drill.run_due() == 2);  // both are due at once
  CHECK(drill.run_due() == 0);
  CHECK(drill.status().last_backup == time.now());
  CHECK(drill.status().verified_age == aft::duration());
  time.advance(aft::hours(6) - aft::microseconds(1));
  CHECK(drill.run_due() == 0);
  time.advance(aft::microseconds(1));
  CHECK(drill.run_due() == 1);
  CHECK(drill.status().last_backup == time.now());
  CHECK(drill.status().verified_age == aft::hours(6));
  for (int i = 0; i < 2; ++i) {
    time.advance(aft::hours(6));
    CHECK(drill.run_due() == 1);
  }
  // The two newest are kept, and the one that was verified.
  CHECK(aft::list_backups(backups).size() == 3);
  time.advance(aft::hours(6));
  CHECK(drill.run_due() == 2);  // the day is over
  CHECK(drill.status().verified_age == aft::duration());
  CHECK(aft::list_backups(backups).size() == 3);  // what was verified before goes with the next
  CHECK(drill.status().failure.empty());
  CHECK(told.empty());
}

TEST_CASE_FIXTURE(drill_fixture, "a restart changes nothing in the times of backups") {
  {
    aft::storage::backup_drill drill(db, options, log);
    CHECK(drill.run_due() == 2);
  }
  time.advance(aft::hours(5));
  aft::storage::backup_drill drill(db, options, log);
  CHECK(drill.status().verified_age == aft::hours(5));
  CHECK(drill.run_due() == 0);
  time.advance(aft::hours(1));
  CHECK(drill.run_due() == 1);
}

TEST_CASE_FIXTURE(drill_fixture, "what fails is logged and told, and tried again soon") {
  std::ofstream(backups) << "a file where the directory should be";
  aft::storage::backup_drill drill(db, options, log);
  CHECK(drill.run_due() == 2);
  REQUIRE(told.size() == 2);
  CHECK(has(told[0], "a backup failed: "));
  CHECK(has(told[1], "the verification of a backup failed: there is none"));
  CHECK(logged == told);
  CHECK(has(drill.status().failure, "the verification of a backup failed"));
  CHECK(!drill.status().verified_age);
  fs::remove(backups);
  CHECK(drill.run_due() == 0);
  time.advance(aft::minutes(10));
  CHECK(drill.run_due() == 2);
  CHECK(told.size() == 2);
  CHECK(drill.status().failure.empty());
  CHECK(drill.status().verified_age == aft::duration());
}

TEST_CASE_FIXTURE(drill_fixture, "a backup that was damaged is found by its verification") {
  aft::storage::backup_drill drill(db, options, log);
  drill.run_due();
  time.advance(aft::hours(23));
  drill.run_due();
  const auto newest = aft::list_backups(backups).at(0);
  const auto file = newest.path + "/" + newest.manifest.database.stored_as;
  std::fstream(file, std::ios::in | std::ios::out | std::ios::binary).seekp(40).put('\x7f');
  time.advance(aft::hours(1));
  CHECK(drill.run_due() == 1);
  REQUIRE(told.size() == 1);
  CHECK(has(told[0], "cannot be relied upon"));
  CHECK(drill.status().verified_age == aft::hours(24));  // that of the day before
}

TEST_CASE_FIXTURE(drill_fixture, "a backup that was sound once is not taken for it ever after") {
  aft::storage::backup_drill drill(db, options, log);
  drill.run_due();
  const auto one = aft::list_backups(backups).at(0);
  REQUIRE(one.verified);
  const auto file = one.path + "/" + one.manifest.database.stored_as;
  std::fstream(file, std::ios::in | std::ios::out | std::ios::binary).seekp(40).put('\x7f');
  CHECK(!aft::verify_backup(one.path, {.bytes = std::string(32, 'n')}, time).sound());
  CHECK(aft::list_backups(backups).at(0).verified);  // a wrong key says nothing
  CHECK(!aft::verify_backup(one.path, options.backup.key, time, {}, test_key()).sound());
  CHECK(!aft::list_backups(backups).at(0).verified);
  CHECK(!aft::age_of_last_verified(backups, time));
}

TEST_CASE_FIXTURE(drill_fixture, "the thread of the backups ends where it is told to") {
  options.backup.bytes_per_second = 256 << 10;  // it would take half a minute
  options.backup.compress = false;
  aft::storage::backup_drill drill(db, options, log);
  db.write([](aft::transaction& tx) {
    tx.execute("insert into note values (hex(randomblob(3000000)))");
  });
  const auto begun = [&] {
    for (const auto& entry : fs::recursive_directory_iterator(folder / ".")) {
      if (entry.path().filename() == "log" || entry.path().filename() == "database") return true;
    }
    return false;
  };
  drill.start();
  while (!begun()) std::this_thread::yield();
  drill.stop();
  CHECK(aft::list_backups(backups).empty());
  CHECK(told.empty());
  drill.start();  // and again, as an app may
  drill.stop();
}

TEST_CASE_FIXTURE(storage_fixture, "backups by the clock refuse what cannot be") {
  aft::drill_options options{.directory = folder / "backups"};
  if (on_postgres()) {
    CHECK(has(thrown_by([&] { aft::storage::backup_drill(db, options, log); }),
              "PostgreSQL is backed up with its own tools"));
    return;
  }
  options.every = {};
  CHECK(
      has(thrown_by([&] { aft::storage::backup_drill(db, options, log); }), "longer than nothing"));
  options.every = aft::hours(1);
  options.backup.name = "mine";
  CHECK(has(thrown_by([&] { aft::storage::backup_drill(db, options, log); }),
            "named by their times"));
  options.backup.name = "";
  options.backup.key.bytes = "short";
  CHECK(has(thrown_by([&] { aft::storage::backup_drill(db, options, log); }), "has 32 bytes"));
}

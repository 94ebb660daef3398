// What leads away from a database with a key: none of it may hold what the key keeps, and none may
// be read without it. For a SQLite that encrypts; tests/outside/cipher.mjs runs this with some.

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <thread>

#include <doctest/doctest.h>

#include <aft/app.hpp>
#include <aft/storage/backup.hpp>
#include <aft/storage/move.hpp>

#include "storage/backup_drill.hpp"
#include "storage_fixture.hpp"

namespace {

namespace fs = std::filesystem;
using aft::storage_fault;

const aft::secret key = "it's the key";
const aft::secret wrong_key = "it's another";
const std::string words = "plain words that nobody else may read";

// SQLite's alone, whatever engine this run is of.
struct keyed_fixture {
  temporary_folder folder;
  aft::manual_clock time{aft::time_point(aft::seconds(1'769'860'800))};  // 2026-01-31T12:00:00Z
  aft::logger log;
  const std::string file = folder / "test.db";
  const std::string copies = folder / "copies";
  std::unique_ptr<aft::database> db;

  // False where SQLite does not encrypt, which is said.
  bool open(const aft::archive_options& archive = {}) {
    try {
      db = std::make_unique<aft::database>(
          file, aft::storage_options{.archive = archive, .key = key}, log, time);
    } catch (const aft::configuration_error& e) {
      if (!has(e.what(), "this SQLite does not encrypt")) throw;
      REQUIRE_MESSAGE(!std::getenv("AFT_TEST_KEY"), "this run is to be with one that encrypts");
      MESSAGE("SKIPPED: this SQLite does not encrypt");
      return false;
    }
    db->migrate("host", {{"001", "create table note (id integer primary key, text text) strict"}});
    add(words);
    return true;
  }
  void add(const std::string& text) {
    db->write(
        [&](aft::transaction& tx) { tx.execute("insert into note (text) values ($1)", text); });
  }
  void wait_until_archived() {
    for (int i = 0; i < 120'000 && !db->archived()->working; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    REQUIRE(db->archived()->working);
  }
  std::vector<std::string> texts_of(const std::string& path, const aft::secret& with) {
    aft::database there(path, {.key = with}, log, time);
    return there.all<std::string>("select text from note order by id");
  }
};

std::string bytes_of(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// The files below that hold something, even in part.
std::vector<std::string> files_with(const std::string& what, const fs::path& below) {
  std::vector<std::string> found;
  for (const auto& entry : fs::recursive_directory_iterator(below)) {
    if (entry.is_regular_file() && has(bytes_of(entry.path()), what)) found.push_back(entry.path());
  }
  return found;
}

std::string corrupt(auto&& f) {
  try {
    f();
  } catch (const aft::storage_error& e) {
    CHECK(e.fault() == storage_fault::corrupt);
    return e.what();
  }
  return "nothing was thrown";
}

}  // namespace

TEST_CASE_FIXTURE(keyed_fixture, "a backup of a database with a key has that key") {
  if (!open()) return;
  const std::string long_text(300'000, 'z');
  add(long_text);
  const aft::backup_key second{.bytes = std::string(32, 'k')};
  const aft::backup_options kinds[] = {
      {.name = "plain", .compress = false}, {.name = "packed"}, {.name = "sealed", .key = second}};
  for (const auto& kind : kinds) {
    CAPTURE(kind.name);
    const auto made = aft::backup_to(*db, copies, kind);
    REQUIRE(made.manifest.keyed_by);
    CHECK(!made.manifest.keyed_by->empty());
    CHECK(made.manifest.tables.at(1).rows == 2);

    const auto target = folder / (kind.name + ".db");
    const auto restoring = [&](const aft::secret& with) {
      static_cast<void>(
          aft::restore_backup(made.path, target, time, {.key = kind.key, .database_key = with}));
    };
    CHECK(has(corrupt([&] { restoring({}); }), "is of a database with a key"));
    const auto why = corrupt([&] { restoring(wrong_key); });
    CHECK(has(why, "the key does not open"));
    CHECK(!has(why, "another"));
    CHECK(!fs::exists(target));
    for (const auto& with : {aft::secret(), wrong_key}) {
      const auto check = aft::verify_backup(made.path, kind.key, time, {}, with);
      REQUIRE(check.wrong.size() == 1);
      CHECK(has(check.wrong[0], with.empty() ? "database_key" : "the key does not open"));
    }
    CHECK(!aft::age_of_last_verified(copies, time));

    const auto check = aft::verify_backup(made.path, kind.key, time, {}, key);
    for (const auto& wrong : check.wrong) MESSAGE(wrong);
    CHECK(check.sound());
    CHECK(aft::age_of_last_verified(copies, time) == aft::duration());
    restoring(key);
    CHECK(texts_of(target, key) == std::vector<std::string>{words, long_text});
    CHECK(!bytes_of(target).starts_with("SQLite format 3"));
    fs::remove_all(made.path);
  }
}

TEST_CASE_FIXTURE(keyed_fixture, "nothing that a key keeps stands in any copy") {
  if (!open({.directory = folder / "archive", .interval = aft::milliseconds(5)})) return;
  // Half of it in the file, half in the log.
  db->write([](aft::transaction& tx) {
    for (int i = 0; i < 3000; ++i) tx.execute("insert into note (text) values ($1)", words);
  });
  for (int i = 0; i < 20; ++i) add(words);
  wait_until_archived();
  const auto made = aft::backup_to(*db, copies, {.compress = false});
  REQUIRE(made.manifest.log);
  std::string stream;
  aft::backup_to(*db, [&](std::string_view bytes) { stream += bytes; }, {.compress = false});
  CHECK(!has(stream, words));
  CHECK(!has(stream, "create table"));
  db.reset();
  static_cast<void>(
      aft::restore_backup(made.path, folder / "back.db", time, {.database_key = key}));
  static_cast<void>(aft::restore_archive(folder / "archive", folder / "shipped.db", time, {},
                                         {.database_key = key}));
  CHECK(texts_of(folder / "shipped.db", key).size() == 3021);
  CHECK(files_with(words, folder / "") == std::vector<std::string>());
  CHECK(files_with("nobody else", folder / "") == std::vector<std::string>());
  CHECK(files_with("create table", folder / "") == std::vector<std::string>());
  CHECK(files_with("SQLite format 3", folder / "") == std::vector<std::string>());
  // One without a key shows that they would be found.
  aft::database open_to_all(folder / "plain.db", {}, log, time);
  open_to_all.migrate("host", {{"001", "create table note (text text) strict"}});
  open_to_all.write(
      [](aft::transaction& tx) { tx.execute("insert into note values ($1)", words); });
  CHECK(!files_with(words, folder / "").empty());
}

TEST_CASE_FIXTURE(keyed_fixture, "a key for a backup of a database without one is refused") {
  if (!open()) return;
  aft::database plain(folder / "plain.db", {}, log, time);
  plain.migrate("host", {{"001", "create table note (text text) strict"}});
  const auto made = aft::backup_to(plain, copies);
  CHECK(!made.manifest.keyed_by);
  CHECK(has(corrupt([&] {
              static_cast<void>(
                  aft::restore_backup(made.path, folder / "x.db", time, {.database_key = key}));
            }),
            "of a database without a key"));
  CHECK(!aft::verify_backup(made.path, {}, time, {}, key).sound());
  CHECK(aft::verify_backup(made.path, {}, time).sound());
}

TEST_CASE_FIXTURE(keyed_fixture, "a manifest that says nothing of the key does not open anything") {
  if (!open()) return;
  const auto made = aft::backup_to(*db, copies);
  auto text = bytes_of(made.path + "/manifest.json");
  const auto at = text.find(*made.manifest.keyed_by);
  REQUIRE(at != text.npos);
  text.replace(at, 1, "?");
  std::ofstream(made.path + "/manifest.json", std::ios::binary) << text;
  CHECK(!aft::verify_backup(made.path, {}, time, {}, key).sound());
}

TEST_CASE_FIXTURE(keyed_fixture, "backups by the clock verify a database with a key") {
  if (!open()) return;
  const aft::drill_options options{.directory = copies,
                                   .every = aft::hours(1),
                                   .verify_every = aft::hours(1),
                                   .keep = {.hourly = 2, .daily = 0, .weekly = 0, .monthly = 0}};
  aft::storage::backup_drill drill(*db, options, log);
  for (int i = 0; i < 4; ++i) {
    CHECK(drill.run_due() == 2);
    CHECK(drill.status().failure == "");
    CHECK(drill.status().verified_age == aft::duration());
    time.advance(aft::hours(1));
  }
  CHECK(aft::list_backups(copies).size() == 2);
  CHECK(files_with(words, copies) == std::vector<std::string>());
}

TEST_CASE_FIXTURE(keyed_fixture, "a restored database with a key can be put back, with its log") {
  if (!open()) return;
  const auto made = aft::backup_to(*db, copies);
  add("later");
  // As a crash leaves it.
  const auto target = folder / "crashed.db";
  fs::copy_file(file, target);
  fs::copy_file(file + "-wal", target + "-wal");
  const auto done = aft::restore_backup(made.path, target, time, {.database_key = key});
  CHECK(texts_of(target, key) == std::vector<std::string>{words});
  aft::undo_restore(done, key);
  CHECK(texts_of(target, key) == std::vector<std::string>{words, "later"});
}

TEST_CASE_FIXTURE(keyed_fixture, "an archive of a database with a key has that key") {
  const auto archive = folder / "archive";
  if (!open({.directory = archive, .interval = aft::milliseconds(5)})) return;
  wait_until_archived();
  const auto before = time.now();
  time.advance(aft::seconds(1));
  add("later");
  db.reset();  // ships all
  int count = 0;
  const auto restoring = [&](const aft::secret& with, std::optional<aft::time_point> to = {}) {
    const auto target = folder / ("back" + std::to_string(++count) + ".db");
    static_cast<void>(aft::restore_archive(archive, target, time, to, {.database_key = with}));
    return texts_of(target, with);
  };
  CHECK(has(corrupt([&] { restoring({}); }), "is of a database with a key"));
  CHECK(has(corrupt([&] { restoring(wrong_key); }), "the key does not open"));
  CHECK(restoring(key) == std::vector<std::string>{words, "later"});
  CHECK(restoring(key, before) == std::vector<std::string>{words});
}

TEST_CASE_FIXTURE(keyed_fixture, "the rows of a database with a key are moved") {
  if (!on_postgres() || !open()) return;
  aft::database to(postgres_server::shared().new_url(), {}, log, time);
  to.migrate("host", {{"001", "create table note (id bigint primary key, text text)"}});
  const auto moved = aft::move(*db, to);
  CHECK(moved.tables.size() == 1);
  CHECK(to.all<std::string>("select text from note order by id") ==
        std::vector<std::string>{words});
}

TEST_CASE_FIXTURE(keyed_fixture, "an app moves a database with a key") {
  if (!on_postgres() || !open()) return;
  db.reset();
  aft::app app({.database = file, .storage = {.key = key}});
  app.migrate({"001", "create table note (id integer primary key, text text) strict",
               "create table note (id bigint primary key, text text)"});
  app.prepare();
  const auto there = postgres_server::shared().new_url();
  app.move_to(there);
  aft::database to(there, {}, log, time);
  CHECK(to.all<std::string>("select text from note order by id") ==
        std::vector<std::string>{words});
}

#include <aft/storage/database.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>
#include <thread>

#include <doctest/doctest.h>
#include <sqlite3.h>

#include <aft/storage/backup.hpp>

#include "storage_fixture.hpp"

namespace {
aft::logger silent;
aft::clock system_time;
}  // namespace

TEST_CASE_FIXTURE(storage_fixture, "what was written is there when the database is opened again") {
  const auto place = new_url();
  {
    aft::database first(place, {}, log, time);
    first.migrate("host", {{"1", "create table t (x integer) strict"}});
    first.write([](aft::transaction& tx) { tx.execute("insert into t values (7)"); });
  }
  aft::database again(place, {}, log, time);
  CHECK(again.read([](aft::reader& r) { return r.one<int>("select x from t"); }) == 7);
  CHECK(again.url() == place);
}

TEST_CASE("a database in memory is one for all its connections, and goes with it") {
  for (int i = 0; i < 2; ++i) {
    aft::database db(":memory:", {}, silent, system_time);
    db.migrate("host", {{"1", "create table t (x integer) strict"}});
    db.write([](aft::transaction& tx) { tx.execute("insert into t values (7)"); });
    CHECK(db.read([](aft::reader& r) { return r.one<int>("select count(*) from t"); }) == 1);
  }
}

TEST_CASE("what is no database is refused with a sentence") {
  temporary_folder folder;
  std::ofstream(folder / "text.db") << std::string(5000, 'x');
  auto why = [](const std::string& url) -> std::string {
    try {
      aft::database db(url, {}, silent, system_time);
    } catch (const aft::error& e) {
      return e.what();
    }
    return "it was opened";
  };
  CHECK(why(folder / "text.db").find("not a database") != std::string::npos);
  CHECK(why("/nowhere/at/all.db").find("cannot open the database") != std::string::npos);
  CHECK(why("mysql://x").find("mysql://") != std::string::npos);
  CHECK(why("").find("no name") != std::string::npos);
}

TEST_CASE_FIXTURE(storage_fixture, "what others write into the same database is seen at once") {
  schema("create table t (x integer not null) strict;");
  aft::database other(url, {}, log, time);
  for (int i = 1; i <= 50; ++i) {
    other.write([](aft::transaction& tx) { tx.execute("insert into t values (1)"); });
    CHECK(db.read([](aft::reader& r) { return r.one<int>("select count(*) from t"); }) == i);
  }
}

TEST_CASE_FIXTURE(storage_fixture, "the queue is bounded") {
  aft::database small(new_url(), {.max_queue = 2, .max_writers = 1}, log, time);
  std::atomic<bool> inside{false}, go{false};
  std::thread holds([&] {
    small.write([&](aft::transaction&) {
      inside = true;
      while (!go) std::this_thread::yield();
    });
  });
  while (!inside) std::this_thread::yield();
  std::atomic<int> full{0}, ran{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 10; ++i) {
    threads.emplace_back([&] {
      try {
        small.write([](aft::transaction&) {});
        ++ran;
      } catch (const aft::storage_error& e) {
        CHECK(e.fault() == aft::storage_fault::busy);
        ++full;
      }
    });
  }
  while (full < 8) std::this_thread::yield();
  go = true;
  for (auto& t : threads) t.join();
  holds.join();
  CHECK(ran == 2);
  CHECK(full == 8);
  CHECK(small.writes().refused == 8);
  small.write([](aft::transaction&) {});  // it takes again what it has room for
}

TEST_CASE_FIXTURE(storage_fixture, "readers are not blocked by a writer, nor it by them") {
  schema("create table t (x integer) strict");
  std::atomic<bool> stop{false};
  std::atomic<long> reads{0};
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      int last = 0;
      while (!stop) {
        const auto n = db.read([](aft::reader& r) { return r.one<int>("select count(*) from t"); });
        CHECK(n >= last);
        last = n;
        ++reads;
      }
    });
  }
  for (int i = 0; i < 300; ++i) {
    db.write([&](aft::transaction& tx) { tx.execute("insert into t values ($1)", i); });
    CHECK(db.read([](aft::reader& r) { return r.one<int>("select count(*) from t"); }) == i + 1);
  }
  stop = true;
  for (auto& t : readers) t.join();
  CHECK(reads > 0);
}

TEST_CASE("the write-ahead log of SQLite stays small while readers keep their views") {
  temporary_folder folder;
  aft::database db(folder / "test.db", {}, silent, system_time);
  db.migrate("host", {{"1", "create table t (x text) strict"}});
  db.read([](aft::reader& r) { r.one<int>("select 1"); });  // one connection that has read
  const std::string body(2000, 'x');
  for (int i = 0; i < 20; ++i) {
    db.write([&](aft::transaction& tx) {
      for (int k = 0; k < 500; ++k) tx.execute("insert into t values ($1)", body);
    });
    db.read([](aft::reader& r) { r.one<int>("select count(*) from t"); });
  }
  CHECK(std::filesystem::file_size((folder / "test.db") + "-wal") < 10u * 1024 * 1024);
}

// Each commit would take the whole mapping away from the readers, and a disk that fails would be a
// signal.
TEST_CASE("a file of SQLite is not mapped into memory") {
  temporary_folder folder;
  const auto file = folder / "test.db";
  aft::database db(file, {}, silent, system_time);
  db.migrate("host", {{"1", "create table t (x integer) strict"}});
  const auto mapped = [](aft::reader& r) { return r.one<std::int64_t>("pragma mmap_size"); };
  CHECK(db.read(mapped) == 0);
  CHECK(db.write(mapped) == 0);
  db.read([](aft::reader& r) { r.one<int>("select count(*) from t"); });
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) CHECK_FALSE(line.ends_with(file));
}

// The end of a transaction may look through all pages that its connection keeps.
TEST_CASE("the memory for pages of SQLite is parted by what they are for") {
  temporary_folder folder;
  const auto kept = [](aft::reader& r) { return r.one<std::int64_t>("pragma cache_size"); };
  aft::database db(folder / "test.db", {.cache_bytes = 16u << 20}, silent, system_time);
  CHECK(db.read(kept) == -4 * 1024);  // and 12 MiB that SQLite does not know of
  CHECK(db.write(kept) == -4 * 1024);
  aft::database small(folder / "small.db", {.cache_bytes = 1u << 20}, silent, system_time);
  CHECK(small.read(kept) == -256);
  CHECK(small.write(kept) == -1024);
}

TEST_CASE("two databases live beside each other") {
  aft::database a(":memory:", {}, silent, system_time), b(":memory:", {}, silent, system_time);
  a.migrate("host", {{"1", "create table t (x integer) strict"}});
  b.migrate("host", {{"1", "create table t (x integer) strict"}});
  a.write([](aft::transaction& tx) { tx.execute("insert into t values (1)"); });
  CHECK(b.read([](aft::reader& r) { return r.one<int>("select count(*) from t"); }) == 0);
}

TEST_CASE("a write that could not begin is a failure, and leaves nothing") {
  temporary_folder folder;
  const auto file = folder / "a.db";
  aft::database db(file, {.busy_timeout = aft::milliseconds(50)}, silent, system_time);
  db.migrate("host", {{"1", "create table t (x integer) strict"}});
  sqlite3* other = nullptr;
  REQUIRE(sqlite3_open(file.c_str(), &other) == SQLITE_OK);
  REQUIRE(sqlite3_exec(other, "begin immediate", nullptr, nullptr, nullptr) == SQLITE_OK);
  bool ran = false;
  CHECK_THROWS_AS(db.write([&](aft::transaction& tx) {
    ran = true;
    tx.execute("insert into t values (1)");
  }),
                  aft::storage_error);
  CHECK_THROWS_AS((void)db.write([](aft::transaction&) { return std::string("a value"); }),
                  aft::storage_error);
  CHECK(!ran);
  sqlite3_exec(other, "rollback", nullptr, nullptr, nullptr);
  sqlite3_close(other);
  db.write([](aft::transaction& tx) { tx.execute("insert into t values (2)"); });
  CHECK(db.read([](aft::reader& r) { return r.one<int>("select sum(x) from t"); }) == 2);
}

TEST_CASE_FIXTURE(storage_fixture, "one query is asked without a function around it") {
  schema("create table t (id integer primary key, x text not null)");
  struct row {
    std::int64_t id;
    std::string x;
  };
  CHECK(db.all<row>("select * from t").empty());
  CHECK(!db.find<row>("select * from t where id = $1", 1));
  CHECK(has(thrown_by([&] { db.one<row>("select * from t"); }), "no row, where one must be"));
  for (int i = 1; i <= 20; ++i) {  // each sees what was committed before it
    db.write([&](aft::transaction& tx) {
      tx.execute("insert into t values ($1, $2)", i, std::to_string(i));
    });
    CHECK(db.one<int>("select count(*) from t") == i);
    CHECK(db.find<row>("select * from t where id = $1 and x = $2", i, std::to_string(i))->id == i);
  }
  CHECK(db.all<row>("select * from t").size() == 20);
  CHECK(has(thrown_by([&] { db.all<int>("delete from t returning id"); }),
            on_postgres() ? "read-only" : "readonly"));
  CHECK(has(thrown_by([&] { db.all<int>("select nonsense"); }), "nonsense"));
  db.read([&](aft::reader& r) {  // in which they are of a moment of their own
    CHECK(r.one<int>("select count(*) from t") == 20);
    db.write([&](aft::transaction& tx) { tx.execute("delete from t"); });
    CHECK(r.one<int>("select count(*) from t") == 20);
    CHECK(db.one<int>("select count(*) from t") == 0);
  });
}

TEST_CASE("a key is for an engine that encrypts, and is refused by any other") {
  temporary_folder folder;
  const auto file = folder / "test.db";
  const auto open = [&](const char* key) {
    return std::make_unique<aft::database>(file, aft::storage_options{.key = key}, silent,
                                           system_time);
  };
  if (on_postgres()) {
    CHECK(has(
        thrown_by([] { aft::database db(new_database(), {.key = "a key"}, silent, system_time); }),
        "of SQLite alone"));
    return;
  }
  std::unique_ptr<aft::database> db;
  const auto why = thrown_by([&] { db = open("it's a key"); });
  if (!db) {
    MESSAGE("this SQLite does not encrypt");
    CHECK(has(why, "this SQLite does not encrypt"));
    CHECK(!has(why, "it's"));
    CHECK_THROWS_AS(open("it's a key"), aft::configuration_error);
    CHECK(open("")->one<int>("select 1") == 1);
    return;
  }
  const auto count = [](aft::database& of) { return of.one<int>("select count(*) from note"); };
  db->migrate("host", {{"001", "create table note (text text not null) strict"}});
  db->write([](aft::transaction& tx) { tx.execute("insert into note values ('plain words')"); });
  CHECK(count(*db) == 1);
  db.reset();
  CHECK(count(*open("it's a key")) == 1);
  CHECK(has(thrown_by([&] { open("another"); }), "the key does not open the database"));
  CHECK_THROWS_AS(open(""), aft::storage_error);
  std::ifstream in(file, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(in), {}};
  CHECK(bytes.size() > 4096);
  CHECK(!has(bytes, "plain words"));
  CHECK(!bytes.starts_with("SQLite format 3"));
}

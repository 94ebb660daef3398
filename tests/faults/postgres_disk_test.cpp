// A PostgreSQL server whose disk is full, that of its tables or that of its log, and one that finds
// a damaged page: each error says so, nothing acknowledged is lost, and once the disk is well the
// open database goes on by itself.

#include <aft/storage/database.hpp>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "../postgres_server.hpp"
#include "../small_disk.hpp"

namespace {

namespace fs = std::filesystem;

const std::vector<aft::migration> schema = {
    {"001", "", "create table note (id bigint primary key, filling text not null)"}};

struct writer {
  aft::logger log{};
  aft::clock time{};
  std::int64_t next = 0, acknowledged = 0;
  std::vector<aft::storage_fault> faults{};

  // About 20 KB that cannot be compressed; whether they were stored.
  bool add(aft::database& db) {
    const auto id = ++next;
    try {
      db.write([id](aft::transaction& tx) {
        tx.execute(
            "insert into note select $1, string_agg(md5(random()::text), '') "
            "from generate_series(1, 600)",
            id);
      });
      ++acknowledged;
      return true;
    } catch (const aft::storage_error& e) {
      faults.push_back(e.fault());
      return false;
    }
  }
  // Those that are there, at least as many as were acknowledged.
  std::int64_t count(aft::database& db) const {
    return db.read([](aft::reader& r) {
      CHECK(r.one<std::int64_t>("select count(*) from note where length(filling) <> 19200") == 0);
      return r.one<std::int64_t>("select count(*) from note");
    });
  }
};

}  // namespace

TEST_CASE("a disk of tables that is full refuses what has no room, and loses nothing") {
  postgres_server server(postgres_server::hasty());
  const small_disk disk(server.make_folder("small"), 6);
  if (!disk) return;
  server.execute("create tablespace small location '" + disk.path() + "'");
  const auto ballast = disk.path() + "/ballast";
  std::ofstream(ballast) << std::string(1'500'000, 'b');
  writer w;
  {
    aft::database db(server.url("options=-cdefault_tablespace%3Dsmall"), {}, w.log, w.time);
    db.migrate("host", schema);
    for (int i = 0; i < 300; ++i) w.add(db);
    CHECK(w.acknowledged > 50);
    CHECK(w.faults.size() > 50);
    for (const auto fault : w.faults) CHECK(fault == aft::storage_fault::full);
    CHECK(w.count(db) == w.acknowledged);
    fs::remove(ballast);
    for (int i = 0; i < 5; ++i) CHECK(w.add(db));  // without a hand
    CHECK(w.count(db) == w.acknowledged);
  }
  server.execute("drop table note, aft_migration");
  MESSAGE(w.acknowledged << " rows acknowledged and there, " << w.faults.size() << " refused");
}

TEST_CASE("a server that its full log brings down loses nothing, and is found again") {
  std::optional<small_disk> disk;
  postgres_server server(
      {"shared_buffers=16MB", "checkpoint_timeout=1h", "min_wal_size=2MB", "max_wal_size=1GB"},
      [&disk](postgres_server& s) {
        disk.emplace(s.make_folder("log"), 16);
        if (!*disk) return;
        REQUIRE(s.run_program({"initdb", "-D", s.place() + "/data", "-X", disk->path(), "-U", "aft",
                               "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync",
                               "--wal-segsize=1"}));
      });
  struct at_end {
    postgres_server& server;
    std::optional<small_disk>& disk;
    ~at_end() { server.stop(), disk.reset(); }  // before the folder that it is mounted in goes
  } const unmount{server, disk};
  if (!*disk) return;
  const auto ballast = disk->path() + "/ballast";
  std::ofstream(ballast) << std::string(6'000'000, 'b');
  writer w;
  aft::database db(server.url(), {}, w.log, w.time);
  db.migrate("host", schema);
  for (int i = 0; i < 2000 && w.faults.size() < 3; ++i) w.add(db);
  REQUIRE(w.faults.size() == 3);
  CHECK(w.acknowledged > 50);
  for (const auto fault : w.faults) {
    const bool says_so = fault == aft::storage_fault::full || fault == aft::storage_fault::io ||
                         fault == aft::storage_fault::unavailable ||
                         fault == aft::storage_fault::in_doubt;
    CHECK(says_so);
  }
  fs::remove(ballast);
  bool goes_on = false;
  for (int i = 0; i < 600 && !goes_on; ++i) {
    if (!server.runs()) server.start();  // as what watches over it does
    goes_on = w.add(db);
    if (!goes_on) std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  REQUIRE(goes_on);
  for (int i = 0; i < 20; ++i) CHECK(w.add(db));
  const auto there = w.count(db);
  CHECK(there >= w.acknowledged);
  CHECK(there <= w.next);
  std::ifstream output(server.place() + "/output");
  const std::string said(std::istreambuf_iterator<char>(output), {});
  CHECK(said.find("PANIC") != said.npos);
  MESSAGE(w.acknowledged << " rows acknowledged, " << there << " there, " << w.faults.size()
                         << " refused");
}

TEST_CASE("a damaged page is told as such, and what does not need it works") {
  postgres_server server(postgres_server::hasty(), [](postgres_server& s) {
    REQUIRE(s.run_program({"initdb", "-D", s.place() + "/data", "-U", "aft", "-A", "trust", "-E",
                           "UTF8", "--locale=C", "--no-sync", "--data-checksums"}));
  });
  writer w;
  aft::database db(server.url(), {}, w.log, w.time);
  db.migrate("host", schema);
  db.migrate("other", {{"001", "", "create table whole (n bigint primary key)"}});
  for (int i = 0; i < 100; ++i) REQUIRE(w.add(db));
  db.write([](aft::transaction& tx) { tx.execute("insert into whole values (1)"); });
  const auto path =
      server.place() + "/data/" + server.execute("select pg_relation_filepath('note')");
  server.stop();
  {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(5000).put('\x5a').put('\xa5');
  }
  server.start();
  for (int i = 0; i < 3; ++i) {
    try {
      db.read([](aft::reader& r) { r.one<std::int64_t>("select count(filling) from note"); });
      FAIL_CHECK("a damaged page was read");
    } catch (const aft::storage_error& e) {
      CHECK(e.fault() == aft::storage_fault::corrupt);
      CHECK(std::string(e.what()).find("page") != std::string::npos);
    }
  }
  db.write([](aft::transaction& tx) { tx.execute("insert into whole values (2)"); });
  CHECK(db.one<int>("select count(*) from whole") == 2);
}

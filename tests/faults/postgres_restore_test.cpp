// The way back from a lost PostgreSQL server, as the README tells it: a base backup, the archive of
// its log, and a moment before the mistake.

#include <aft/storage/database.hpp>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>

#include <doctest/doctest.h>

#include "../postgres_server.hpp"
#include "../temporary_file.hpp"

namespace {

namespace fs = std::filesystem;

// Which never overwrites, and is done only when the copy is on the disk under its name.
std::string archive_command(const std::string& archive) {
  const auto file = archive + "/%f";
  return "cmp -s %p " + file + " || { test ! -e " + file + " && cp %p " + file + ".part && sync " +
         file + ".part && mv " + file + ".part " + file + " && sync " + archive + "; }";
}

// Until it is so, or it is clear that it will never be.
template <class F>
void wait_until(F&& is_so) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(120);
  while (!is_so()) {
    if (std::chrono::steady_clock::now() > end) throw std::runtime_error("waited in vain");
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

aft::migration table() {
  return {"001", "", "create table note (id bigint primary key, text text not null)"};
}

void write_notes(aft::database& db, int first, int last) {
  db.write([&](aft::transaction& tx) {
    for (int id = first; id <= last; ++id) {
      tx.execute("insert into note values ($1, $2)", id, "note " + std::to_string(id));
    }
  });
}

// A server that wrote 30 notes, 20 of them after its backup; then all were deleted, and it is lost.
struct lost_server {
  temporary_folder folder;  // of what is left: its owner must let the server's user in
  std::string archive, backup, before_mistake;
  aft::logger log;
  aft::clock time;

  lost_server() {
    fs::permissions(folder / ".",
                    fs::perms::owner_all | fs::perms::others_exec | fs::perms::group_exec);
    postgres_server server({"shared_buffers=16MB", "wal_level=replica", "archive_mode=on",
                            "archive_command=" + archive_command(folder / "archive")},
                           [this](const postgres_server& s) { make_folders(s); });
    aft::database db(server.url(), {}, log, time);
    db.migrate("host", {table()});
    write_notes(db, 1, 10);
    REQUIRE(server.run_program(
        {"pg_basebackup", "-D", backup, "-h", server.place(), "-U", "aft", "--checkpoint=fast"}));
    write_notes(db, 11, 30);
    before_mistake = server.execute("select clock_timestamp()");
    db.write([](aft::transaction& tx) { tx.execute("delete from note"); });
    const auto last = server.execute("select pg_walfile_name(pg_switch_wal())");
    wait_until([&] { return fs::exists(archive + "/" + last); });
  }

  void make_folders(const postgres_server& server) {
    archive = folder / "archive";
    backup = folder / "backup";
    for (const auto& place : {archive, backup}) {
      fs::rename(server.make_folder(fs::path(place).filename()), place);
    }
  }

  // What a restore does, in the folder of a new server.
  void put_back(const postgres_server& server) const {
    REQUIRE(server.run_program({"pg_verifybackup", backup}));
    const auto data = server.make_folder("data");
    if (std::system(("cp -a " + backup + "/. " + data).c_str()) != 0) {
      throw std::runtime_error("the backup cannot be copied");
    }
    std::ofstream(data + "/postgresql.auto.conf")
        << "restore_command = 'cp " << archive << "/%f %p'\n"
        << "recovery_target_time = '" << before_mistake << "'\n"
        << "recovery_target_action = promote\n";
    std::ofstream(data + "/recovery.signal").flush();
    server.give(data + "/postgresql.auto.conf");
    server.give(data + "/recovery.signal");
  }
  postgres_server restored() const {
    return postgres_server({"shared_buffers=16MB"},
                           [this](const postgres_server& s) { put_back(s); });
  }
};

}  // namespace

TEST_CASE("a lost server comes back as it was a moment before the mistake") {
  lost_server lost;
  const postgres_server server = lost.restored();
  wait_until([&] { return server.execute("select pg_is_in_recovery()") == "f"; });
  aft::database db(server.url(), {}, lost.log, lost.time);
  db.migrate("host", {table()});  // which knows what was applied
  struct note {
    std::int64_t id;
    std::string text;
  };
  db.read([](aft::reader& r) {
    const auto notes = r.all<note>("select * from note order by id");
    REQUIRE(notes.size() == 30);
    for (int i = 0; i < 30; ++i)
      CHECK(notes[std::size_t(i)].text == "note " + std::to_string(i + 1));
  });
  write_notes(db, 31, 31);  // and goes on
}

TEST_CASE("a log that ends before the moment is no restore") {
  lost_server lost;
  // All that was written after the backup is in the last files.
  for (const auto& file : fs::directory_iterator(lost.archive)) {
    const auto name = file.path().filename().string();
    if (name.size() == 24) fs::remove(file.path());
  }
  const auto ends = [&] {
    try {
      const auto server = lost.restored();  // it may answer readers until it finds out
      wait_until([&] { return server.execute("select pg_is_in_recovery()") == "f"; });
      return false;
    } catch (const std::runtime_error& e) {
      return std::string_view(e.what()) != "waited in vain";
    }
  };
  CHECK(ends());
}

TEST_CASE("a backup that was damaged is found out") {
  lost_server lost;
  const postgres_server other(postgres_server::hasty());
  CHECK(other.run_program({"pg_verifybackup", lost.backup}));
  std::string damaged;
  for (const auto& f : fs::directory_iterator(lost.backup + "/base/1")) {
    if (f.file_size() >= 8192) damaged = f.path();
  }
  REQUIRE(!damaged.empty());
  std::fstream(damaged, std::ios::in | std::ios::out | std::ios::binary).seekp(5000).put('\x5a');
  CHECK(!other.run_program({"pg_verifybackup", lost.backup}));
}

TEST_CASE("the archive never takes another file under a name that it has") {
  temporary_folder folder;
  fs::create_directory(folder / "archive");
  std::ofstream(folder / "one") << "first";
  std::ofstream(folder / "other") << "second";
  const auto run = [&](const std::string& file) {
    auto text = archive_command(folder / "archive");
    for (auto at = text.find('%'); at != text.npos; at = text.find('%')) {
      text.replace(at, 2, text[at + 1] == 'p' ? folder / file : "segment");
    }
    return std::system(text.c_str());
  };
  CHECK(run("one") == 0);
  CHECK(run("one") == 0);  // which the server asks for where it ended before it heard
  CHECK(run("other") != 0);
  std::string kept;
  std::ifstream(folder / "archive/segment") >> kept;
  CHECK(kept == "first");
}

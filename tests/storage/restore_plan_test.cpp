// What a restore that broke off may have left, and others have done to it since; the calls that it
// can be killed at are those of tests/faults/restore_kill_test.cpp.

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include <aft/storage/backup.hpp>

#include "storage/durable_file.hpp"
#include "storage/sqlite/restore_plan.hpp"

#include "../temporary_file.hpp"
#include "../test_key.hpp"

namespace {

namespace fs = std::filesystem;
using aft::storage::inode_of;
using aft::storage::take_back_restore;

std::string bytes_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}
void put_bytes(const std::string& path, const std::string& bytes) {
  fs::create_directories(fs::path(path).parent_path());
  std::ofstream(path, std::ios::binary) << bytes;
}

// A restore over "old", which was too broken for its log, and its files.
struct broken_off_fixture {
  temporary_folder folder;
  const fs::path top = fs::canonical(folder / "."), place = top / "srv";
  const std::string file = (place / "notes.db").string(), note = file + ".restoring";
  const std::string fresh = file + ".restoring-a1B2c3/database", previous = file + ".before";
  const std::string files = (place / "uploads").string(), previous_files = files + ".before";
  const std::string fresh_files = files + ".restoring-a1B2c3/files";
  std::uint64_t inode = 0, inode_of_files = 0;

  // Killed when both were placed.
  broken_off_fixture() {
    put_bytes(file, "new");
    put_bytes(previous, "old");
    put_bytes(previous + "-wal", "log of old");
    put_bytes(files + "/a", "new a");
    put_bytes(previous_files + "/a", "old a");
    inode = inode_of(file), inode_of_files = inode_of(files);
    write_note(0);
  }
  void write_note(std::int64_t newest_file) {
    std::string text = "aft restore 1";
    for (const auto& field :
         {fresh, file, previous, std::to_string(inode), fresh_files, files, previous_files,
          std::to_string(inode_of_files), previous + "-wal", std::to_string(newest_file)}) {
      text += '\0' + field;
    }
    put_bytes(note, text);
  }
  std::string refused() { return refused(file); }
  static std::string refused(const std::string& database) {
    try {
      take_back_restore(database);
    } catch (const aft::storage_error& e) {
      CHECK(e.fault() == aft::storage_fault::corrupt);
      return e.what();
    }
    return "nothing was thrown";
  }
  static bool tells(const std::string& why, const std::string& part) {
    CAPTURE(why);
    return why.find(part) != why.npos;
  }
  static void write_later(const std::string& path, const std::string& bytes) {
    put_bytes(path, bytes);
    fs::last_write_time(path, fs::last_write_time(path) + std::chrono::seconds(1));
  }
};

}  // namespace

TEST_CASE_FIXTURE(broken_off_fixture, "a restore that broke off is taken back with its log") {
  take_back_restore(file);
  CHECK(bytes_of(file) == "old");
  CHECK(bytes_of(file + "-wal") == "log of old");
  CHECK(bytes_of(files + "/a") == "old a");
  CHECK(std::distance(fs::directory_iterator(place), fs::directory_iterator()) == 3);
}

TEST_CASE_FIXTURE(broken_off_fixture, "what was taken back by halves is taken back to its end") {
  fs::rename(previous, file);  // and the new one went with its scratch directory
  fs::rename(previous + "-wal", file + "-wal");
  take_back_restore(file);
  CHECK(bytes_of(file) == "old");
  CHECK(bytes_of(file + "-wal") == "log of old");
  CHECK(bytes_of(files + "/a") == "old a");
  CHECK(!fs::exists(note));
}

TEST_CASE_FIXTURE(broken_off_fixture, "files may be of a file system whose clock is ahead") {
  const auto hour = std::chrono::hours(1);
  fs::last_write_time(files + "/a", fs::last_write_time(files + "/a") + hour);
  CHECK(tells(refused(), "something was written since"));
  write_note((std::chrono::file_clock::to_sys(fs::last_write_time(files + "/a")))
                 .time_since_epoch()
                 .count());
  take_back_restore(file);
  CHECK(bytes_of(files + "/a") == "old a");
}

TEST_CASE_FIXTURE(broken_off_fixture, "a restore whose files are nowhere is not taken back") {
  SUBCASE("another database is there") {
    fs::rename(file, top / "elsewhere");
    put_bytes(file, "another");
    CHECK(tells(refused(), "files were moved since"));
    CHECK(bytes_of(file) == "another");
  }
  SUBCASE("another directory of files is there") {
    fs::rename(files, top / "elsewhere");
    put_bytes(files + "/a", "another a");
    CHECK(tells(refused(), "files were moved since"));
    CHECK(bytes_of(files + "/a") == "another a");
  }
  SUBCASE("the previous database was put back without its log") {
    fs::rename(previous, file);
    CHECK(tells(refused(), "files were moved since"));
    CHECK(bytes_of(file) == "old");
  }
  SUBCASE("the previous database is gone") {
    fs::rename(previous, top / "elsewhere");
    CHECK(tells(refused(), "files were moved since"));
    CHECK(bytes_of(file) == "new");
  }
  CHECK(fs::exists(note));
  CHECK(bytes_of(previous + "-wal") == "log of old");
  CHECK(!fs::exists(file + "-wal"));
}

TEST_CASE_FIXTURE(broken_off_fixture, "a log is not put beside a database that it is not of") {
  fs::create_directories(fs::path(fresh).parent_path());
  fs::rename(file, fresh);
  put_bytes(file, "another");
  fs::last_write_time(file, fs::last_write_time(note) - std::chrono::hours(1));
  take_back_restore(file);
  CHECK(bytes_of(file) == "another");
  CHECK(!fs::exists(file + "-wal"));
  CHECK(bytes_of(previous) == "old");
  CHECK(bytes_of(previous + "-wal") == "log of old");
}

TEST_CASE_FIXTURE(broken_off_fixture, "a restore from an archive first takes back what broke off") {
  aft::manual_clock time{aft::time_point(aft::seconds(1'769'860'800))};
  aft::logger log;
  const auto archive = (top / "archive").string();
  {
    const auto source = (top / "source.db").string();
    aft::database db(source, {.archive = {.directory = archive}, .key = test_key()}, log, time);
    db.migrate("host", {{"001", "create table note (id integer primary key) strict"}});
  }
  fs::create_directories(fs::path(fresh).parent_path());
  fs::rename(file, fresh);
  fs::create_hard_link(previous, file);
  const auto done = aft::restore_archive(archive, file, time, {}, {.database_key = test_key()});
  CHECK(bytes_of(done.previous) == "old");
  CHECK(bytes_of(done.previous + "-wal") == "log of old");
  CHECK(bytes_of(files + "/a") == "old a");
  CHECK(!fs::exists(note));
  CHECK(!fs::exists(fs::path(fresh).parent_path()));
}

TEST_CASE_FIXTURE(broken_off_fixture, "a note is of the database that it lies beside") {
  const auto copy = top / "copy";
  fs::copy(place, copy, fs::copy_options::recursive);
  CHECK(tells(refused((copy / "notes.db").string()), "files were moved since"));
  CHECK(bytes_of(file) == "new");
  CHECK(fs::exists(note));
  CHECK(fs::exists(copy / "notes.db.restoring"));
  SUBCASE("by another way, too") {
    const auto link = (top / "link").string();
    fs::create_directory_symlink(place, link);
    take_back_restore(link + "/notes.db");
    CHECK(bytes_of(file) == "old");
  }
}

TEST_CASE_FIXTURE(broken_off_fixture, "what was written since is not taken back") {
  SUBCASE("to the database") { write_later(file, "new and more"); }
  SUBCASE("to its log") { put_bytes(file + "-wal", "log of new"); }
  SUBCASE("to the files") { write_later(files + "/deep/b", "new b"); }
  SUBCASE("to the old database, with the new files") {
    fs::create_directories(fs::path(fresh).parent_path());
    fs::rename(file, fresh);
    fs::create_hard_link(previous, file);
    write_later(file, "old and more");
  }
  const auto before = bytes_of(file), log = bytes_of(file + "-wal"),
             b = bytes_of(files + "/deep/b");
  CHECK(tells(refused(), "something was written since"));
  CHECK(fs::exists(note));
  CHECK(bytes_of(file) == before);
  CHECK(bytes_of(file + "-wal") == log);
  CHECK(bytes_of(files + "/a") == "new a");
  CHECK(bytes_of(files + "/deep/b") == b);
}

TEST_CASE_FIXTURE(broken_off_fixture, "the log that undoing has put back goes with its database") {
  // The two have exchanged their names, and the log is of what got the place.
  std::string text = "aft restore 1";
  for (const auto& field :
       {previous, file, previous, std::to_string(inode), std::string(), std::string(),
        std::string(), std::string("0"), previous + "-wal", std::string("0")}) {
    text += '\0' + field;
  }
  fs::rename(previous + "-wal", file + "-wal");
  fs::last_write_time(file + "-wal", fs::last_write_time(file));
  put_bytes(note, text);
  take_back_restore(file);
  CHECK(bytes_of(file) == "old");
  CHECK(bytes_of(previous) == "new");
  CHECK(bytes_of(previous + "-wal") == "log of old");
}

TEST_CASE("who opens a database waits until another has taken a restore of it back") {
  temporary_folder folder;
  aft::manual_clock time{aft::time_point(aft::seconds(1'769'860'800))};
  aft::logger log;
  const auto file = folder / "notes.db", note = file + ".restoring";
  put_bytes(note, "at work");
  auto at_work = aft::storage::durable_file::open(note);
  REQUIRE(at_work.lock());
  CHECK_THROWS_AS(take_back_restore(file), aft::storage_error);
  auto descriptors = [&] {
    std::size_t n = 0;
    std::error_code closed;
    for (const auto& fd : fs::directory_iterator("/proc/self/fd")) {
      n += fs::read_symlink(fd.path(), closed) == fs::path(note);
    }
    return n;
  };
  std::atomic<bool> ended = false;
  std::string why;
  std::thread opens([&] {
    try {
      aft::database(file, {.busy_timeout = aft::seconds(60), .key = test_key()}, log, time);
    } catch (const aft::error& e) {
      why = e.what();
    }
    ended = true;
  });
  while (descriptors() == 1 && !ended) std::this_thread::yield();
  fs::remove(note);
  at_work = {};
  opens.join();
  CHECK(why == "");
}

TEST_CASE("the note of a restore that root has done is in nobody's way") {
  if (::geteuid() != 0) return;
  temporary_folder folder;
  const auto file = folder / "notes.db", note = file + ".restoring";
  put_bytes(note, "");
  fs::permissions(note, fs::perms(0600));
  auto take_back_as_another = [&] {
    const auto child = ::fork();
    if (child == 0) {
      if (::setuid(65534) != 0) ::_exit(2);
      try {
        take_back_restore(file);
      } catch (const aft::storage_error&) {
        ::_exit(1);
      }
      ::_exit(0);
    }
    int status = -1;
    ::waitpid(child, &status, 0);
    return status;
  };
  fs::permissions(folder / ".", fs::perms(0755));
  CHECK(take_back_as_another() == 0);
  CHECK(fs::exists(note));
  fs::permissions(folder / ".", fs::perms(0777));
  CHECK(take_back_as_another() == 0);
  CHECK(!fs::exists(note));
}

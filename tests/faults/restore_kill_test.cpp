// Kills a restore of a database with its files, and the undoing of one, before each call that
// changes what lies on the disk, and looks at what is left; and has each of these calls fail.
//
//   restore_kill_test   by default before each call that changes names, or waits for the disk; with
//                       AFT_LONG set before each write, too, and more often twice
//
// The database and the files must each be the old or the new ones as a whole, at any moment; both
// of the same age once the database was opened, or the restore done again, though that was killed,
// too; the old ones must be found under the name that is told; and nothing else may be left. Then
// what happens between two calls, by another process, or on a file system without locks.

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <aft/aft.hpp>

#include "storage/durable_file.hpp"
#include "storage/sqlite/raw_file.hpp"
#include "storage/sqlite/rebuild.hpp"

#include "../sanitized.hpp"
#include "../temporary_file.hpp"
#include "../test_key.hpp"

// ---- the calls, counted

namespace {

namespace fs = std::filesystem;

struct call {
  std::string what;
  std::string path;
};

bool counts_calls = false, counts_writes = false;
long calls_left = 0;
bool fails = false;                 // when none is left; else the process is killed then
std::vector<call>* seen = nullptr;  // if not null, neither
int (*before_lock)() = nullptr;     // if not null: the error that a lock ends with, or 0
void (*before_unlink)() = nullptr;

// Whether it shall fail.
bool about_to(const char* what, std::string path) {
  if (!counts_calls) return false;
  if (seen) return seen->push_back({what, std::move(path)}), false;
  if (calls_left-- != 0) return false;
  if (!fails) ::kill(::getpid(), SIGKILL);
  errno = EIO;
  return true;
}
bool about_to_write() { return counts_writes && about_to("write", ""); }
std::string path_of(int fd) {
  char path[4096];
  const auto size = ::readlink(("/proc/self/fd/" + std::to_string(fd)).c_str(), path, sizeof path);
  return size < 0 ? "" : std::string(path, std::size_t(size));
}
bool about_to_sync(int fd) { return counts_calls && about_to("sync", path_of(fd)); }
template <class... As>
int do_call(long number, As... as) {
  return int(::syscall(number, as...));
}

}  // namespace

extern "C" {
int rename(const char* from, const char* to) noexcept {
  if (about_to("rename", to)) return -1;
  return do_call(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}
int renameat2(int from_at, const char* from, int to_at, const char* to,
              unsigned int flags) noexcept {
  if (about_to("rename", to)) return -1;
  return do_call(SYS_renameat2, from_at, from, to_at, to, flags);
}
int link(const char* from, const char* to) noexcept {
  if (about_to("link", to)) return -1;
  return do_call(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0);
}
int unlink(const char* path) noexcept {
  if (about_to("unlink", path)) return -1;
  return do_call(SYS_unlinkat, AT_FDCWD, path, 0);
}
int unlinkat(int at, const char* path, int flags) noexcept {
  if (before_unlink) before_unlink();
  if (about_to("unlink", path)) return -1;
  return do_call(SYS_unlinkat, at, path, flags);
}
int rmdir(const char* path) noexcept {
  if (about_to("unlink", path)) return -1;
  return do_call(SYS_unlinkat, AT_FDCWD, path, AT_REMOVEDIR);
}
int mkdir(const char* path, mode_t mode) noexcept {
  if (about_to("mkdir", path)) return -1;
  return do_call(SYS_mkdirat, AT_FDCWD, path, mode);
}
int chmod(const char* path, mode_t mode) noexcept {
  if (about_to("chmod", path)) return -1;
  return do_call(SYS_fchmodat, AT_FDCWD, path, mode);
}
int flock(int fd, int operation) noexcept {
  const int error = before_lock ? before_lock() : 0;
  if (error) return errno = error, -1;
  return do_call(SYS_flock, fd, operation);
}
// Nobody waits for the disk: what was written outlives the process.
int fsync(int fd) { return about_to_sync(fd) ? -1 : 0; }
int fdatasync(int fd) { return about_to_sync(fd) ? -1 : 0; }
ssize_t write(int fd, const void* from, size_t size) {
  if (about_to_write()) return -1;
  return ::syscall(SYS_write, fd, from, size);
}
ssize_t pwrite(int fd, const void* from, size_t size, off_t at) {
  if (about_to_write()) return -1;
  return ::syscall(SYS_pwrite64, fd, from, size, at);
}
ssize_t pwrite64(int fd, const void* from, size_t size, off64_t at) {
  if (about_to_write()) return -1;
  return ::syscall(SYS_pwrite64, fd, from, size, at);
}
int ftruncate(int fd, off_t size) noexcept {
  if (about_to_write()) return -1;
  return do_call(SYS_ftruncate, fd, size);
}
int ftruncate64(int fd, off64_t size) noexcept {
  if (about_to_write()) return -1;
  return do_call(SYS_ftruncate, fd, size);
}
}

// ---- what is restored

namespace {

enum class age { none, old, fresh, mixed };
const char* const words_for[] = {"nothing", "the old one", "the new one", "a mixture"};

using texts = std::vector<std::string>;
using contents = std::map<std::string, std::string>;

const texts old_rows{"old 1", "old 2", "old 3, in the log"}, new_rows{"new 1", "new 2"};
const contents old_files{{"a", "old a"}, {"deep/er/b", "old b"}, {"of-old", "x"}};
const contents new_files{{"a", "new a"}, {"deep/er/b", "new b"}, {"of-new", "x"}};

int failures = 0;
std::string during;  // for what is printed

void expect(bool holds, const std::string& what) {
  if (holds) return;
  ++failures;
  std::printf("%s: %s\n", during.c_str(), what.c_str());
}

std::string content_of(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void put_files(const fs::path& place, const contents& files) {
  for (const auto& [path, content] : files) {
    fs::create_directories((place / path).parent_path());
    std::ofstream(place / path, std::ios::binary) << content;
  }
}

struct scene {
  temporary_folder folder;
  aft::logger log;
  aft::manual_clock time{aft::time_point(aft::seconds(1'769'860'800))};  // 2026-01-31T12:00:00Z
  const fs::path top = fs::canonical(folder / "."), start = top / "start", run = top / "run";
  const std::string file = (run / "data.db").string();
  const std::string files = (run / "beside/uploads").string();
  const std::string suffix = ".before-2026-01-31T120000Z";
  std::string backup{};
  std::string broken{};  // what the old database is then
  aft::restored done{};  // what is undone
  std::set<std::string> logs_kept{};

  scene() {
    put_files(start / "beside/uploads", old_files);
    put_files(top / "source-files", new_files);
    {
      aft::database source((top / "source.db").string(), {.key = test_key()}, log, time);
      add(source, new_rows);
      backup = aft::backup_to(source, (top / "backups").string(),
                              {.files = (top / "source-files").string()})
                   .path;
    }
    // With a log, as a crash leaves it.
    aft::database old((top / "old.db").string(), {.key = test_key()}, log, time);
    add(old, old_rows);
    fs::copy_file(top / "old.db", start / "data.db");
    fs::copy_file(top / "old.db-wal", start / "data.db-wal");
  }
  static void add(aft::database& db, const texts& rows) {
    db.migrate("host", {{"001", "create table note (id integer primary key, text text) strict"}});
    for (const auto& row : rows) {
      db.write(
          [&](aft::transaction& tx) { tx.execute("insert into note (text) values ($1)", row); });
    }
  }

  void begin_anew() const {
    fs::remove_all(run);
    fs::copy(start, run, fs::copy_options::recursive);
  }
  aft::restored restore() const {
    return aft::restore_backup(backup, file, time, {.database_key = test_key(), .files = files});
  }
  void open() { aft::database(file, {.key = test_key()}, log, time); }

  age age_of_database(const std::string& path) const {
    if (!fs::exists(path)) return age::none;
    if (!broken.empty() && content_of(path) == broken) return age::old;
    const auto look = top / "look";  // the file itself is left as it is
    fs::remove_all(look);
    fs::create_directories(look);
    fs::copy_file(path, look / "x");
    if (fs::exists(path + "-wal")) fs::copy_file(path + "-wal", look / "x-wal");
    try {
      using namespace aft::storage;
      raw_file copy((look / "x").string(), raw_access::write, test_key());
      if (!find_faults(copy).empty()) return age::mixed;
      texts rows;
      for (const auto& row : copy.rows("select text from note order by id")) rows.push_back(row[0]);
      return rows == old_rows ? age::old : rows == new_rows ? age::fresh : age::mixed;
    } catch (const aft::error&) {
      return age::mixed;
    }
  }
  static age age_of_files(const std::string& place) {
    if (!fs::exists(place)) return age::none;
    contents found;
    for (const auto& entry : fs::recursive_directory_iterator(place)) {
      if (!entry.is_regular_file()) continue;
      found[entry.path().lexically_relative(place).string()] = content_of(entry.path());
    }
    return found == old_files ? age::old : found == new_files ? age::fresh : age::mixed;
  }
  std::set<std::string> entries() const {
    std::set<std::string> names;
    for (const auto& place : {run, run / "beside"}) {
      for (const auto& entry : fs::directory_iterator(place)) {
        names.insert(entry.path().filename().string());
      }
    }
    names.erase("beside");
    return names;
  }
  // An empty note is of what was done.
  bool is_noted() const { return !content_of(file + ".restoring").empty(); }
};

// Whether it was killed. What it throws is a failure.
bool killed_before(long nth, const std::function<void()>& doing) {
  std::fflush(stdout);
  const auto process = ::fork();
  if (process == 0) {
    calls_left = nth;
    counts_calls = true;
    try {
      doing();
    } catch (const std::exception& e) {
      std::fprintf(stderr, "%s\n", e.what());
      ::_exit(1);
    }
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(process, &status, 0);
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) return true;
  expect(WIFEXITED(status) && WEXITSTATUS(status) == 0, "it failed");
  return false;
}

void expect_age(age is, age one, age other, const std::string& what) {
  expect(is == one || is == other, what + ": there is " + words_for[int(is)]);
}

// What it was killed in leaves both of the ages `before` and `after` as a whole; and if not both of
// the same, a note of it. The one of them that is there once this was taken back.
age look_at(scene& s, age before, age after, const std::function<void()>& mend) {
  const auto database = s.age_of_database(s.file), files = scene::age_of_files(s.files);
  expect_age(database, before, after, "the database");
  expect_age(files, before, after, "the files");
  const bool noted = s.is_noted();
  if (!noted) expect(database == files, "one of the two is new, and no note tells of it");
  mend();
  expect(!fs::exists(s.file + ".restoring"), "the note is still there");
  const auto mended = s.age_of_database(s.file);
  expect(mended == (noted ? before : database), "it was not taken back as a whole");
  expect(scene::age_of_files(s.files) == mended, "the files are not of the database");
  return mended;
}

void expect_entries(const scene& s, std::set<std::string> names) {
  names.merge(std::set<std::string>(s.logs_kept));
  for (const auto& name : s.entries()) {
    expect(names.erase(name) == 1, "there is still a " + name);
  }
  for (const auto& name : names) expect(false, "there is no " + name);
}

// It can be done again, and undone; and no more is left than if it had never been killed. `was` is
// what is there.
void restore_again(scene& s, age before, age was) {
  const auto again = s.restore();
  expect(s.age_of_database(s.file) == age::fresh, "the database is not restored");
  expect(scene::age_of_files(s.files) == age::fresh, "the files are not restored");
  std::set<std::string> names{"data.db", "uploads"};
  if (before != age::none || was != age::none) {
    expect(s.age_of_database(again.previous) == was, "the previous database is lost");
    expect(scene::age_of_files(again.previous_files) == was, "the previous files are lost");
    names.insert({"data.db" + s.suffix, "uploads" + s.suffix});
  }
  if (before != age::none && was != before) {  // it had been done
    expect(s.age_of_database(s.file + s.suffix) == before, "the old database is lost");
    expect(scene::age_of_files(s.files + s.suffix) == before, "the old files are lost");
    names.insert({"data.db" + s.suffix + "-2", "uploads" + s.suffix + "-2"});
  }
  if (!again.previous.empty()) {
    aft::undo_restore(again, test_key());
    expect(s.age_of_database(s.file) == was, "it cannot be undone");
    expect(scene::age_of_files(s.files) == was, "the files are not back");
  }
  expect_entries(s, std::move(names));
}

// ---- what is killed

using deed = std::function<void()>;

// Of so many kills one is followed by others, while it is taken back.
long step() {
  if (counts_writes) return 1;
  return is_sanitized ? 12 : 3;
}

// How often. Each time `after_kill` looks at what is left; then the deed is done anew, to be killed
// before the next call.
int kill_at_each_call(const std::string& what, const deed& prepare, const deed& doing,
                      const deed& after_kill) {
  for (long nth = 0;; ++nth) {
    during = what + ", killed before call " + std::to_string(nth);
    prepare();
    if (!killed_before(nth, doing)) return int(nth);
    after_kill();
  }
}

// The same for taking back, where `doing` was killed before.
int kill_twice(const std::string& what, scene& s, const deed& prepare, const deed& doing,
               age before, age after) {
  int kills = 0;
  for (long nth = 0;; ++nth) {
    prepare();
    if (!killed_before(nth, doing)) return kills;
    if (!s.is_noted() || nth % step()) continue;
    const auto take_back = [&s] { aft::storage::take_back_restore(s.file); };
    kills += kill_at_each_call(
        what + ", killed before call " + std::to_string(nth) + "; taking it back",
        [&] { prepare(), killed_before(nth, doing); }, take_back,
        [&] {
          const auto was = look_at(s, before, after, take_back);
          if (before == age::old) restore_again(s, before, was);
        });
  }
}

int kill_restore(scene& s) {
  const auto prepare = [&] { s.begin_anew(); };
  const auto doing = [&] { static_cast<void>(s.restore()); };
  int kills = kill_at_each_call("restore", prepare, doing, [&] {
    restore_again(s, age::old, look_at(s, age::old, age::fresh, [&] { s.open(); }));
  });
  kill_at_each_call("restore, done again at once", prepare, doing, [&] {
    const auto database = s.age_of_database(s.file);
    restore_again(s, age::old, s.is_noted() ? age::old : database);
  });
  return 2 * kills + kill_twice("restore", s, prepare, doing, age::old, age::fresh);
}

int kill_restore_into_nothing(scene& s) {
  const auto prepare = [&] { fs::remove_all(s.run), fs::create_directories(s.run / "beside"); };
  const auto doing = [&] { static_cast<void>(s.restore()); };
  return kill_at_each_call("restore into nothing", prepare, doing, [&] {
    const auto was =
        look_at(s, age::none, age::fresh, [&] { aft::storage::take_back_restore(s.file); });
    restore_again(s, age::none, was);
  });
}

// Of a database that is too broken for its log.
int kill_restore_over_broken(scene& s) {
  const std::string log = "some log";
  s.broken = std::string(8192, 'x');
  const auto prepare = [&] {
    s.begin_anew();
    std::ofstream(s.file, std::ios::binary) << s.broken;
    std::ofstream(s.file + "-wal", std::ios::binary) << log;
  };
  const auto expect_log = [&](const std::string& of) {
    if (s.age_of_database(of) != age::old) return;
    expect(content_of(of + "-wal") == log, "the broken database has lost its log");
  };
  const auto take_back = [&s] { aft::storage::take_back_restore(s.file); };
  const auto doing = [&] { s.done = s.restore(); };
  int kills = kill_at_each_call("restore over a broken one", prepare, doing, [&] {
    const auto was = look_at(s, age::old, age::fresh, take_back);
    expect_log(was == age::old ? s.file : s.file + s.suffix);
    doing();
    expect(s.age_of_database(s.file) == age::fresh, "the database is not restored");
    expect_log(s.file + s.suffix);
  });
  kills += kill_at_each_call(
      "undo of a restore over a broken one", [&] { prepare(), doing(); },
      [&] { aft::undo_restore(s.done, test_key()); },
      [&] {
        const auto was = look_at(s, age::fresh, age::old, take_back);
        if (was == age::fresh) aft::undo_restore(s.done, test_key());
        expect(s.age_of_database(s.file) == age::old, "it is not undone");
        expect_log(s.file);
      });
  for (long nth = 0;; ++nth) {
    prepare();
    if (!killed_before(nth, doing)) break;
    if (!s.is_noted() || (is_sanitized && nth % step())) continue;
    kills += kill_at_each_call(
        "restore over a broken one, killed before call " + std::to_string(nth) + "; taking it back",
        [&] { prepare(), killed_before(nth, doing); }, take_back,
        [&] {
          look_at(s, age::old, age::fresh, take_back);
          expect_log(s.file);
          doing();
          expect_log(s.file + s.suffix);
          expect_entries(s, {"data.db", "uploads", "data.db" + s.suffix, "uploads" + s.suffix,
                             "data.db" + s.suffix + "-wal"});
        });
  }
  s.broken.clear();
  return kills;
}

// What it throws has changed nothing, or is taken back; and what it does not throw did no harm.
int fail_at_each_call(const std::string& what, scene& s, const deed& prepare, const deed& doing,
                      age before, age after) {
  for (long nth = 0;; ++nth) {
    during = what + ", failed at call " + std::to_string(nth);
    prepare();
    bool thrown = false;
    calls_left = nth;
    fails = counts_calls = true;
    try {
      doing();
    } catch (const aft::storage_error&) {
      thrown = true;
    }
    fails = counts_calls = false;
    if (calls_left >= 0) return int(nth);
    const auto is = look_at(s, before, after, [&s] { aft::storage::take_back_restore(s.file); });
    s.logs_kept.clear();  // where it could not be taken in
    if (fs::exists(s.file + s.suffix + "-wal")) s.logs_kept.insert("data.db" + s.suffix + "-wal");
    if (thrown) expect(is == before, "it was thrown, but is done");
    if (!thrown) expect(is == after, "nothing was thrown, but it is not done");
    if (before == age::old) restore_again(s, before, is);
  }
}

int fail(scene& s) {
  const auto restore = [&] { s.done = s.restore(); };
  return fail_at_each_call(
             "restore", s, [&] { s.begin_anew(); }, restore, age::old, age::fresh) +
         fail_at_each_call(
             "undo", s, [&] { s.begin_anew(), restore(); },
             [&] { aft::undo_restore(s.done, test_key()); }, age::fresh, age::old);
}

int kill_undo(scene& s) {
  const auto prepare = [&] { s.begin_anew(), s.done = s.restore(); };
  const auto doing = [&] { aft::undo_restore(s.done, test_key()); };
  const int kills = kill_at_each_call("undo", prepare, doing, [&] {
    if (look_at(s, age::fresh, age::old, [&] { s.open(); }) == age::fresh) doing();
    expect(s.age_of_database(s.file) == age::old, "it is not undone");
    expect(scene::age_of_files(s.files) == age::old, "the files are not back");
    expect(s.age_of_database(s.done.previous) == age::fresh, "what was restored is lost");
    expect(scene::age_of_files(s.done.previous_files) == age::fresh, "its files are lost");
    doing(), doing();  // which clears, too
    expect_entries(s, {"data.db", "uploads", "data.db" + s.suffix, "uploads" + s.suffix});
  });
  return kills + kill_twice("undo", s, prepare, doing, age::fresh, age::old);
}

// ---- the order, for when the power goes: what is not waited for may be lost

void look_at_order(scene& s, const std::string& what, const deed& doing) {
  during = what;
  std::vector<call> calls;
  seen = &calls;
  counts_calls = true;
  doing();
  counts_calls = false;
  seen = nullptr;
  const auto note = s.file + ".restoring";
  const auto at = [&](const std::string& kind, const std::string& path, std::size_t from) {
    while (from < calls.size() && !(calls[from].what == kind && calls[from].path == path)) ++from;
    return from;
  };
  const auto noted = at("rename", note, 0), ended = at("sync", note, 0);
  expect(at("sync", s.run.string(), noted) < at("rename", s.files, 0), "the note may be lost");
  expect(noted < at("rename", s.files + s.suffix, 0), "the files are renamed before the note");
  for (const auto& place : {s.file, s.files}) {
    auto placed = ended;  // the last that had to do with it
    while (placed > noted &&
           !(calls[placed].what == "rename" &&
             (calls[placed].path == place || calls[placed].path == place + s.suffix))) {
      --placed;
    }
    expect(placed > noted, place + " is not placed");
    expect(at("sync", fs::path(place).parent_path().string(), placed) < ended,
           place + " may be lost, and the note is not there any more");
  }
}

// ---- others in between

std::string left_over;

void look_at_left_over() {
  aft::storage::durable_file other;
  try {
    other = aft::storage::durable_file::open(left_over);
  } catch (const aft::storage_error&) {
    return;  // it is gone
  }
  before_unlink = nullptr;
  expect(!other.lock(), "it is not locked");
}

void remove_what_is_left(const scene& s) {
  during = "removing what is left";
  left_over = (s.top / "left-a1B2c3").string();
  fs::create_directories(left_over + "/deep");
  before_unlink = look_at_left_over;
  aft::storage::remove_left_over((s.top / "left-").string());
  expect(before_unlink == nullptr, "nobody has looked");
  before_unlink = nullptr;
  expect(!fs::exists(left_over), "it is still there");
}

void lock_where_there_are_no_locks(const scene& s) {
  during = "a file system without locks";
  static int locks;
  locks = 0;
  before_lock = [] { return ++locks < 10 ? ENOLCK : 0; };
  const aft::storage::scratch_directory scratch((s.top / "scratch-").string());
  before_lock = nullptr;
  expect(locks == 1, "it has tried " + std::to_string(locks) + " directories");
}

void kill_with_both_placed(const scene& s) {
  for (long nth = 0;; ++nth) {
    s.begin_anew();
    if (!killed_before(nth, [&] { static_cast<void>(s.restore()); })) {
      return expect(false, "never killed with both placed");
    }
    if (s.is_noted() && s.age_of_database(s.file) == age::fresh) return;
  }
}

void open_at_once(scene& s) {
  during = "several who open it at once";
  for (int round = 0; round < 5; ++round) {
    kill_with_both_placed(s);
    std::fflush(stdout);
    std::vector<pid_t> processes;
    for (int i = 0; i < 4; ++i) {
      processes.push_back(::fork());
      if (processes.back() != 0) continue;
      try {
        s.open();
      } catch (const std::exception& e) {
        std::fprintf(stderr, "%s\n", e.what());
        ::_exit(1);
      }
      ::_exit(0);
    }
    for (const auto process : processes) {
      int status = 0;
      ::waitpid(process, &status, 0);
      expect(status == 0, "one of them failed");
    }
    expect(s.age_of_database(s.file) == age::old, "it was not taken back");
  }
}

// A restore has ended, and the next one is at work, when its note is locked by who has found it.
void end_before_it_is_locked(scene& s) {
  during = "a note that is another's once it is locked";
  kill_with_both_placed(s);
  static std::string note, of_another;
  note = s.file + ".restoring", of_another = note + "-another";
  fs::rename(note, of_another);
  std::ofstream(note).flush();  // of the one that has ended
  auto at_work = aft::storage::durable_file::open(of_another);
  expect(at_work.lock(), "it cannot be locked");
  before_lock = [] {
    before_lock = nullptr;
    fs::rename(of_another, note);
    return 0;
  };
  try {
    aft::storage::take_back_restore(s.file);
    expect(false, "nothing was thrown");
  } catch (const aft::storage_error& e) {
    expect(e.fault() == aft::storage_fault::busy, e.what());
  }
  expect(s.age_of_database(s.file) == age::fresh, "a restore at work was taken back");
  expect(s.is_noted(), "its note is gone");
}

}  // namespace

int main() {
  const bool is_long = std::getenv("AFT_LONG") != nullptr;
  counts_writes = is_long;
  scene s;
  s.begin_anew();
  look_at_order(s, "the order of a restore", [&] { s.done = s.restore(); });
  look_at_order(s, "the order of undoing", [&] { aft::undo_restore(s.done, test_key()); });
  const int kills =
      kill_restore(s) + kill_restore_into_nothing(s) + kill_restore_over_broken(s) + kill_undo(s);
  const int faults = fail(s);
  remove_what_is_left(s);
  lock_where_there_are_no_locks(s);
  open_at_once(s);
  end_before_it_is_locked(s);
  std::printf("%d kills, %d calls that failed, %d failures\n", kills, faults, failures);
  return failures || kills < 100 ? 1 : 0;
}

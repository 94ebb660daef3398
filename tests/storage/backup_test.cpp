#include <aft/storage/backup.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <thread>

#include <doctest/doctest.h>
#include <sqlite3.h>

#include <aft/ground/digest.hpp>
#include <aft/ground/encoding.hpp>
#include <aft/ground/json.hpp>

#include "storage/backup_set.hpp"
#include "storage/backup_stream.hpp"
#include "storage/sqlite/raw_file.hpp"
#include "storage_fixture.hpp"

namespace {

namespace fs = std::filesystem;
using aft::storage_fault;

const std::string key_bytes(32, 'k');

std::string content_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}
void put_content(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

// With the key of this run's files.
aft::restored restore(const std::string& path, const std::string& file, const aft::clock& time,
                      aft::restore_options options = {}) {
  options.database_key = test_key();
  return aft::restore_backup(path, file, time, options);
}
aft::backup_check verify(const std::string& path, const aft::backup_key& key,
                         const aft::clock& time) {
  return aft::verify_backup(path, key, time, {}, test_key());
}
aft::storage::raw_file open_elsewhere(const std::string& file) {
  using aft::storage::raw_access;
  return {file, raw_access::write, test_key(), aft::seconds(0)};
}
void undo(const aft::restored& r) { aft::undo_restore(r, test_key()); }

// SQLite's alone, whatever engine this run is of.
struct backup_fixture {
  temporary_folder folder;
  aft::manual_clock time{aft::time_point(aft::seconds(1'769'860'800))};  // 2026-01-31T12:00:00Z
  aft::logger log;
  aft::database db{folder / "test.db", {.key = test_key()}, log, time};
  std::string backups = folder / "backups";

  backup_fixture() {
    db.migrate("host", {{"001", "create table note (id integer primary key, text text) strict"}});
  }
  void add(const std::string& text) {
    db.write(
        [&](aft::transaction& tx) { tx.execute("insert into note (text) values ($1)", text); });
  }
  static std::vector<std::string> texts(aft::database& from) {
    return from.read(
        [](aft::reader& r) { return r.all<std::string>("select text from note order by id"); });
  }
  std::vector<std::string> texts_of_file(const std::string& file) {
    aft::database there(file, {.key = test_key()}, log, time);
    return texts(there);
  }
  std::size_t entries(const std::string& place) {
    if (!fs::exists(place)) return 0;
    return std::size_t(std::distance(fs::directory_iterator(place), fs::directory_iterator()));
  }
};

template <class F>
std::string thrown_by(storage_fault fault, F&& f) {
  try {
    f();
  } catch (const aft::storage_error& e) {
    CHECK(e.fault() == fault);
    return e.what();
  }
  return "nothing was thrown";
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != text.npos;
}

const aft::backup_options kinds[] = {
    {.name = "plain", .compress = false},
    {.name = "packed"},
    {.name = "sealed", .key = {.bytes = key_bytes}, .compress = false},
    {.name = "both", .key = {.bytes = key_bytes}},
};

}  // namespace

TEST_CASE_FIXTURE(backup_fixture, "a backup restores to what was committed before it") {
  add("one");
  add("two");
  for (const auto& kind : kinds) {
    const std::string name = kind.name;
    CAPTURE(name);
    const auto made = aft::backup_to(db, backups, kind);
    CHECK(made.path == backups + "/" + name);
    const auto check = verify(made.path, kind.key, time);
    for (const auto& wrong : check.wrong) MESSAGE(wrong);
    CHECK(check.sound());
    CHECK(check.checked.size() >= 4);
    const auto file = folder / (name + ".db");
    const auto done = restore(made.path, file, time, {.key = kind.key});
    CHECK(done.previous == "");
    CHECK(texts_of_file(file) == std::vector<std::string>{"one", "two"});
  }
  add("three");  // the source goes on
  CHECK(texts(db).size() == 3);
}

TEST_CASE_FIXTURE(backup_fixture, "the manifest says what is in a backup") {
  add("one");
  const auto made =
      aft::backup_to(db, backups, {.application = "notes", .application_version = "1.2"});
  const auto listed = aft::list_backups(backups);
  REQUIRE(listed.size() == 1);
  const auto& m = listed[0].manifest;
  CHECK(listed[0].name == "2026-01-31T12-00-00Z");
  CHECK(m.time == time.now());
  CHECK(m.library == AFT_TEST_VERSION);
  CHECK(m.sqlite == sqlite3_libversion());
  CHECK(m.application == "notes");
  CHECK(m.application_version == "1.2");
  CHECK(contains(m.commit, ":"));
  REQUIRE(m.schema.size() == 1);
  CHECK(m.schema[0].line == "host");
  CHECK(m.schema[0].names == std::vector<std::string>{"001"});
  REQUIRE(m.tables.size() == 2);
  CHECK(m.tables[1].table == "note");
  CHECK(m.tables[1].rows == 1);
  CHECK(m.database.stored_size == std::int64_t(fs::file_size(made.path + "/database.zst")));
  CHECK(m.database.sha256.size() == 64);
  CHECK(!listed[0].verified);
}

TEST_CASE_FIXTURE(backup_fixture, "a backup under a busy writer is one moment of it") {
  db.write([](aft::transaction& tx) {
    tx.execute("create table pair (a integer, b integer, pad text) strict");
    tx.execute(
        "insert into pair (a, b, pad) with recursive n(i) as (select 1 union all select i + 1 "
        "from n where i < 3000) select 0, 0, hex(randomblob(500)) from n");
  });
  std::atomic<bool> stop{false};
  std::thread writes([&] {
    for (int i = 1; !stop; ++i) {
      db.write([&](aft::transaction& tx) {
        tx.execute("update pair set a = $1 where rowid % 7 = $2 % 7", i, i);
        tx.execute("update pair set b = $1 where rowid % 7 = $2 % 7", i, i);
        tx.execute("insert into note (text) values ($1)", std::to_string(i));
      });
    }
  });
  for (int i = 0; i < 3; ++i) {
    const auto made = aft::backup_to(
        db, backups, {.name = std::to_string(i), .compress = false, .bytes_per_second = 20 << 20});
    const auto check = verify(made.path, {}, time);
    for (const auto& wrong : check.wrong) MESSAGE(wrong);
    CHECK(check.sound());
    const auto file = folder / ("r" + std::to_string(i));
    static_cast<void>(restore(made.path, file, time));
    aft::database there(file, {.key = test_key()}, log, time);
    there.read([](aft::reader& r) {
      CHECK(r.one<int>("select count(*) from pair where a != b") == 0);
      // The number of the last transaction, told in two ways.
      CHECK(r.one<std::int64_t>("select count(*) from note") ==
            r.one<std::int64_t>("select max(a) from pair"));
    });
  }
  stop = true;
  writes.join();
}

TEST_CASE_FIXTURE(backup_fixture,
                  "a changed, cut or exchanged byte is found, and nothing is left") {
  for (int i = 0; i < 500; ++i) add(std::string(300, 'a' + char(i % 26)));
  for (const auto& kind : kinds) {
    const std::string kind_name = kind.name;
    CAPTURE(kind_name);
    const auto made = aft::backup_to(db, backups, kind);
    const auto target = folder / "target.db";
    auto refused = [&](const std::string& what) {
      CAPTURE(what);
      const auto before = entries(folder / ".");
      CHECK(!verify(made.path, kind.key, time).sound());
      for (const auto& listed : aft::list_backups(backups)) CHECK(!listed.verified);
      CHECK_THROWS_AS(static_cast<void>(restore(made.path, target, time, {.key = kind.key})),
                      aft::storage_error);
      CHECK(!fs::exists(target));
      CHECK(entries(folder / ".") == before);
    };
    for (const auto& entry : fs::directory_iterator(made.path)) {
      const auto path = entry.path().string();
      const auto whole = content_of(path);
      auto changed = whole;
      changed[changed.size() / 2] = char(changed[changed.size() / 2] ^ 1);
      put_content(path, changed);
      refused("a bit of " + path);
      put_content(path, whole.substr(0, whole.size() - 2));
      refused("cut off " + path);
      put_content(path, whole + "xx");
      refused("longer " + path);
      fs::remove(path);
      if (!contains(path, "manifest.json")) refused("without " + path);
      put_content(path, whole);
    }
    CHECK(verify(made.path, kind.key, time).sound());
    CHECK(aft::list_backups(backups)[0].verified == time.now());
    fs::remove_all(made.path);
  }
}

TEST_CASE_FIXTURE(backup_fixture,
                  "without its key an encrypted backup tells nothing and is refused") {
  add("the secret of the house");
  const auto made = aft::backup_to(db, backups, {.key = {.bytes = key_bytes}, .compress = false});
  for (const auto& entry : fs::directory_iterator(made.path)) {
    CHECK(!contains(content_of(entry.path().string()), "secret of the house"));
  }
  auto why = [&](const aft::backup_key& key) {
    CHECK(!verify(made.path, key, time).sound());
    return thrown_by(storage_fault::corrupt, [&] {
      static_cast<void>(restore(made.path, folder / "x.db", time, {.key = key}));
    });
  };
  CHECK(contains(why({.bytes = std::string(32, 'x')}), "the key is another"));
  CHECK(contains(why({}), "give its key"));
  CHECK(contains(why({.passphrase = "pass"}), "needs a key"));
  CHECK(!fs::exists(folder / "x.db"));

  // Nor is one without encryption taken where a key says that there must be one.
  const auto plain = aft::backup_to(db, backups, {.name = "plain"});
  CHECK(contains(verify(plain.path, {.bytes = key_bytes}, time).wrong.at(0), "is not encrypted"));
  CHECK_THROWS_AS(aft::backup_to(db, backups, {.key = {.bytes = "short"}}),
                  aft::configuration_error);
}

TEST_CASE_FIXTURE(backup_fixture, "a passphrase will do for a key") {
  add("one");
  const auto made = aft::backup_to(db, backups, {.key = {.passphrase = "correct horse"}});
  CHECK(made.manifest.encryption->kdf == "argon2id");
  CHECK(!verify(made.path, {.passphrase = "correct house"}, time).sound());
  static_cast<void>(
      restore(made.path, folder / "x.db", time, {.key = {.passphrase = "correct horse"}}));
  CHECK(texts_of_file(folder / "x.db") == std::vector<std::string>{"one"});
}

TEST_CASE_FIXTURE(backup_fixture, "files of two encrypted backups cannot be exchanged") {
  add("one");
  const aft::backup_key key{.bytes = key_bytes};
  const auto a = aft::backup_to(db, backups, {.name = "a", .key = key, .compress = false});
  const auto b = aft::backup_to(db, backups, {.name = "b", .key = key, .compress = false});
  fs::copy_file(a.path + "/database.sealed", b.path + "/database.sealed",
                fs::copy_options::overwrite_existing);
  CHECK(!verify(b.path, key, time).sound());
}

TEST_CASE("chunks of an encrypted stream can be neither exchanged nor left out") {
  temporary_folder folder;
  const aft::storage::stream_coding coding{.key = key_bytes, .name = "s"};
  std::string plain;
  for (int i = 0; i < 50'000; ++i) plain += std::to_string(i) + ' ';
  aft::storage::backup_writer writer(folder / "s", coding);
  writer.write(plain);
  const auto written = writer.finish();
  const auto stored = content_of(folder / "s");
  auto read_back = [&](const std::string& bytes) {
    put_content(folder / "t", bytes);
    auto known = written;
    known.stored_size = std::int64_t(bytes.size());
    aft::storage::backup_reader reader(folder / "t", coding, known);
    std::string all;
    for (auto part = reader.read(); !part.empty(); part = reader.read()) all += part;
    return all;
  };
  CHECK(read_back(stored) == plain);
  constexpr std::size_t head = 24, chunk = 64 * 1024 + 17;
  REQUIRE(stored.size() > head + 3 * chunk);
  const auto first = stored.substr(head, chunk), second = stored.substr(head + chunk, chunk);
  const auto rest = stored.substr(head + 2 * chunk);
  const auto begin = stored.substr(0, head);
  CHECK_THROWS_AS(read_back(begin + second + first + rest), aft::storage_error);
  CHECK_THROWS_AS(read_back(begin + first + rest), aft::storage_error);
  CHECK_THROWS_AS(read_back(begin + first + second), aft::storage_error);
  CHECK_THROWS_AS(read_back(begin + first + first + second + rest), aft::storage_error);
  CHECK_THROWS_AS(read_back(begin), aft::storage_error);
  CHECK_THROWS_AS(read_back(""), aft::storage_error);
}

TEST_CASE_FIXTURE(backup_fixture, "the files beside a database are in its backup and come back") {
  add("one");
  const auto uploads = folder / "uploads";
  fs::create_directories(uploads + "/a/b");
  put_content(uploads + "/a/b/picture", std::string(300'000, 'p'));
  put_content(uploads + "/empty", "");
  fs::create_symlink("/etc/passwd", uploads + "/link");
  const auto made = aft::backup_to(db, backups, {.key = {.bytes = key_bytes}, .files = uploads});
  CHECK(made.manifest.files.size() == 2);
  const auto check = verify(made.path, {.bytes = key_bytes}, time);
  CHECK(check.sound());
  put_content(uploads + "/later", "x");
  const auto done = restore(made.path, folder / "new.db", time,
                            {.key = {.bytes = key_bytes}, .files = uploads + "/"});
  CHECK(content_of(uploads + "/a/b/picture") == std::string(300'000, 'p'));
  CHECK(fs::exists(uploads + "/empty"));
  CHECK(!fs::exists(uploads + "/later"));
  CHECK(!fs::exists(uploads + "/link"));
  CHECK(content_of(done.previous_files + "/later") == "x");
}

TEST_CASE_FIXTURE(backup_fixture, "a directory that cannot be read fails a backup of its files") {
  const auto uploads = folder / "uploads";
  fs::create_directories(uploads + "/a");
  put_content(uploads + "/z", "behind it");
  // Deeper than a path may be long, which not even root can read by its path.
  const std::string part(250, 'd');
  int place = ::open((uploads + "/a").c_str(), O_RDONLY | O_DIRECTORY);
  for (int i = 0; i < 20; ++i) {
    REQUIRE(::mkdirat(place, part.c_str(), 0700) == 0);
    const int next = ::openat(place, part.c_str(), O_RDONLY | O_DIRECTORY);
    ::close(place);
    place = next;
  }
  ::close(place);
  const auto why =
      thrown_by(storage_fault::io, [&] { aft::backup_to(db, backups, {.files = uploads}); });
  CHECK(contains(why, uploads + "/a/ddd"));
  CHECK(aft::list_backups(backups).empty());
  CHECK(contains(thrown_by(storage_fault::io,
                           [&] { aft::backup_to(db, backups, {.files = uploads + "/none"}); }),
                 "cannot read " + uploads + "/none"));
}

TEST_CASE_FIXTURE(backup_fixture, "a backup goes on where files and directories are removed") {
  const auto uploads = folder / "uploads";
  fs::create_directories(uploads + "/stays");
  put_content(uploads + "/stays/file", "x");
  std::atomic<bool> done{false};
  std::thread others([&] {
    for (int i = 0; !done; ++i) {
      const auto inside = uploads + "/" + std::to_string(i % 50);
      fs::create_directories(inside);
      put_content(inside + "/file", "y");
      if (i % 50 < 40) fs::remove_all(inside);
    }
  });
  for (int i = 0; i < 20; ++i) {
    const auto made =
        aft::backup_to(db, backups, {.name = "b" + std::to_string(i), .files = uploads});
    const auto has_it = [](const auto& file) { return file.path == "stays/file"; };
    CHECK(std::ranges::any_of(made.manifest.files, has_it));
  }
  done = true;
  others.join();
}

TEST_CASE_FIXTURE(backup_fixture, "a database behind a link is replaced where the link leads") {
  add("one");
  const auto made = aft::backup_to(db, backups);
  // Mostly another file system, to which nothing can be renamed from here.
  const bool has_other = ::access("/dev/shm", W_OK) == 0;
  const auto elsewhere = fs::path(has_other ? "/dev/shm" : "/tmp") /
                         fs::path(backups).parent_path().filename().concat("-elsewhere");
  fs::create_directories(elsewhere);
  const auto link = folder / "link.db", real = (elsewhere / "real.db").string();
  {
    aft::database there(real, {.key = test_key()}, log, time);
    there.write([](aft::transaction& tx) { tx.execute("create table x (y integer)"); });
  }
  fs::create_symlink(real, link);
  const auto done = restore(made.path, link, time);
  CHECK(texts_of_file(real) == std::vector<std::string>{"one"});
  CHECK(fs::is_symlink(link));
  CHECK(done.previous.starts_with(real));

  fs::create_directories(folder / "uploads");
  put_content(folder / "uploads/file", "old");
  const auto with_files =
      aft::backup_to(db, backups, {.name = "files", .files = folder / "uploads"});
  const auto files = (elsewhere / "files").string(), files_link = folder / "files.link";
  fs::create_directories(files);
  put_content(files + "/file", "new");
  fs::create_symlink(files, files_link);
  const auto back = restore(with_files.path, link, time, {.files = files_link});
  CHECK(content_of(files + "/file") == "old");
  CHECK(content_of(files_link + "/file") == "old");
  CHECK(fs::is_symlink(files_link));
  CHECK(content_of(back.previous_files + "/file") == "new");
  CHECK(entries(elsewhere.string()) <= 7);  // these and those of before, with a log
  fs::remove_all(elsewhere);
}

TEST_CASE_FIXTURE(backup_fixture, "what is restored belongs to whom the one before did") {
  if (::geteuid() != 0) {
    MESSAGE("SKIPPED: only root gives files away");
    return;
  }
  add("one");
  const auto made = aft::backup_to(db, backups);
  const auto target = folder / "target.db";
  static_cast<void>(restore(made.path, target, time));
  REQUIRE(::chown(target.c_str(), 1234, 2345) == 0);
  static_cast<void>(restore(made.path, target, time));
  struct stat about {};
  REQUIRE(::stat(target.c_str(), &about) == 0);
  CHECK(about.st_uid == 1234);
  CHECK(about.st_gid == 2345);
}

TEST_CASE_FIXTURE(backup_fixture,
                  "files belong to whom the directory before did, and are private") {
  const auto uploads = folder / "uploads";
  fs::create_directories(uploads + "/a/b");
  put_content(uploads + "/a/b/picture", "p");
  put_content(uploads + "/text", "t");
  const auto made = aft::backup_to(db, backups, {.files = uploads});
  const bool is_root = ::geteuid() == 0;
  if (!is_root) MESSAGE("SKIPPED: only root gives files away");
  REQUIRE(::chmod(uploads.c_str(), 02750) == 0);
  if (is_root) REQUIRE(::chown(uploads.c_str(), 1234, 2345) == 0);
  const auto mask = ::umask(027);
  static_cast<void>(restore(made.path, folder / "target.db", time, {.files = uploads}));
  ::umask(mask);
  auto mode_of = [&](const std::string& path) {
    struct stat about {};
    REQUIRE(::lstat((uploads + path).c_str(), &about) == 0);
    CHECK(about.st_uid == (is_root ? 1234u : ::geteuid()));
    if (is_root) CHECK(about.st_gid == 2345);
    return about.st_mode & 07777;
  };
  CHECK(mode_of("") == 02750);
  CHECK(mode_of("/a") == 0750);
  CHECK(mode_of("/a/b") == 0750);
  CHECK(mode_of("/a/b/picture") == 0600);
  CHECK(mode_of("/text") == 0600);
}

TEST_CASE_FIXTURE(backup_fixture, "a manifest that could not be read back is not written") {
  const auto uploads = folder / "uploads";
  fs::create_directories(uploads);
  for (int i = 0; i < 20; ++i) put_content(uploads + "/" + std::to_string(i), "x");
  auto back_up = [&](std::size_t most) {
    return aft::storage::backup_until(db, backups, {.name = "b", .files = uploads}, false, most);
  };
  const auto why = thrown_by(storage_fault::misuse, [&] { back_up(2000); });
  CHECK(contains(why, uploads + " has too many files"));
  CHECK(entries(backups) == 0);
  const auto made = back_up(10'000);
  CHECK(fs::file_size(made.path + "/manifest.json") > 2000);
  CHECK(verify(made.path, {}, time).sound());
}

TEST_CASE_FIXTURE(backup_fixture, "a database that is replaced while it is opened is not used") {
  add("one");
  const auto made = aft::backup_to(db, backups);
  const auto target = folder / "target.db", other = folder / "other.db";
  static_cast<void>(restore(made.path, target, time));
  static_cast<void>(restore(made.path, other, time));
  auto descriptors = [&] {
    std::size_t n = 0;
    std::error_code closed;
    for (const auto& fd : fs::directory_iterator("/proc/self/fd")) {
      n += fs::read_symlink(fd.path(), closed) == target;
    }
    return n;
  };
  std::optional<aft::storage::raw_file> lock;
  lock.emplace(target, aft::storage::raw_access::write, aft::secret(), aft::seconds(0));
  REQUIRE(lock->lock_out_others());
  const auto before = descriptors();
  std::string why;
  std::thread opens([&] {
    why = thrown_by(storage_fault::busy, [&] {
      aft::database(target, {.busy_timeout = aft::seconds(60), .key = test_key()}, log, time);
    });
  });
  while (descriptors() == before) std::this_thread::yield();
  fs::rename(other, target);
  lock.reset();
  opens.join();
  CHECK(contains(why, "was replaced while it was opened"));
  CHECK(texts_of_file(target) == std::vector<std::string>{"one"});
}

TEST_CASE_FIXTURE(backup_fixture, "a database that is open is not replaced, nor its files") {
  add("one");
  const auto uploads = folder / "uploads";
  fs::create_directories(uploads);
  put_content(uploads + "/a", "old");
  const auto made = aft::backup_to(db, backups, {.files = uploads});
  put_content(uploads + "/a", "new");
  add("two");
  const auto why = thrown_by(storage_fault::busy, [&] {
    static_cast<void>(restore(made.path, folder / "test.db", time, {.files = uploads}));
  });
  CHECK(contains(why, "is open"));
  CHECK(content_of(uploads + "/a") == "new");
  add("three");
  CHECK(texts(db).size() == 3);
  // This process has lost none of its locks: another one still meets them.
  const auto child = ::fork();
  if (child == 0) {
    try {
      open_elsewhere(folder / "test.db").run("pragma locking_mode=exclusive; begin exclusive");
    } catch (const aft::storage_error& e) {
      ::_exit(e.fault() == storage_fault::busy ? 0 : 1);
    }
    ::_exit(1);
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  CHECK(status == 0);
}

TEST_CASE_FIXTURE(backup_fixture, "a database that another process has open is not replaced") {
  add("one");
  const auto made = aft::backup_to(db, backups);
  const auto target = folder / "target.db";
  static_cast<void>(restore(made.path, target, time));
  int ready[2], end[2];
  REQUIRE(::pipe(ready) == 0);
  REQUIRE(::pipe(end) == 0);
  const auto child = ::fork();
  if (child == 0) {
    ::close(end[1]);
    auto other = open_elsewhere(target);
    other.rows("select count(*) from note");
    char byte = 'r';
    static_cast<void>(::write(ready[1], &byte, 1) + ::read(end[0], &byte, 1));
    ::_exit(0);
  }
  ::close(ready[1]), ::close(end[0]);
  char byte = 0;
  REQUIRE(::read(ready[0], &byte, 1) == 1);
  thrown_by(storage_fault::busy, [&] { static_cast<void>(restore(made.path, target, time)); });
  ::close(end[1]), ::close(ready[0]);
  ::waitpid(child, nullptr, 0);
  const auto done = restore(made.path, target, time);
  CHECK(fs::exists(done.previous));
}

TEST_CASE_FIXTURE(backup_fixture, "a restore can be undone, and that too") {
  add("old");
  const auto made = aft::backup_to(db, backups);
  const auto target = folder / "target.db";
  {
    aft::database there(target, {.key = test_key()}, log, time);
    there.migrate("host",
                  {{"001", "create table note (id integer primary key, text text) strict"}});
    there.write([](aft::transaction& tx) { tx.execute("insert into note (text) values ('new')"); });
  }
  fs::permissions(target, fs::perms(0640));
  const auto done = restore(made.path, target, time);
  CHECK(done.previous == target + ".before-2026-01-31T120000Z");
  CHECK(fs::status(target).permissions() == fs::perms(0640));
  CHECK(texts_of_file(target) == std::vector<std::string>{"old"});
  undo(done);
  CHECK(texts_of_file(target) == std::vector<std::string>{"new"});
  undo(done);
  CHECK(texts_of_file(target) == std::vector<std::string>{"old"});
  CHECK(texts_of_file(done.previous) == std::vector<std::string>{"new"});
}

TEST_CASE_FIXTURE(backup_fixture,
                  "what the previous database had only in its log is kept with it") {
  add("old");
  const auto made = aft::backup_to(db, backups);
  add("in the log");
  // As a crash leaves it.
  const auto target = folder / "crashed.db";
  fs::copy_file(folder / "test.db", target);
  fs::copy_file(folder / "test.db-wal", target + "-wal");
  const auto done = restore(made.path, target, time);
  CHECK(texts_of_file(target) == std::vector<std::string>{"old"});
  CHECK(texts_of_file(done.previous) == std::vector<std::string>{"old", "in the log"});
}

TEST_CASE_FIXTURE(backup_fixture, "a broken database is replaced, and kept with its log") {
  add("old");
  const auto made = aft::backup_to(db, backups);
  const auto target = folder / "broken.db";
  put_content(target, std::string(8192, 'x'));
  put_content(target + "-wal", "some log");
  const auto done = restore(made.path, target, time);
  CHECK(texts_of_file(target) == std::vector<std::string>{"old"});
  CHECK(content_of(done.previous) == std::string(8192, 'x'));
  CHECK(content_of(done.previous + "-wal") == "some log");
}

TEST_CASE_FIXTURE(backup_fixture,
                  "the log of a database that is gone is not taken for the new one's") {
  add("old");
  const auto made = aft::backup_to(db, backups);
  add("in the log");
  const auto target = folder / "gone.db";
  fs::copy_file(folder / "test.db-wal", target + "-wal");
  static_cast<void>(restore(made.path, target, time));
  CHECK(texts_of_file(target) == std::vector<std::string>{"old"});
}

TEST_CASE_FIXTURE(backup_fixture, "a backup with migrations that the program lacks is refused") {
  const std::vector<aft::migration> old{
      {"001", "create table note (id integer primary key, text text) strict"}};
  auto newer = old;
  newer.push_back({"002", "create table more (x integer) strict"});
  const auto before = aft::backup_to(db, backups, {.name = "before"});
  db.migrate("host", newer);
  const auto after = aft::backup_to(db, backups, {.name = "after"});
  const auto target = folder / "target.db";
  try {
    static_cast<void>(restore(after.path, target, time, {.schema = {{"host", old}}}));
    FAIL("it was restored");
  } catch (const aft::configuration_error& e) {
    CHECK(contains(e.what(), "002 of host"));
  }
  CHECK(!fs::exists(target));
  static_cast<void>(restore(before.path, target, time, {.schema = {{"host", newer}}}));
  static_cast<void>(restore(after.path, target, time, {.schema = {{"host", newer}}}));
}

TEST_CASE_FIXTURE(backup_fixture, "a manifest that leads out of its directory is refused") {
  add("one");
  const auto uploads = folder / "uploads";
  fs::create_directories(uploads);
  put_content(uploads + "/a", "x");
  const auto made = aft::backup_to(db, backups, {.compress = false, .files = uploads});
  for (const auto* field : {"path", "stored_as"}) {
    auto manifest = made.manifest;
    (field == std::string("path") ? manifest.files[0].path : manifest.files[0].stored_as) =
        "../../out";
    const auto text = aft::json::write(manifest);
    put_content(made.path + "/manifest.json", text);
    put_content(made.path + "/manifest.sum", aft::to_hex(aft::sha256(text)));
    thrown_by(storage_fault::corrupt, [&] {
      static_cast<void>(restore(made.path, folder / "x.db", time, {.files = folder / "in"}));
    });
  }
  CHECK(!fs::exists(folder / "out"));
}

TEST_CASE_FIXTURE(backup_fixture,
                  "what cannot be written leaves nothing that looks like a backup") {
  add("one");
  CHECK_THROWS_AS(aft::backup_to(db, "/proc/no", {}), aft::storage_error);
  CHECK_THROWS_AS(aft::backup_to(db, backups, {.files = folder / "not there"}), aft::storage_error);
  CHECK(entries(backups) == 0);
  CHECK_THROWS_AS(aft::backup_to(db, backups, {.name = "../x"}), aft::configuration_error);
  aft::backup_to(db, backups, {.name = "a"});
  CHECK_THROWS_AS(aft::backup_to(db, backups, {.name = "a"}), aft::storage_error);
  CHECK(aft::list_backups(backups).size() == 1);
  CHECK(entries(backups) == 1);
  db.write([&](aft::transaction&) {
    thrown_by(storage_fault::misuse, [&] { aft::backup_to(db, backups); });
  });
}

TEST_CASE_FIXTURE(backup_fixture, "a verification removes what a killed one has left") {
  add("one");
  const auto made = aft::backup_to(db, backups);
  const auto scratch = folder / "scratch";
  fs::create_directories(scratch + "/aft-verify-a1b2c3/backup");
  fs::create_directories(scratch + "/another");
  fs::create_directories(scratch + "/aft-verify-reports");
  put_content(scratch + "/aft-verify-report.txt", "sound");
  put_content(scratch + "/aft-verify-report", "sound");
  fs::create_directory_symlink(scratch + "/another", scratch + "/aft-verify-latest");
  CHECK(aft::verify_backup(made.path, {}, time, scratch, test_key()).sound());
  CHECK(!fs::exists(scratch + "/aft-verify-a1b2c3"));
  CHECK(entries(scratch) == 5);
}

TEST_CASE_FIXTURE(backup_fixture, "the age of the last verified backup is that of its data") {
  CHECK(!aft::age_of_last_verified(backups, time));
  const auto made = aft::backup_to(db, backups);
  CHECK(!aft::age_of_last_verified(backups, time));
  time.advance(aft::hours(2));
  CHECK(verify(made.path, {}, time).sound());
  aft::backup_to(db, backups);  // newer, but not verified
  time.advance(aft::hours(1));
  CHECK(aft::age_of_last_verified(backups, time) == aft::hours(3));
}

TEST_CASE("which backups may go") {
  const aft::time_point noon(aft::seconds(1'769'860'800));  // Saturday, 2026-01-31T12:00:00Z
  auto at = [&](std::int64_t hours_before, bool verified = false) {
    return aft::dated_backup{std::to_string(hours_before), noon - aft::hours(hours_before),
                             verified};
  };
  using names = std::vector<std::string>;
  struct row {
    const char* what;
    std::vector<aft::dated_backup> backups;
    aft::retention keep;
    names gone;
  };
  const row rows[] = {
      {"none", {}, {}, {}},
      {"the newest stays whatever is wanted", {at(1), at(0)}, {0, 0, 0, 0}, {"1"}},
      {"so many hours", {at(0), at(1), at(2), at(3)}, {2, 0, 0, 0}, {"3", "2"}},
      {"hours without backups do not count", {at(0), at(50), at(90)}, {2, 0, 0, 0}, {"90"}},
      {"of a day its newest", {at(0), at(2), at(13), at(15)}, {0, 2, 0, 0}, {"15", "2"}},
      {"of a week, from Monday, its newest",
       {at(0), at(100), at(24 * 5 + 11), at(24 * 5 + 13), at(24 * 6)},
       {0, 0, 2, 0},
       {"144", "131", "100"}},
      {"of a month its newest",
       {at(0), at(24 * 30), at(24 * 31), at(24 * 60)},
       {0, 0, 0, 2},
       {"1440", "720"}},
      {"the last verified stays",
       {at(0), at(1), at(2, true), at(3, true)},
       {1, 0, 0, 0},
       {"3", "1"}},
      {"in any order", {at(2), at(0), at(1)}, {1, 0, 0, 0}, {"2", "1"}},
  };
  for (const auto& r : rows) {
    CAPTURE(r.what);
    CHECK(aft::superfluous(r.backups, r.keep) == r.gone);
  }
}

TEST_CASE_FIXTURE(backup_fixture, "pruning removes the superfluous, and what broke off") {
  for (int i = 0; i < 4; ++i) {
    const auto made = aft::backup_to(db, backups);
    if (i == 0) CHECK(verify(made.path, {}, time).sound());
    time.advance(aft::hours(1));
  }
  fs::create_directories(backups + "/.partial-abcdef");
  put_content(backups + "/notes.txt", "not a backup");
  const auto gone =
      aft::prune_backups(backups, {.hourly = 1, .daily = 0, .weekly = 0, .monthly = 0});
  CHECK(gone == std::vector<std::string>{"2026-01-31T13-00-00Z", "2026-01-31T14-00-00Z"});
  CHECK(aft::list_backups(backups).size() == 2);
  CHECK(!fs::exists(backups + "/.partial-abcdef"));
  CHECK(fs::exists(backups + "/notes.txt"));
}

namespace {

// Gives bytes as a socket does: some of them.
auto source_of(const std::string& bytes) {
  return [&bytes, at = std::make_shared<std::size_t>(0)](char* to, std::size_t size) {
    const auto n = std::min({size, bytes.size() - *at, std::size_t(1000)});
    std::copy_n(bytes.data() + *at, n, to);
    *at += n;
    return n;
  };
}

}  // namespace

TEST_CASE_FIXTURE(backup_fixture,
                  "a backup as a stream of bytes is one file, or a directory again") {
  add("one");
  db.write([](aft::transaction& tx) {
    tx.execute("insert into note (text) values (hex(randomblob(2000000)))");
  });
  const auto expected = texts(db);
  fs::create_directories(folder / "photos/deep");
  put_content(folder / "photos/deep/a.jpg", std::string(100'000, 'a'));
  for (auto& how : kinds) {
    CAPTURE(how.name);
    aft::backup_options options;
    options.key.bytes = how.key.bytes;
    options.compress = how.compress;
    options.bytes_per_second = 0;
    options.files = folder / "photos";
    std::string bytes;
    std::size_t largest = 0;
    const auto manifest = aft::backup_to(
        db,
        [&](std::string_view part) {
          bytes += part;
          largest = std::max(largest, part.size());
        },
        options);
    CHECK(largest <= 1 << 20);
    CHECK(manifest.time == time.now());

    const auto file = folder / (how.name + ".backup");
    put_content(file, bytes);
    const auto check = verify(file, options.key, time);
    CHECK(check.wrong == std::vector<std::string>{});
    const auto restored_to = folder / (how.name + ".db");
    restore(file, restored_to, time, {.key = {.bytes = how.key.bytes}, .files = folder / how.name});
    CHECK(texts_of_file(restored_to) == expected);
    CHECK(content_of(folder / (how.name + "/deep/a.jpg")) == std::string(100'000, 'a'));

    const auto received = aft::receive_backup(source_of(bytes), backups, how.name);
    CHECK(received.manifest.id == manifest.id);
    CHECK(verify(received.path, options.key, time).sound());
  }
  CHECK(aft::list_backups(backups).size() == 4);
  CHECK(aft::age_of_last_verified(backups, time) == aft::duration());
}

TEST_CASE_FIXTURE(backup_fixture, "a stream that was cut off or changed is no backup") {
  for (int i = 0; i < 50; ++i) add("a note");
  for (const bool is_sealed : {false, true}) {
    aft::backup_options options;
    if (is_sealed) options.key.bytes = key_bytes;
    std::string bytes;
    aft::backup_to(
        db, [&](std::string_view part) { bytes += part; }, options);
    REQUIRE(bytes.size() > 500);
    for (std::size_t size = 0; size < bytes.size(); size += 1 + bytes.size() / 97) {
      CAPTURE(size);
      const auto cut = bytes.substr(0, size);
      CHECK(thrown_by(storage_fault::corrupt, [&] {
              aft::receive_backup(source_of(cut), backups);
            }).starts_with("the stream of a backup"));
    }
    for (std::size_t at = 0; at < bytes.size(); at += 1 + bytes.size() / 97) {
      CAPTURE(at);
      auto changed = bytes;
      changed[at] = char(changed[at] ^ 0x10);
      put_content(folder / "changed", changed);
      const auto check = verify(folder / "changed", options.key, time);
      CHECK(!check.sound());
    }
  }
  CHECK(entries(backups) == 0);
}

TEST_CASE_FIXTURE(backup_fixture, "a stream cannot name files outside of its backup") {
  for (const auto* name : {"../x", "files/../../x", "/x", "files/a/b", "", ".x", "files/", "A"}) {
    const std::string name_text = name;
    std::string bytes = "aft backup stream 1\n";
    const auto frame = [&](const std::string& text) {
      bytes += std::string{char(text.size()), 0, 0, 0} + text;
    };
    frame(name_text), frame("content"), frame(""), frame("");
    CAPTURE(name_text);
    thrown_by(storage_fault::corrupt, [&] { aft::receive_backup(source_of(bytes), backups); });
    CHECK(entries(backups) == 0);
  }
  CHECK(!fs::exists(folder / "x"));
}

TEST_CASE_FIXTURE(backup_fixture, "what a sink throws ends the backup, and nothing else") {
  add("one");
  struct full_disk {};
  CHECK_THROWS_AS(aft::backup_to(db, [](std::string_view) { throw full_disk(); }), full_disk);
  add("two");
  CHECK(texts(db).size() == 2);
}

TEST_CASE_FIXTURE(storage_fixture, "PostgreSQL is backed up by its own tools") {
  if (!on_postgres()) return;
  const auto why =
      thrown_by(storage_fault::misuse, [&] { aft::backup_to(db, folder / "backups"); });
  CHECK(contains(why, "its own tools"));
}

TEST_CASE("a database in memory can be backed up") {
  temporary_folder folder;
  aft::logger silent;
  aft::clock time;
  aft::database db(":memory:", {.key = test_key()}, silent, time);
  db.migrate("host", {{"1", "create table t (x integer) strict"}});
  db.write([](aft::transaction& tx) { tx.execute("insert into t values (7)"); });
  const auto made = aft::backup_to(db, folder / "b");
  CHECK(verify(made.path, {}, time).sound());
}

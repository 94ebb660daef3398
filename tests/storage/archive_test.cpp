#include <aft/storage/archive.hpp>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <thread>

#include <doctest/doctest.h>

#include <aft/storage/backup.hpp>

#include "storage_fixture.hpp"

namespace {

namespace fs = std::filesystem;

aft::restored restore(const std::string& directory, const std::string& file, const aft::clock& time,
                      std::optional<aft::time_point> to = {}) {
  return aft::restore_archive(directory, file, time, to, {.database_key = test_key()});
}

struct archive_fixture {
  temporary_folder folder;
  aft::manual_clock time{aft::time_point(aft::seconds(1'769'860'800))};  // 2026-01-31T12:00:00Z
  std::string said;
  aft::logger log{[this](const aft::log_record& r) { said += std::string(r.message) + "\n"; },
                  aft::log_level::warning};
  std::string archive = folder / "archive";
  std::string file = folder / "test.db";
  std::optional<aft::database> db;
  int restores = 0;

  aft::storage_options options() const {
    return {.archive = {.directory = archive, .interval = aft::milliseconds(5)}, .key = test_key()};
  }
  void open() { open(options()); }
  void open(aft::storage_options with) {
    db.emplace(file, with, log, time);
    db->migrate("host", {{"001", "create table note (n integer primary key, pad text) strict"}});
  }
  void add(int n) {
    db->write([&](aft::transaction& tx) {
      tx.execute("insert into note values ($1, hex(randomblob(20)))", n);
    });
  }
  // Until all that is committed now can be restored.
  void wait_for_shipping() {
    wait_until([&] { return db->archived()->working; });
    time.advance(aft::milliseconds(1));
    const auto now = time.now();
    wait_until([&] { return db->archived()->shipped >= now; });
  }
  template <class F>
  void wait_until(F&& f) {
    for (int i = 0; i < 120'000; ++i) {
      if (f()) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    FAIL("it never comes");
  }
  std::vector<int> restored(std::optional<aft::time_point> to = {}) {
    const auto target = folder / ("restored" + std::to_string(++restores));
    static_cast<void>(restore(archive, target, time, to));
    aft::database there(target, {.key = test_key()}, log, time);
    return there.read([](aft::reader& r) { return r.all<int>("select n from note order by n"); });
  }
};

std::vector<int> up_to(int n) {
  std::vector<int> all;
  for (int i = 1; i <= n; ++i) all.push_back(i);
  return all;
}

}  // namespace

TEST_CASE_FIXTURE(archive_fixture, "an archive restores to any moment since it began") {
  open();
  add(1);
  wait_for_shipping();
  std::vector<aft::time_point> moments;
  for (int n = 2; n <= 6; ++n) {
    time.advance(aft::seconds(1));
    add(n);
    wait_for_shipping();
    moments.push_back(time.now());
  }
  CHECK(restored() == up_to(6));
  for (int n = 2; n <= 6; ++n) {
    CHECK(restored(moments[std::size_t(n - 2)]) == up_to(n));
    CHECK(restored(moments[std::size_t(n - 2)] + aft::milliseconds(500)) == up_to(n));
  }
  const auto spans = aft::list_archive(archive);
  REQUIRE(spans.size() == 1);
  CHECK(spans[0].from <= moments[0]);
  CHECK(spans[0].to > moments[3]);  // what was written last
  CHECK(spans[0].to <= moments[4]);
  CHECK_THROWS_AS(restored(spans[0].from - aft::seconds(1)), aft::configuration_error);
}

TEST_CASE_FIXTURE(archive_fixture, "logs that begin anew are followed") {
  open();
  std::vector<std::pair<aft::time_point, int>> moments;
  int n = 0;
  for (int round = 0; round < 4; ++round) {
    for (int i = 0; i < 20; ++i) {
      db->write([&](aft::transaction& tx) {
        for (int k = 0; k < 50; ++k) {
          tx.execute("insert into note values ($1, hex(randomblob(2000)))", ++n);
        }
      });
    }
    wait_for_shipping();
    moments.emplace_back(time.now(), n);
    time.advance(aft::seconds(1));
  }
  std::size_t logs = 0;
  for (const auto& entry : fs::recursive_directory_iterator(archive)) {
    logs += entry.path().extension() == ".log";
  }
  CHECK(logs >= 3);
  for (const auto& [moment, count] : moments) CHECK(restored(moment) == up_to(count));
  CHECK(restored() == up_to(n));
  CHECK(said == "");
}

TEST_CASE_FIXTURE(archive_fixture,
                  "what is written until the end is shipped, and the next run goes on") {
  open();
  add(1);
  db.reset();
  CHECK(restored() == up_to(1));
  const auto then = time.now();
  time.advance(aft::minutes(1));
  open();
  add(2);
  db.reset();
  CHECK(restored() == up_to(2));
  CHECK(restored(then) == up_to(1));
  // It ended by itself: nothing was written in between, nor is now.
  CHECK(restored(then + aft::seconds(30)) == up_to(1));
  CHECK(restored(time.now() + aft::hours(1)) == up_to(2));
  const auto spans = aft::list_archive(archive);
  REQUIRE(spans.size() == 2);
  CHECK(spans[0].to == spans[1].from);
}

TEST_CASE_FIXTURE(archive_fixture, "a moment of which something may be missing is refused") {
  open();
  add(1);
  wait_for_shipping();
  const auto first = time.now();
  time.advance(aft::minutes(1));
  wait_for_shipping();  // nothing was written
  time.advance(aft::seconds(5));
  wait_for_shipping();
  add(2);
  wait_for_shipping();
  db.reset();
  fs::path marks;
  for (const auto& entry : fs::recursive_directory_iterator(archive)) {
    if (entry.path().filename() == "marks") marks = entry.path();
  }
  std::string text;
  {
    std::ifstream in(marks);
    text.assign(std::istreambuf_iterator<char>(in), {});
  }
  const auto end = text.find(" closed\n");
  REQUIRE(end == text.size() - 8);
  const auto cut = [&](std::size_t at) {  // as kill -9 would have left it
    std::ofstream(marks, std::ios::trunc) << text.substr(0, at);
  };
  const auto change_base = [&](const std::string& from, const std::string& to) {
    const auto path = fs::path(marks).replace_filename("base.json");
    std::ifstream in(path);
    std::string base(std::istreambuf_iterator<char>(in), {});
    REQUIRE(base.find(from) != base.npos);
    std::ofstream(path, std::ios::trunc) << base.replace(base.find(from), from.size(), to);
  };
  const auto why = [&](aft::time_point to) {
    try {
      restored(to);
    } catch (const aft::configuration_error& e) {
      return std::string(e.what());
    }
    return std::string();
  };
  cut(text.rfind('\n', end) + 1);  // without the last line
  CHECK(restored() == up_to(2));
  const auto last = aft::list_archive(archive).back().to;
  CHECK(restored(last) == up_to(2));
  CHECK(restored(last + aft::seconds(2)) == up_to(2));
  CHECK(why(last + aft::milliseconds(2001)).find("after " + to_rfc3339(last)) != std::string::npos);
  CHECK(restored(first + aft::seconds(30)) == up_to(1));
  // Where less was promised less is needed, and archives of before did not say what was.
  change_base("\"interval\":5000", "\"interval\":60000000");
  CHECK(restored(last + aft::seconds(120)) == up_to(2));
  CHECK_THROWS_AS(restored(last + aft::seconds(121)), aft::configuration_error);
  change_base(",\"interval\":60000000", "");
  CHECK(restored(last + aft::seconds(2)) == up_to(2));
  CHECK_THROWS_AS(restored(last + aft::seconds(3)), aft::configuration_error);

  // The next run has begun later.
  time.advance(aft::minutes(1));
  open();
  wait_for_shipping();
  const auto spans = aft::list_archive(archive);
  REQUIRE(spans.size() == 2);
  const auto told = why(spans[1].from - aft::seconds(1));
  CHECK(told.find(to_rfc3339(spans[0].to)) != std::string::npos);
  CHECK(told.find(to_rfc3339(spans[1].from)) != std::string::npos);
  CHECK(restored(spans[0].to) == up_to(2));
  CHECK(restored(spans[1].from) == up_to(2));
}

TEST_CASE_FIXTURE(archive_fixture, "while nothing is written, it can go back to right now") {
  open();
  add(1);
  wait_for_shipping();
  for (const int seconds : {1, 3, 60, 3600}) {
    time.advance(aft::seconds(seconds));
    wait_for_shipping();
    CHECK(restored(time.now()) == up_to(1));
  }
  CHECK(aft::list_archive(archive).size() == 1);
}

TEST_CASE_FIXTURE(archive_fixture, "what a run wrote before its first copy was whole is unknown") {
  open();
  add(1);
  db.reset();
  const auto ended = time.now();
  time.advance(aft::minutes(1));
  auto slow = options();
  slow.archive.bytes_per_second = 1;
  open(slow);
  const auto begun = time.now();
  time.advance(aft::seconds(10));
  add(2);
  const auto whole = archive;
  archive = folder / "killed";  // as kill -9 would leave it now
  fs::copy(whole, archive, fs::copy_options::recursive);
  CHECK(!db->archived()->working);
  CHECK(restored(ended + aft::seconds(30)) == up_to(1));
  CHECK(restored(begun) == up_to(1));
  CHECK_THROWS_AS(restored(time.now()), aft::configuration_error);
  CHECK(restored() == up_to(1));  // what there is
  REQUIRE(aft::list_archive(archive).size() == 1);
  CHECK(aft::list_archive(archive).back().to == begun);

  archive = whole;
  db.reset();  // the copy is brought to its end
  CHECK(restored() == up_to(2));
  CHECK(restored(time.now()) == up_to(2));
  CHECK(restored(begun) == up_to(1));
}

TEST_CASE_FIXTURE(archive_fixture,
                  "the latest is that of the last run, if the clock was set back") {
  open();
  add(1);
  db.reset();
  time.advance(aft::hours(-5));
  open();
  add(2);
  db.reset();
  CHECK(restored() == up_to(2));
  for (const auto& span : aft::list_archive(archive)) CHECK(span.from <= span.to);
}

TEST_CASE_FIXTURE(archive_fixture, "a busy writer waits for the archive, and loses nothing") {
  open();
  std::vector<std::thread> threads;
  std::atomic<int> next{0};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 300; ++i) {
        db->write([&](aft::transaction& tx) {
          tx.execute("insert into note values ($1, hex(randomblob(3000)))", ++next);
        });
      }
    });
  }
  for (auto& t : threads) t.join();
  wait_for_shipping();
  CHECK(restored() == up_to(1200));
  CHECK(said == "");
  db.reset();
  CHECK(restored() == up_to(1200));
}

TEST_CASE_FIXTURE(archive_fixture,
                  "a torn end of an archive is dropped, damage before it is told") {
  open();
  add(1);
  wait_for_shipping();
  time.advance(aft::seconds(1));
  const auto before = time.now();
  time.advance(aft::seconds(1));
  add(2);
  wait_for_shipping();
  db.reset();
  fs::path log_file, marks;
  for (const auto& entry : fs::recursive_directory_iterator(archive)) {
    if (entry.path().extension() == ".log") log_file = entry.path();
    if (entry.path().filename() == "marks") marks = entry.path();
  }
  {  // as a crash in the middle of shipping leaves it
    std::ofstream(log_file, std::ios::app | std::ios::binary) << std::string(1000, 'x');
    std::ofstream(marks, std::ios::app) << "1 99";
  }
  CHECK(restored() == up_to(2));
  fs::resize_file(log_file, fs::file_size(log_file) - 1000 - 2000);
  CHECK_THROWS_AS(restored(), aft::storage_error);
  CHECK(restored(before) == up_to(1));
}

TEST_CASE_FIXTURE(archive_fixture, "an archive that fails is begun anew, and stops nobody") {
  open();
  add(1);
  wait_for_shipping();
  const auto before = time.now();
  time.advance(aft::seconds(10));
  wait_for_shipping();
  // Its directory is gone, and no other can be made.
  fs::rename(archive, archive + ".away");
  std::ofstream(archive) << "in the way";
  db->write([&](aft::transaction& tx) {  // logs enough to begin anew
    for (int n = 2; n <= 3000; ++n) {
      tx.execute("insert into note values ($1, hex(randomblob(2000)))", n);
    }
  });
  for (int n = 3001; n <= 3020; ++n) add(n);
  wait_until([&] { return !db->archived()->failure.empty(); });
  CHECK(!db->archived()->working);
  time.advance(aft::seconds(10));
  for (int n = 3021; n <= 3040; ++n) add(n);
  const auto unknown = time.now();
  time.advance(aft::seconds(10));
  fs::remove(archive);
  fs::rename(archive + ".away", archive);
  wait_for_shipping();
  CHECK(db->archived()->failure == "");
  CHECK(said.find("begins anew") != std::string::npos);
  add(3041);
  wait_for_shipping();
  CHECK(restored() == up_to(3041));
  CHECK(restored(before) == up_to(1));
  CHECK(restored(before + aft::seconds(5)) == up_to(1));
  CHECK_THROWS_AS(restored(unknown), aft::configuration_error);
  CHECK(aft::list_archive(archive).size() == 2);
}

TEST_CASE_FIXTURE(archive_fixture, "a new copy is made in time, and what is too old is removed") {
  auto with = options();
  with.archive.base_every = aft::hours(1);
  with.archive.keep = aft::hours(2);
  open(with);
  for (int n = 1; n <= 6; ++n) {
    add(n);
    wait_for_shipping();
    const auto before = aft::list_archive(archive).back().from;
    time.advance(aft::hours(1));
    wait_until([&] { return aft::list_archive(archive).back().from > before; });
  }
  const auto oldest = time.now() - aft::hours(3) - aft::minutes(1);
  wait_until([&] { return aft::list_archive(archive).front().from >= oldest; });
  CHECK(aft::list_archive(archive).front().from <= time.now() - aft::hours(2));
  CHECK(restored() == up_to(6));
  CHECK(restored(time.now() - aft::hours(2)) == up_to(5));
}

TEST_CASE_FIXTURE(archive_fixture, "a directory is one database's, and must be one") {
  open();
  CHECK_THROWS_AS(aft::database(folder / "other.db", options(), log, time),
                  aft::configuration_error);
  std::ofstream(folder / "file") << "x";
  CHECK_THROWS_AS(
      aft::database(folder / "second.db", {.archive = {.directory = folder / "file"}}, log, time),
      aft::configuration_error);
  CHECK_THROWS_AS(restore(folder / "none", folder / "x", time), aft::configuration_error);
  CHECK(!aft::database(folder / "third.db", {}, log, time).archived());
}

TEST_CASE_FIXTURE(archive_fixture, "an archive does not replace a database that is open") {
  open();
  add(1);
  wait_for_shipping();
  CHECK_THROWS_AS(restore(archive, file, time), aft::storage_error);
  add(2);
  db.reset();
  const auto done = restore(archive, file, time);
  CHECK(fs::exists(done.previous));
}

// That a reader keeps pages of a SQLite file when others commit, and never one that has changed.

#include "storage/sqlite/kept_pages.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <sqlite3.h>

#include <aft/storage/upkeep.hpp>

#include "storage/database.hpp"
#include "storage/sqlite/page_table.hpp"
#include "storage/sqlite/readers.hpp"
#include "storage_fixture.hpp"

namespace {

// Another program on the same file.
class stranger {
 public:
  explicit stranger(const std::string& file) {
    REQUIRE(sqlite3_open(file.c_str(), &db_) == SQLITE_OK);
    run("pragma wal_autocheckpoint=0");
  }
  stranger(const stranger&) = delete;
  stranger& operator=(const stranger&) = delete;
  ~stranger() { sqlite3_close(db_); }

  bool tries(const std::string& sql) {
    return sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK;
  }
  void run(const std::string& sql) { REQUIRE_MESSAGE(tries(sql), sqlite3_errmsg(db_)); }

 private:
  sqlite3* db_ = nullptr;
};

struct thing {
  std::int64_t id;
  std::string body;
};
using things = std::map<std::int64_t, std::string>;

// Statements of a stranger on things of all sizes, up to five pages, and what must be there then.
class changes {
 public:
  explicit changes(unsigned seed) : random_(seed) {}

  std::string next() {
    std::string script = "begin immediate;";
    for (auto count = below(5) + 1; count; --count) script += change();
    return script + "commit;";
  }
  std::size_t below(std::size_t end) { return random_() % end; }
  const things& expected() const { return things_; }

 private:
  std::string change() {
    const auto id = std::int64_t(below(300)) + 1;
    if (below(4) == 0) {
      things_.erase(id);
      return "delete from thing where id = " + std::to_string(id) + ";";
    }
    const std::string body(below(below(8) ? 300 : 20'000), char('a' + below(26)));
    things_[id] = body;
    return "insert or replace into thing values (" + std::to_string(id) + ", '" + body + "');";
  }

  std::minstd_rand random_;
  things things_;
};

things all_of(aft::reader& r) {
  things found;
  for (auto& t : r.all<thing>("select id, body from thing")) found[t.id] = std::move(t.body);
  return found;
}

// In a process of its own, as SQLite loses its locks on a file that its process closes.
void change_file(const std::string& file, std::int64_t at, const std::string& to) {
  const pid_t child = fork();
  if (!child) {
    const int opened = open(file.c_str(), O_RDWR);
    const bool is_done =
        opened >= 0 && pwrite(opened, to.data(), to.size(), at) == ssize_t(to.size());
    _exit(is_done ? 0 : 1);
  }
  int status = 1;
  waitpid(child, &status, 0);
  REQUIRE(status == 0);
}

// As a program leaves it that dies in the middle of a commit. Not that of an empty log: where that
// happens twice, both indexes that SQLite makes are the same, and it takes what a connection has
// cached before for what is there.
void spoil_index_of_log(const std::string& database) {
  if (std::filesystem::file_size(database + "-wal") == 0) return;
  change_file(database + "-shm", 4, std::string(16, '\xff'));
}

// With so much memory for what it reads. Its snapshot keeps nobody from copying the log, once it
// has read.
class one_reader {
 public:
  one_reader(const std::string& file, std::size_t bytes)
      : options_(with_cache(bytes)), reading_(file, options_, time_) {}

  things read() {
    auto found = begin();
    end();
    return found;
  }
  std::int64_t sum_of_balances() {
    const auto found = reading_.begin({}).one<std::int64_t>("select sum(balance) from account");
    end();
    return found;
  }
  things begin() {
    view_ = &reading_.begin({});
    return again();
  }
  things again() { return all_of(*view_); }
  void end() {
    reading_.end();
    reading_.let_go();
  }

 private:
  static aft::storage_options with_cache(std::size_t bytes) {
    aft::storage_options options;
    options.cache_bytes = bytes;
    return options;
  }

  const aft::clock time_;
  const aft::storage_options options_;
  aft::storage::sqlite_reading reading_;
  aft::reader* view_ = nullptr;
};

// A table of which each row is on a page of its own, and what happens to it, a letter each.
class pages_of_things {
 public:
  explicit pages_of_things(const std::string& url) : url_(url), other_(url) {
    other_.run(
        "pragma journal_mode=wal; pragma synchronous=off;"
        "create table thing (id integer primary key, body text not null) strict");
    reader_.emplace(url, 1u << 20);
    holder_.emplace(url, 1u << 20);
    change(12);
  }

  void take(const std::string& steps) {
    CAPTURE(steps);
    for (const char step : steps) take(step);
    if (std::exchange(is_held_, false)) holder_->end();
  }

 private:
  void take(char step) {
    switch (step) {
      case 'w': return change(1);
      case 'W': return change(3);
      case 'p': return copy("passive");
      case 'r': return copy("restart");
      case 't': return copy("truncate");
      case 'x': return spill(stranger(url_));
      case 'X': return spill(other_);
      case 'R':
        if (reader_->read() != expected_) FAIL("not what is there");
        return;
      case 'h':
        if (!std::exchange(is_held_, true)) holder_->begin();
        return;
      case 'u':
        if (std::exchange(is_held_, false)) holder_->end();
        return;
      default: FAIL("no such step");
    }
  }

  void change(int rows) {
    std::string script = "begin;";
    for (; rows; --rows) {
      const auto id = ++commits_ * 5 % 12;
      const auto body = std::to_string(commits_) + std::string(3000, ' ');
      expected_[id] = body;
      script += "insert or replace into thing values (" + std::to_string(id) + ", '" + body + "');";
    }
    other_.run(script + "commit");
  }
  void copy(const std::string& kind) {
    other_.tries("pragma wal_checkpoint(" + kind + ")");  // as far as others let it
  }
  // More than there is memory for, so that it comes into the log, where none of it stays.
  void spill(stranger& who) {
    who.run(
        "pragma cache_size=1; begin;"
        "with recursive n (i) as (select 100 union all select i + 1 from n where i < 200)"
        "insert into thing select i, hex(zeroblob(1500)) from n; rollback; pragma "
        "cache_size=-2000");
  }
  void spill(stranger&& somebody_new) { spill(somebody_new); }

  const std::string url_;
  stranger other_;
  std::optional<one_reader> reader_{}, holder_{};
  things expected_;
  int commits_ = 0;
  bool is_held_ = false;
};

// Reads of this thread so far, from files that are open.
long reads_so_far() {
  std::ifstream file("/proc/thread-self/io");
  std::string name;
  for (long number; file >> name >> number;) {
    if (name == "syscr:") return number;
  }
  return -1;
}

}  // namespace

TEST_CASE("what is read is right, whatever others write and copy") {
  if (on_postgres()) return;
  const int seeds = std::getenv("AFT_LONG") ? 300 : 6;
  for (int seed = 1; seed <= seeds; ++seed) {
    CAPTURE(seed);
    temporary_folder folder;
    const auto url = folder / "test.db";
    stranger other(url);
    other.run(seed % 3 ? "pragma page_size=4096" : "pragma page_size=512");
    other.run(
        "pragma journal_mode=wal;"
        "create table thing (id integer primary key, body text not null) strict");
    one_reader few(url, 64u << 10), some(url, 1u << 20), seldom(url, 8u << 20), held(url, 1u << 20);
    changes all{unsigned(seed)};
    std::optional<things> seen_by_held;
    for (int step = 0; step < 500; ++step) {
      CAPTURE(step);
      const auto what = all.below(100);
      if (what < 60) {
        other.run(all.next());
      } else if (what < 85) {
        static const char* const kinds[] = {"passive", "full", "restart", "truncate"};
        other.tries(std::string("pragma wal_checkpoint(") + kinds[all.below(4)] + ")");
      } else if (what < 88) {
        other.run("vacuum");
      } else if (what < 90) {
        spoil_index_of_log(url);
      } else if (!seen_by_held && what < 93) {
        seen_by_held = held.begin();
        REQUIRE(*seen_by_held == all.expected());
      } else if (seen_by_held && what > 92) {
        REQUIRE(held.again() == *seen_by_held);
        held.end();
        seen_by_held.reset();
      }
      // Not each time, so that what is kept may be older than the last commits.
      if (all.below(3) == 0) REQUIRE(few.read() == all.expected());
      if (all.below(10) == 0) REQUIRE(some.read() == all.expected());
      if (all.below(30) == 0) REQUIRE(seldom.read() == all.expected());
    }
    if (seen_by_held) held.end();
  }
}

TEST_CASE("what is read is right in every order of commits, copies and reads") {
  if (on_postgres()) return;
  temporary_folder folder;
  pages_of_things pages(folder / "test.db");
  // The last log came further than was known of the one before; then what lies beyond is of a log
  // that came to nothing, of one that follows on none and of one that does.
  for (const auto* steps : {"rwRWrwR", "rWhwpRuWtxwR", "rWhwpRuWpXwR", "rWpRXRwR"}) {
    pages.take(steps);
  }
  const std::string_view steps = "wWprRhut";
  std::string order(std::getenv("AFT_LONG") ? 7 : 4, steps[0]);
  for (bool is_last = false; !is_last;) {
    pages.take(order);
    std::size_t at = 0;  // the next one
    while (at < order.size() && order[at] == steps.back()) order[at++] = steps[0];
    is_last = at == order.size();
    if (!is_last) order[at] = steps[steps.find(order[at]) + 1];
  }
}

TEST_CASE("what is read is right after a copy of more frames than a piece of the log's index has") {
  if (on_postgres()) return;
  temporary_folder folder;
  const auto url = folder / "test.db";
  stranger other(url);
  other.run(
      "pragma page_size=512; pragma journal_mode=wal;"
      "create table thing (id integer primary key, body text not null) strict;"
      "with recursive n (i) as (select 1 union all select i + 1 from n where i < 9000)"
      "insert into thing select i, hex(zeroblob(200)) from n;"  // a page each
      "pragma wal_checkpoint(restart)");
  one_reader reader(url, 16u << 20);
  for (const auto* body : {"'first'", "'second'"}) {
    other.run(std::string("update thing set body = ") + body + " where id = 1");
    CHECK(reader.read().size() == 9000);
    other.run(std::string("update thing set body = ") + body + " || substr(body, 8)");
    other.run("pragma wal_checkpoint(passive)");
    int wrong = 0;
    for (const auto& [id, found] : reader.read())
      wrong += !found.starts_with(std::string(body + 1, 5));
    CHECK(wrong == 0);
  }
}

TEST_CASE_FIXTURE(storage_fixture, "a snapshot is whole while others write and copy all the time") {
  if (on_postgres()) return;
  schema(
      "create table account (id integer primary key, balance integer not null, page text not null) "
      "strict;"
      "with recursive n (i) as (select 1 union all select i + 1 from n where i < 200)"
      "insert into account select i, 1000, hex(zeroblob(900)) from n;");
  std::atomic<bool> stop{false};
  std::atomic<int> transfers{0}, copied{0}, wrong{0};
  std::thread writing([&] {
    stranger other(url);
    other.run("pragma busy_timeout=10000");
    std::minstd_rand random(1);
    for (; !stop; ++transfers) {
      const auto from = std::to_string(random() % 200 + 1), to = std::to_string(random() % 200 + 1);
      wrong += !other.tries(
          "begin immediate; update account set balance = balance - 1 where id = " + from +
          "; update account set balance = balance + 1 where id = " + to + "; commit");
    }
  });
  std::thread copying([&] {
    stranger other(url);
    static const char* const kinds[] = {"passive", "full", "restart", "truncate"};
    for (int i = 0; !stop; ++i) {
      copied += other.tries(std::string("pragma wal_checkpoint(") + kinds[i % 4] + ")");
    }
  });
  std::vector<std::thread> reading;
  for (const std::size_t bytes : {128u << 10, 4u << 20}) {
    reading.emplace_back([&, bytes] {
      one_reader reader(url, bytes);
      while (!stop) {
        if (reader.sum_of_balances() != 200 * 1000) ++wrong;
      }
    });
  }
  std::this_thread::sleep_for(std::chrono::seconds(std::getenv("AFT_LONG") ? 60 : 1));
  stop = true;
  writing.join();
  copying.join();
  for (auto& t : reading) t.join();
  CHECK(wrong == 0);
  CHECK(transfers > 50);
  CHECK(copied > 10);
}

TEST_CASE_FIXTURE(storage_fixture,
                  "commits and copies of others cost no page that they have not changed") {
  if (on_postgres()) return;
  if (reads_so_far() < 0) {
    MESSAGE("SKIPPED: this system does not count the reads of a thread");
    return;
  }
  schema(
      "create table thing (id integer primary key, body text not null) strict;"
      "create table other (id integer primary key) strict;"
      "with recursive n (i) as (select 1 union all select i + 1 from n where i < 1000)"
      "insert into thing select i, hex(zeroblob(1000)) from n;");
  const auto copy = [this] { stranger(url).run("pragma wal_checkpoint(restart)"); };
  copy();
  auto& engine = db.inside().engine();
  auto* const reading = engine.take();
  const auto read_all = [&] {
    const auto before = reads_so_far();
    CHECK(reading->begin().one<int>("select count(*) from thing where body <> ''") == 1000);
    reading->end();
    return reads_so_far() - before;
  };
  db.write([](aft::transaction& tx) { tx.execute("insert into other values (0)"); });
  CHECK(read_all() > 500);  // two rows to a page
  for (int i = 1; i <= 10; ++i) {
    db.write([i](aft::transaction& tx) { tx.execute("insert into other values ($1)", i); });
    CHECK(read_all() < 10);
    if (i % 3) continue;
    copy();
    CHECK(read_all() < 10);  // and the next commit begins the log anew
  }
  engine.give_back(reading);
}

TEST_CASE_FIXTURE(storage_fixture, "a check looks at the file, not at what is kept of it") {
  if (on_postgres()) return;
  schema(
      "create table other (id integer primary key) strict;"
      "create table thing (id integer primary key, body text not null) strict;"
      "with recursive n (i) as (select 1 union all select i + 1 from n where i < 100)"
      "insert into thing select i, hex(zeroblob(500)) from n;");
  stranger(url).run("pragma wal_checkpoint(truncate)");
  const auto commit = [&] {
    db.write([](aft::transaction& tx) { tx.execute("insert into other default values"); });
  };
  const auto count = [](aft::reader& r) { return all_of(r).size(); };
  commit();
  CHECK(db.read(count) == 100);
  CHECK(aft::check(db).empty());
  commit();
  CHECK(db.read(count) == 100);

  change_file(url, std::int64_t(std::filesystem::file_size(url)) / 2, std::string(20'000, '\x55'));
  commit();  // SQLite's own cache is forgotten
  CHECK(db.read(count) == 100);
  CHECK_FALSE(aft::check(db).empty());
  commit();
  CHECK(has(thrown_by([&] { db.read(count); }), "malformed"));
}

TEST_CASE("a table of pages gives the places of those that nobody found again") {
  using aft::storage::sqlite::page_table;
  page_table table(4 * (512 + 256), 512);
  REQUIRE(table.places() == 4);
  CHECK(table.page_size() == 512);
  std::map<std::uint32_t, std::uint32_t> places;
  for (const auto number : {1u, 5u, 9u, 13u}) {  // all in one bucket
    CHECK(table.hold(number) == page_table::none);
    places[number] = table.add(number);
    *table.content(places[number]) = char('a' + number);
    CHECK(table.place_of(table.content(places[number])) == places[number]);
  }
  CHECK(table.add(17) == page_table::none);  // all are held
  for (const auto number : {1u, 5u, 9u, 13u}) table.let_go(places[number]);
  REQUIRE(table.hold(1) == places[1]);
  table.let_go(places[1]);

  const auto place = table.add(17);
  CHECK(place == places[5]);  // 1 was found again
  CHECK(table.hold(5) == page_table::none);
  REQUIRE(table.hold(1) == places[1]);
  CHECK(*table.content(places[1]) == char('a' + 1));
  CHECK(table.hold(13) == places[13]);

  table.drop(place);
  CHECK(table.hold(17) == page_table::none);
  table.let_go(places[1]);
  table.let_go(places[13]);
  table.forget(13);
  table.forget(99);  // which is not there
  CHECK(table.hold(13) == page_table::none);
  CHECK(table.add(21) == places[13]);  // what was dropped last
  CHECK(table.add(25) == place);
  table.let_go(places[13]);
  table.let_go(place);
  table.clear();
  for (const auto number : {1u, 9u, 13u}) CHECK(table.hold(number) == page_table::none);
}

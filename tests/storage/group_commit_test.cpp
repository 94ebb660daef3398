#include <aft/storage/database.hpp>

#include <atomic>
#include <condition_variable>
#include <ctime>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include <aft/ground/metrics.hpp>

#include "storage/database.hpp"

#include "../metrics_reader.hpp"
#include "storage_fixture.hpp"

namespace {

// Transactions that wait behind one that waits for the test.
struct with_held_writer : storage_fixture {
  with_held_writer() {
    one.migrate("host", {{"001", "create table t (id integer primary key, x text) strict;"}});
    one.submit(
        [this](aft::transaction&) {
          std::unique_lock lock(mutex);
          holds = true;
          changed.notify_all();
          changed.wait(lock, [this] { return released; });
        },
        [](std::exception_ptr) {});
    std::unique_lock lock(mutex);
    changed.wait(lock, [this] { return holds; });
  }
  ~with_held_writer() { release(); }

  void release() {
    std::lock_guard lock(mutex);
    released = true;
    changed.notify_all();
  }
  void submit(const std::string& name, const aft::write_options& how = {}, bool fails = false) {
    one.submit(
        [name, fails](aft::transaction& tx) {
          tx.execute("insert into t (x) values ($1)", name);
          if (fails) throw std::runtime_error("no");
        },
        [this, name](std::exception_ptr failure) {
          std::lock_guard lock(mutex);
          order += (order.empty() ? "" : " ") + name;
          if (failure) failed[ended] = failure;
          ++ended;
          changed.notify_all();
        },
        how);
  }
  void wait_for(std::size_t count) {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return ended == count; });
  }
  std::string stored() {
    std::string all;
    for (const auto& x : one.read(
             [](aft::reader& r) { return r.all<std::string>("select x from t order by id"); })) {
      all += (all.empty() ? "" : " ") + x;
    }
    return all;
  }

  std::mutex mutex;
  std::condition_variable changed;
  bool holds = false, released = false;  // guarded by mutex, as are the next three
  std::string order;
  std::size_t ended = 0;
  std::exception_ptr failed[16];

  aft::database one{new_url(), {.max_writers = 1}, log, time};  // last, so it ends first
};

}  // namespace

TEST_CASE_FIXTURE(with_held_writer, "transactions are run in their order, low priority last") {
  submit("low 1", {.low_priority = true});
  submit("1");
  submit("low 2", {.low_priority = true});
  submit("2");
  submit("3");
  release();
  wait_for(5);
  CHECK(stored() == "1 2 3 low 1 low 2");
  CHECK(order == "1 2 3 low 1 low 2");
}

TEST_CASE_FIXTURE(with_held_writer, "what waits is committed together, what throws is left out") {
  const auto before = one.writes();
  CHECK(before.waiting == 0);
  submit("a");
  submit("b", {}, true);
  submit("c");
  submit("d", {.low_priority = true});
  CHECK(one.writes().waiting == 4);
  release();
  wait_for(4);
  CHECK(stored() == "a c d");
  one.write([](aft::transaction&) {});  // behind them, so all is counted
  const auto after = one.writes();
  CHECK(after.transactions - before.transactions == 6);  // the one that held, and the last, too
  CHECK(after.undone - before.undone == 1);
  CHECK(after.commits - before.commits == (on_postgres() ? 5 : 3));
  CHECK(after.largest_commit == (on_postgres() ? 1 : 3));
  CHECK(after.waited > before.waited);
  CHECK(after.running > before.running);
  CHECK(after.waiting == 0);
  CHECK(after.late == 0);
}

TEST_CASE_FIXTURE(with_held_writer, "a transaction that has waited for too long is not run") {
  submit("late", {.max_wait = aft::milliseconds(10)});
  submit("patient", {.max_wait = aft::hours(1)});
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  release();
  wait_for(2);
  CHECK(stored() == "patient");
  REQUIRE(failed[0]);
  try {
    std::rethrow_exception(failed[0]);
  } catch (const aft::storage_error& e) {
    CHECK(e.fault() == aft::storage_fault::late);
  }
  CHECK(!failed[1]);
  CHECK(one.writes().late == 1);
}

namespace {

std::string message_of(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const std::exception& e) {
    return e.what();
  }
}

// Counts its runs; writes its name, or what the test says.
struct counted_unit final : aft::storage::unit {
  counted_unit(with_held_writer& test, std::string text) : owner(test), name(std::move(text)) {}

  bool run(aft::transaction& tx) override {
    ++runs;
    if (!reads_only) tx.execute("insert into t (x) values ($1)", name);
    if (takes_all_with_it) {
      for (const int id : {1'000, 1'001}) {
        try {
          tx.execute("insert or rollback into t (id, x) values (0, $1)", name);
        } catch (const aft::storage_error&) {}
        if (goes_on) tx.execute("insert into t (id, x) values ($1, 'half')", id);
      }
    }
    if (scans) {
      tx.each<int>("select id from t", [&](int) {
        try {
          tx.execute("insert or rollback into t (id, x) values (0, 'no')");
        } catch (const aft::storage_error&) {}
      });
    }
    if (fills_disk) {
      tx.one<int>("pragma max_page_count = 1");  // as many as there are
      tx.execute("insert into t (x) values (hex(zeroblob(1000000)))");
    }
    if (repeats) tx.execute("insert into t (id, x) select id, x from t");
    if (fails) throw std::runtime_error("no");
    return !says_no;
  }
  bool may_run_again() const override { return !once; }
  aft::waker* done(std::exception_ptr told) noexcept override {
    std::lock_guard lock(owner.mutex);
    failed = told != nullptr;
    if (told) why = message_of(told);
    ++owner.ended;
    owner.changed.notify_all();
    return nullptr;
  }

  with_held_writer& owner;
  std::string name;
  int runs = 0;
  bool reads_only = false, repeats = false, fails = false, says_no = false, once = false;
  bool takes_all_with_it = false, goes_on = false, fills_disk = false, scans = false;
  std::string why{};
  bool failed = false;
};

struct with_units : with_held_writer {
  // All of them come to the writer while it is held, and so into one commit.
  void run_together() {
    for (auto& u : units) REQUIRE(one.inside().submit(u));
    release();
    wait_for(std::size(units));
  }
  std::string runs() const {
    std::string all;
    for (const auto& u : units) all += char('0' + u.runs);
    return all;
  }
  counted_unit units[5]{{*this, "a"}, {*this, "b"}, {*this, "c"}, {*this, "d"}, {*this, "e"}};
};

}  // namespace

TEST_CASE_FIXTURE(with_units, "one that fails after it has written is undone without the others") {
  units[2].fails = true;
  run_together();
  CHECK(stored() == "a b d e");
  CHECK(units[2].failed);
  CHECK(!units[1].failed);
  if (!on_postgres()) CHECK(runs() == "22111");
}

TEST_CASE_FIXTURE(with_units, "one that says no after it has written is undone, too") {
  units[4].says_no = true;
  run_together();
  CHECK(stored() == "a b c d");
  CHECK(!units[4].failed);
  if (!on_postgres()) CHECK(runs() == "22221");
}

TEST_CASE_FIXTURE(with_units, "one that fails before it has written costs the others nothing") {
  units[1].reads_only = units[1].fails = true;
  units[3].repeats = true;  // a constraint undoes its statement, but not the one before
  units[3].reads_only = true;
  run_together();
  CHECK(stored() == "a c e");
  CHECK(units[1].failed);
  CHECK(units[3].failed);
  CHECK(runs() == "11111");
}

namespace {

struct connection_unit final : aft::storage::unit {
  bool run(aft::transaction&) override { return ran_as_transaction = true; }
  bool wants_connection() const override { return true; }
  void run_on(aft::storage::schema_connection&) override { ran = true; }
  aft::waker* done(std::exception_ptr) noexcept override {
    ended = true;
    return nullptr;
  }

  bool ran = false, ran_as_transaction = false;
  std::atomic<bool> ended{false};
};

}  // namespace

TEST_CASE_FIXTURE(with_units, "work for the connection that comes meanwhile is no transaction") {
  release();
  one.write([](aft::transaction& tx) {  // a commit that takes longer than what follows
    tx.execute("insert into t (x) values ($1)", std::string(8'000'000, 'x'));
  });
  connection_unit schema;
  one.write([&](aft::transaction& tx) {
    tx.execute("insert into t (x) values ('a')");
    REQUIRE(one.inside().submit(schema));
  });
  one.write([](aft::transaction&) {});
  for (int i = 0; i < 3000 && !schema.ended; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  REQUIRE(schema.ended);
  CHECK(schema.ran);
  CHECK(!schema.ran_as_transaction);
}

TEST_CASE_FIXTURE(with_units, "the first of them is undone by itself") {
  units[0].fails = true;
  run_together();
  CHECK(stored() == "b c d e");
  CHECK(units[0].failed);
  CHECK(runs() == "11111");
}

TEST_CASE_FIXTURE(with_units, "the first of them is not run once more for another one") {
  units[0].fails = units[3].fails = true;
  run_together();
  CHECK(stored() == "b c e");
  CHECK(units[0].failed);
  CHECK(units[3].failed);
  if (!on_postgres()) CHECK(runs() == "12211");
}

TEST_CASE_FIXTURE(with_units, "of two that fail each is undone") {
  units[1].fails = true;
  units[3].repeats = true;
  run_together();
  CHECK(stored() == "a c e");
  CHECK(units[1].failed);
  CHECK(units[3].failed);
  if (!on_postgres()) CHECK(runs() == "21111");
}

TEST_CASE_FIXTURE(with_units, "what may run only once does") {
  units[1].once = true;
  units[3].fails = true;
  run_together();
  CHECK(stored() == "a b c e");
  CHECK(runs() == "11111");
}

// SQLite's "or rollback" undoes the transaction, which others share.
TEST_CASE_FIXTURE(with_units, "SQLite: one that undoes the whole commit fails alone" *
                                  doctest::skip(on_postgres())) {
  int which = 0;
  SUBCASE("the first") {}
  SUBCASE("one in the middle") { which = 2; }
  SUBCASE("the last") { which = 4; }
  SUBCASE("behind one that failed") {
    which = 3;
    units[1].fails = true;
  }
  SUBCASE("one that is caught and goes on") {
    which = 2;
    units[2].goes_on = true;
  }
  one.submit([](aft::transaction& tx) { tx.execute("insert into t (id, x) values (0, 'zero')"); },
             [](std::exception_ptr) {});
  units[which].takes_all_with_it = true;
  run_together();
  std::string others = "zero";
  for (int i = 0; i < 5; ++i) {
    const bool fails = i == which || units[i].fails;
    CHECK(units[i].failed == fails);
    if (!fails) others += ' ' + units[i].name;
  }
  CHECK(stored() == others);
  submit("later");
  wait_for(6);
  CHECK(stored() == others + " later");
}

TEST_CASE_FIXTURE(with_units, "SQLite: a full disk is told as such to all of a commit" *
                                  doctest::skip(on_postgres())) {
  units[1].fails = true;
  units[3].fills_disk = true;
  run_together();
  CHECK(units[1].why == "no");
  for (const int i : {0, 2, 3}) CHECK(has(units[i].why, "full"));
}

TEST_CASE_FIXTURE(with_units, "SQLite: a scan that lost its transaction fails alone, too" *
                                  doctest::skip(on_postgres())) {
  one.submit([](aft::transaction& tx) { tx.execute("insert into t (id, x) values (0, 'zero')"); },
             [](std::exception_ptr) {});
  units[2].scans = true;
  run_together();
  CHECK(units[2].failed);
  CHECK(stored() == "zero a b d e");
}

TEST_CASE_FIXTURE(with_units, "SQLite: where it undid one that may run only once, all are told" *
                                  doctest::skip(on_postgres())) {
  one.submit([](aft::transaction& tx) { tx.execute("insert into t (id, x) values (0, 'zero')"); },
             [](std::exception_ptr) {});
  units[1].once = true;
  units[3].takes_all_with_it = true;
  run_together();
  CHECK(units[1].runs == 1);
  CHECK(units[1].failed);
  CHECK(units[3].failed);
  for (const auto& u : units) {
    CHECK((stored().find(u.name) == std::string::npos) == u.failed);
  }
}

TEST_CASE_FIXTURE(with_units, "topics are told once, and not of what was undone") {
  std::atomic<int> kept_heard{0}, undone_heard{0};
  const auto first = one.listen("kept", [&] { ++kept_heard; });
  const auto second = one.listen("undone", [&] { ++undone_heard; });
  one.submit([](aft::transaction& tx) { tx.notify("kept"); }, [](std::exception_ptr) {});
  one.submit(
      [](aft::transaction& tx) {
        tx.execute("insert into t (x) values ('no')");
        tx.notify("undone");
        throw std::runtime_error("no");
      },
      [](std::exception_ptr) {});
  run_together();
  one.write([](aft::transaction&) {});
  for (int i = 0; i < 3000 && !kept_heard; ++i) {  // on PostgreSQL it comes over the server
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  CHECK(kept_heard == 1);
  CHECK(undone_heard == 0);
  one.unlisten(first);
  one.unlisten(second);
}

TEST_CASE_FIXTURE(storage_fixture, "the syncs of commits are counted, and their time") {
  const auto syncs = [](aft::database& of) {
    aft::metrics numbers;
    numbers.collect([&of](aft::metric_sink& to) { of.inside().engine().collect(to); });
    const auto all = metrics_reader::read(numbers.text(aft::metric_format::prometheus));
    const auto found = all.find("db_writer_sync_duration_seconds_count");
    return found == all.end() ? -1 : found->second;
  };
  schema("create table t (x integer) strict");
  const auto before = syncs(db);
  for (int i = 0; i < 5; ++i) {
    db.write([](aft::transaction& tx) { tx.execute("insert into t values (1)"); });
  }
  if (on_postgres()) {  // its server's own affair
    CHECK(before == -1);
    return;
  }
  CHECK(syncs(db) - before == 5);
  CHECK(db.writes().syncing <= db.writes().committing);
  aft::database hasty(new_url(), {.durable = false}, log, time);
  hasty.migrate("host", {{"001", "create table t (x integer) strict"}});
  hasty.write([](aft::transaction& tx) { tx.execute("insert into t values (1)"); });
  CHECK(syncs(hasty) == 0);
}

TEST_CASE_FIXTURE(storage_fixture, "a writer that was busy sleeps when nothing comes any more") {
  schema("create table t (x integer) strict");
  for (int i = 0; i < 50; ++i) {  // each right behind the one before
    db.write([](aft::transaction& tx) { tx.execute("insert into t values (1)"); });
  }
  const auto before = std::clock();  // processor time of the whole process
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  CHECK(std::clock() - before < CLOCKS_PER_SEC / 5);
}

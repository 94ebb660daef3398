// Queries and transactions that are not wanted any more, because of their time or because somebody
// says so: the engine stops them, and nothing of them stays.

#include <aft/storage/database.hpp>

#include <atomic>
#include <chrono>
#include <thread>

#include <doctest/doctest.h>

#include "../watchdog.hpp"
#include "storage_fixture.hpp"

namespace {

using aft::storage_fault;
using steady = std::chrono::steady_clock;

// Counts so far that nobody waits for it.
constexpr aft::sql endless =
    "with recursive n (i) as (select 1 union all select i + 1 from n where i < 2000000000) "
    "select count(*) from n";

struct with_limits : storage_fixture {
  with_limits() { schema("create table t (id integer primary key, x integer)"); }

  template <class F>
  static storage_fault fault_of(F&& f) {
    try {
      f();
    } catch (const aft::storage_error& e) {
      return e.fault();
    }
    return storage_fault::other;
  }
  void count(const aft::read_options& how) {
    db.read([](aft::reader& r) { return r.one<std::int64_t>(endless); }, how);
  }
  // One statement that writes for as long.
  static void fill(aft::transaction& tx) {
    tx.execute(
        "insert into t (id, x) with recursive n (i) as (select 1000 union all "
        "select i + 1 from n where i < 100000000) select i, i from n");
  }
  std::int64_t rows() { return db.one<std::int64_t>("select count(*) from t"); }

  watchdog dog{"a query without an end"};
  std::atomic<bool> cancel{false};
  std::thread soon{};
  void cancel_soon() {
    soon = std::thread([this] {
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
      cancel = true;
    });
  }
  ~with_limits() {
    if (soon.joinable()) soon.join();
  }
};

}  // namespace

TEST_CASE_FIXTURE(with_limits, "what is read for too long is stopped") {
  const auto began = steady::now();
  CHECK(fault_of([&] { count({.timeout = aft::milliseconds(100)}); }) == storage_fault::late);
  CHECK(steady::now() - began >= std::chrono::milliseconds(90));
  CHECK(rows() == 0);
}

TEST_CASE_FIXTURE(with_limits, "what is read is stopped when somebody cancels it") {
  cancel_soon();
  CHECK(fault_of([&] { count({.cancel = &cancel}); }) == storage_fault::cancelled);
  CHECK(rows() == 0);
  CHECK(fault_of([&] { count({.cancel = &cancel}); }) == storage_fault::cancelled);  // at once
}

TEST_CASE_FIXTURE(with_limits, "what is written for too long is stopped and undone") {
  const auto write = [&] {
    db.write(
        [](aft::transaction& tx) {
          tx.execute("insert into t (id, x) values (1, 1)");
          fill(tx);
        },
        {.timeout = aft::milliseconds(200)});
  };
  CHECK(fault_of(write) == storage_fault::late);
  CHECK(rows() == 0);
  db.write([](aft::transaction& tx) { tx.execute("insert into t (id, x) values (2, 2)"); });
  CHECK(rows() == 1);
}

TEST_CASE_FIXTURE(with_limits, "a transaction that is cancelled is undone without the others") {
  std::atomic<int> kept{0}, lost{0};
  std::atomic<bool> go{false};
  db.submit(
      [&](aft::transaction&) {
        while (!go) std::this_thread::yield();
      },
      [](std::exception_ptr) {});
  for (int i = 0; i < 5; ++i) {
    db.submit(
        [i](aft::transaction& tx) {
          tx.execute("insert into t (id, x) values ($1, 0)", i);
          if (i == 2) fill(tx);
        },
        [&](std::exception_ptr why) {
          if (why) ++lost;
          else ++kept;
        },
        i == 2 ? aft::write_options{.cancel = &cancel} : aft::write_options{});
  }
  cancel_soon();
  go = true;
  while (kept + lost < 5) std::this_thread::yield();
  CHECK(kept == 4);
  CHECK(lost == 1);
  CHECK(db.all<int>("select id from t order by id") == std::vector{0, 1, 3, 4});
}

// It is caught, but nothing more may be done.
TEST_CASE_FIXTURE(with_limits, "who goes on after it gets no further") {
  const auto write = [&] {
    db.write(
        [&](aft::transaction& tx) {
          tx.execute("insert into t (id, x) values (1, 1)");
          CHECK(fault_of([&] { fill(tx); }) == storage_fault::late);
          CHECK_THROWS_AS(tx.execute("insert into t (id, x) values (2, 2)"), aft::storage_error);
        },
        {.timeout = aft::milliseconds(200)});
  };
  if (on_postgres()) {
    write();  // a statement that fails undoes itself alone
    CHECK(rows() == 1);
  } else {
    CHECK(fault_of(write) == storage_fault::late);
    CHECK(rows() == 0);
  }
}

TEST_CASE_FIXTURE(with_limits, "a limit that is not reached changes nothing") {
  const aft::read_options reads{.timeout = aft::seconds(60), .cancel = &cancel};
  const aft::write_options writes{.timeout = aft::seconds(60), .cancel = &cancel};
  db.write([](aft::transaction& tx) { tx.execute("insert into t (id, x) values (7, 7)"); }, writes);
  CHECK(db.read([](aft::reader& r) { return r.one<int>("select x from t"); }, reads) == 7);
}

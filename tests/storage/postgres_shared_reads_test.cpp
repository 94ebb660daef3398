// Queries alone, of many threads or of none, on few connections to PostgreSQL.

#include <aft/storage/database.hpp>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "../postgres_proxy.hpp"
#include "../watchdog.hpp"
#include "storage_fixture.hpp"

namespace {

// One round at a time, and nothing of it goes on while `locked` is there.
struct with_rounds : storage_fixture {
  struct answer {
    std::optional<int> value;
    std::string failure;
  };

  with_rounds() {
    schema("create table t (id integer primary key, x integer not null)");
    db.write([](aft::transaction& tx) { tx.execute("insert into t values (1, 10), (2, 20)"); });
    for (int i = 0; i < 3; ++i) CHECK(quotient(1) == 10);  // known to be quick
  }

  int quotient(int by) { return far.one<int>("select x / $1::integer from t where id = 1", by); }
  void ask(int by) {
    ++asked;
    far.ask<int>(
        "select x / $1::integer from t where id = 1",
        [this](std::vector<int>&& rows, std::exception_ptr thrown) {
          answer a;
          try {
            if (thrown) std::rethrow_exception(thrown);
            a.value = rows.at(0);
          } catch (const std::exception& e) {
            a.failure = e.what();
          }
          std::lock_guard lock(mutex);
          answers.push_back(a);
          some.notify_all();
        },
        by);
  }
  // While another has all of the table for itself.
  template <class F>
  void while_locked(F&& f) {
    db.write([&](aft::transaction& tx) {
      tx.execute("lock table t in access exclusive mode");
      f();
    });
  }
  std::vector<answer> wait_for_all() {
    std::unique_lock lock(mutex);
    some.wait(lock, [this] { return answers.size() == asked; });
    return answers;
  }

  watchdog dog{"queries alone"};
  std::mutex mutex;
  std::condition_variable some;
  std::vector<answer> answers;
  std::size_t asked = 0;
  postgres_proxy between{postgres_server::shared()};
  aft::database far{between.url(url), {.max_readers = 1}, log, time};
};

}  // namespace

#define SHARED_TEST(name) \
  TEST_CASE_FIXTURE(with_rounds, "PostgreSQL: " name* doctest::skip(!on_postgres()))

SHARED_TEST("those who ask while others wait share the next round trip") {
  const int before = between.round_trips();
  while_locked([&] {
    for (int by = 1; by <= 20; ++by) ask(1 + by % 5);
  });
  const auto all = wait_for_all();
  CHECK(between.round_trips() - before <= 3);  // one of them may go while the first is under way
  int sum = 0;
  for (const auto& a : all) sum += a.value.value();
  CHECK(sum == 4 * (10 / 1 + 10 / 2 + 10 / 3 + 10 / 4 + 10 / 5));
}

SHARED_TEST("those who share it are told before who asked is woken, once for all") {
  std::atomic<int> told{0}, woken{0};
  const aft::function<void()> wake = [&] { ++woken; };
  const auto alive = std::make_shared<int>();
  while_locked([&] {
    for (int i = 0; i < 21; ++i) {  // the first goes alone
      far.ask<int>(
          "select x / $1::integer from t where id = 1",
          [&, alive](std::vector<int>&&, std::exception_ptr) {
            ++told;
            return &wake;
          },
          1);
    }
  });
  while (alive.use_count() > 1) std::this_thread::yield();
  CHECK(told == 21);
  CHECK(woken <= 3);
}

SHARED_TEST("threads that wait share it, too") {
  const int before = between.round_trips();
  std::vector<std::thread> threads;
  std::atomic<int> begun{0}, right{0};
  while_locked([&] {
    for (int i = 0; i < 20; ++i) {
      threads.emplace_back([&] {
        ++begun;
        right += quotient(2) == 5;
      });
    }
    while (begun < 20 || postgres_server::shared().execute(
                             "select count(*) from pg_locks where not granted") == "0") {
      std::this_thread::yield();
    }
  });
  for (auto& thread : threads) thread.join();
  CHECK(right == 20);
  CHECK(between.round_trips() - before < 20);
}

SHARED_TEST("one that fails takes no other with it") {
  while_locked([&] {
    for (const int by : {1, 2, 0, 5, 0, 10}) ask(by);
  });
  std::vector<int> values;
  int failed = 0;
  for (const auto& a : wait_for_all()) {
    if (a.value) values.push_back(*a.value);
    else failed += has(a.failure, "division by zero");
  }
  std::sort(values.begin(), values.end());
  CHECK(values == std::vector{1, 2, 5, 10});
  CHECK(failed == 2);
  CHECK(quotient(5) == 2);  // which now is asked alone at first
  CHECK(quotient(5) == 2);
}

SHARED_TEST("where the connection is lost all are asked again") {
  ask(1);
  wait_for_all();
  REQUIRE(postgres_server::shared().end_connections() > 0);
  for (const int by : {1, 2, 5}) ask(by);
  int sum = 0;
  for (const auto& a : wait_for_all()) sum += a.value.value();
  CHECK(sum == 10 + 10 + 5 + 2);
}

// Where 8 and more wait they are on their way before those before them are answered.
SHARED_TEST("all are answered while some fail, others are new and connections are lost") {
  constexpr int most = 100;  // in flight
  std::atomic<int> flying{0}, answered{0}, wrong{0};
  const auto asked_by = [&](int by) {
    ++flying;
    return [&, by](std::vector<int>&& rows, std::exception_ptr thrown) {
      const auto why = thrown_by([&] {
        if (thrown) std::rethrow_exception(thrown);
      });
      const bool is_right = by ? !thrown && rows.at(0) == 10 / by : has(why, "division by zero");
      if (!is_right) MESSAGE(by << ": " << why);
      wrong += !is_right;
      ++answered;
      --flying;
    };
  };
  for (int round = 0; round < 10; ++round) {
    for (int i = 1; i <= 1'000; ++i) {
      while (flying >= most) std::this_thread::yield();
      const int by = i % 80 == 79 ? 0 : 1 + i % 5;
      if (i % 100 == 50 && round % 2) {  // not known where the connection is new
        far.ask<int>("select x / $1::integer - 0 from t where id = 1", asked_by(by), by);
      } else if (i % 20 == 19) {  // at times by 0, and then alone the next time
        far.ask<int>("select x / $1::integer * 1 from t where id = 1", asked_by(by), by);
      } else {
        far.ask<int>("select x / $1::integer from t where id = 1", asked_by(by), by);
      }
      if (round % 3 == 1 && i == 700) postgres_server::shared().end_connections();
    }
    while (flying) std::this_thread::yield();  // who is lost twice is told so
  }
  CHECK(answered == 10'000);
  CHECK(wrong == 0);
}

// One of the two texts is not known to the connection, which is new each time.
SHARED_TEST("where an idle connection was lost many get their own answers") {
  for (int round = 0; round < 20; ++round) {
    REQUIRE(postgres_server::shared().end_connections() > 0);
    constexpr int asked_at_once = 200;
    std::atomic<int> answered{0}, wrong{0};
    for (int by = 1; by <= asked_at_once; ++by) {
      const auto told = [&, by](std::vector<int>&& rows, std::exception_ptr thrown) {
        wrong += thrown || rows.at(0) != 10'000 / by;
        ++answered;
      };
      if (round % 2) far.ask<int>("select 1000 * x / $1::integer from t where id = 1", told, by);
      else far.ask<int>("select 10000 / $1::integer from t where id = 1", told, by);
    }
    while (answered < asked_at_once) std::this_thread::yield();
    CHECK(wrong == 0);
  }
}

SHARED_TEST("where the table has changed all are asked again") {
  struct row {
    int id;
    int x;
  };
  const auto all = [&] { return far.all<row>("select * from t order by id"); };
  CHECK(all().size() == 2);
  CHECK(all().size() == 2);
  db.write([](aft::transaction& tx) {
    tx.execute("alter table t add column more text");
    tx.execute("alter table t alter column x type bigint");
  });
  CHECK(all().at(1).x == 20);
  CHECK(quotient(2) == 5);
  db.write([](aft::transaction& tx) { tx.execute("alter table t drop column id"); });
  CHECK(has(thrown_by(all), "id"));
}

SHARED_TEST("a row that does not fit fails him alone who asked for it") {
  struct row {
    int nonsense;
  };
  const auto wrong = [&] { far.all<row>("select x / $1::integer from t where id = 1", 1); };
  CHECK(has(thrown_by(wrong), "nonsense"));
  const auto narrow = [&] {
    return far.one<std::int8_t>("select x * $1::integer from t where id = 1", 100);
  };
  for (int i = 0; i < 3; ++i) CHECK(has(thrown_by(narrow), "?column?"));
  CHECK(quotient(1) == 10);
}

SHARED_TEST("what is not known to be quick has a connection to itself") {
  aft::database two(url, {.max_readers = 2}, log, time);
  db.write([](aft::transaction& tx) { tx.execute("create table slow (x integer)"); });
  const auto quick_one = [&] { return two.one<int>("select 1"); };
  CHECK(quick_one() == 1);
  CHECK(quick_one() == 1);
  std::atomic<bool> done{false};
  db.write([&](aft::transaction& tx) {
    tx.execute("lock table slow in access exclusive mode");
    two.ask<int>("select count(*) from slow",
                 [&](std::vector<int>&&, std::exception_ptr) { done = true; });
    for (int i = 0; i < 100; ++i) CHECK(quick_one() == 1);
    CHECK(!done);
  });
  while (!done) std::this_thread::yield();
}

SHARED_TEST("behind what waits for a lock nothing more is sent") {
  aft::database two(url, {.max_readers = 2}, log, time);
  db.write([](aft::transaction& tx) { tx.execute("create table slow (x integer)"); });
  for (int i = 0; i < 3; ++i) {  // known to be quick
    CHECK(two.one<int>("select 1") == 1);
    CHECK(two.one<int>("select count(*) from slow") == 0);
  }
  std::atomic<bool> done{false};
  std::atomic<int> answered{0};
  db.write([&](aft::transaction& tx) {
    tx.execute("lock table slow in access exclusive mode");
    two.ask<int>("select count(*) from slow",
                 [&](std::vector<int>&&, std::exception_ptr) { done = true; });
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    for (int i = 0; i < 1'000; ++i) {
      two.ask<int>("select 1", [&](std::vector<int>&&, std::exception_ptr) { ++answered; });
    }
    while (answered < 1'000) std::this_thread::yield();
    CHECK(!done);
  });
  while (!done) std::this_thread::yield();
}

SHARED_TEST("more than max_queue may not wait, and what waits at the end is answered") {
  std::atomic<int> answered{0};
  {
    aft::database small(url, {.max_queue = 3, .max_readers = 1}, log, time);
    while_locked([&] {
      const auto one = [&] {
        small.ask<int>("select count(*) from t", [&](std::vector<int>&& rows, std::exception_ptr) {
          answered += rows.at(0);
        });
      };
      for (int i = 0; i < 3; ++i) one();
      CHECK(has(thrown_by(one), "more queries wait"));
    });
  }
  CHECK(answered == 6);
}

#include <aft/storage/asked_query.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "../watchdog.hpp"
#include "storage_fixture.hpp"

TEST_CASE_FIXTURE(storage_fixture, "one query is asked by somebody who does not wait") {
  schema("create table t (id integer primary key, x text not null)");
  struct row {
    std::int64_t id;
    std::string x;
  };
  std::mutex mutex;
  std::condition_variable some;
  std::map<int, std::string> answers;
  const auto tell = [&](int number, std::string what) {
    std::lock_guard lock(mutex);
    answers[number] = std::move(what);
    some.notify_all();
  };
  for (int i = 1; i <= 50; ++i) {
    const auto x = "a text that is longer than what fits inside, " + std::to_string(i);
    db.write([&](aft::transaction& tx) { tx.execute("insert into t values ($1, $2)", i, x); });
    db.ask<row>(
        "select * from t where x = $1",
        [=, &tell](std::vector<row>&& rows, std::exception_ptr thrown) {
          tell(i, !thrown && rows.size() == 1 && rows[0].id == i ? rows[0].x : "wrong");
        },
        std::string(x));  // which does not live on
  }
  db.ask<row>("select * from nowhere", [&](std::vector<row>&& rows, std::exception_ptr thrown) {
    tell(0, rows.empty() ? thrown_by([&] { std::rethrow_exception(thrown); }) : "rows");
  });
  std::unique_lock lock(mutex);
  CHECK(some.wait_for(lock, std::chrono::seconds(60), [&] { return answers.size() == 51; }));
  for (int i = 1; i <= 50; ++i) CHECK(answers[i].ends_with(", " + std::to_string(i)));
  CHECK(has(answers[0], "nowhere"));
}

TEST_CASE_FIXTURE(storage_fixture, "who asks is woken after all that ended together were told") {
  watchdog dog("waking who asked");
  schema("create table t (id integer primary key)");
  for (int round = 0; round < 3; ++round) {
    std::atomic<int> asked{0}, told{0}, woken{0}, told_when_woken{0};
    const aft::function<void()> wake = [&] {
      ++woken;
      const int now = told;
      int most = told_when_woken;
      while (most < now && !told_when_woken.compare_exchange_weak(most, now)) {}
    };
    const auto alive = std::make_shared<int>();
    for (int i = 0; i < 20; ++i) {
      ++asked;
      db.ask<int>(
          "select $1::integer",
          [&, alive](std::vector<int>&&, std::exception_ptr) {
            ++told;
            return &wake;
          },
          i);
    }
    while (alive.use_count() > 1) std::this_thread::yield();  // the last is woken for before
    CHECK(told == asked);
    CHECK(woken >= 1);
    CHECK(woken <= asked);
    CHECK(told_when_woken == asked);
  }
}

TEST_CASE_FIXTURE(storage_fixture, "what is thrown by those who are told or woken is dropped") {
  watchdog dog("throwing when told");
  const aft::function<void()> wake = [] { throw std::runtime_error("woken"); };
  const auto alive = std::make_shared<int>();
  db.ask<int>("select 1", [alive](std::vector<int>&&, std::exception_ptr) {
    throw std::runtime_error("told");
  });
  db.ask<int>("select 1", [&, alive](std::vector<int>&&, std::exception_ptr) { return &wake; });
  while (alive.use_count() > 1) std::this_thread::yield();
  CHECK(db.one<int>("select 1") == 1);
}

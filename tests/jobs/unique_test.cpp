// Unique keys, limits of keys, and jobs that wait for others.

#include <stdexcept>
#include <thread>

#include <doctest/doctest.h>

#include "job_app.hpp"

namespace {

namespace jobs = aft::jobs;
using jobs::job_state;

struct mirror {
  int n = 0;
};
struct other {
  int n = 0;
};

struct with_sync : job_app {
  with_sync() {
    app.job<mirror>([this](mirror s) { ran += std::to_string(s.n); });
  }
};

}  // namespace

TEST_CASE_FIXTURE(with_sync, "of one key one job waits, and the first stays") {
  const auto id = enqueue(mirror{1}, {.unique = "ines"});
  CHECK(enqueue(mirror{2}, {.unique = "ines"}) == id);
  CHECK(enqueue(mirror{3}, {.unique = "olaf"}) != id);
  CHECK(enqueue(other{4}, {.unique = "ines"}) != id);  // of another kind
  CHECK(run() == 2);
  CHECK(take_ran() == "13");
  CHECK(enqueue(mirror{5}, {.unique = "ines"}) != id);
  CHECK(run() == 1);
}

TEST_CASE_FIXTURE(with_sync, "a job that waits can be replaced") {
  const auto id = enqueue(mirror{1}, {.unique = "k"});
  const aft::job_options later{
      .delay = aft::minutes(5), .unique = "k", .on_conflict = aft::job_conflict::replace};
  CHECK(enqueue(mirror{2}, later) == id);
  CHECK(run() == 0);  // put off, as for one that is typing
  CHECK(run_after(aft::minutes(5)) == 1);
  CHECK(ran == "2");
}

TEST_CASE_FIXTURE(job_app, "a job that runs has its key, and gets a successor by replace") {
  std::int64_t kept = 0, successor = 0;
  app.job<mirror>([&](mirror s, aft::job_context& c) {
    ran += std::to_string(s.n);
    if (s.n != 1) return;
    kept = enqueue(mirror{2}, {.unique = "k"});
    CHECK(kept == c.id());
    successor = enqueue(mirror{3}, {.unique = "k", .on_conflict = aft::job_conflict::replace});
    CHECK(successor != c.id());
  });
  enqueue(mirror{1}, {.unique = "k"});
  CHECK(run() == 2);
  CHECK(ran == "13");
}

TEST_CASE_FIXTURE(with_sync, "a key that is unique for a time outlives its job") {
  const aft::job_options hourly{.unique = "k", .unique_for = aft::hours(1)};
  const auto id = enqueue(mirror{1}, hourly);
  CHECK(run() == 1);
  CHECK(enqueue(mirror{2}, hourly) == id);
  CHECK(run() == 0);
  time.advance(aft::hours(1));
  CHECK(enqueue(mirror{3}, hourly) != id);
  CHECK(run() == 1);
  CHECK(ran == "13");
  run_after(aft::hours(1));
  CHECK(list().empty());
}

TEST_CASE_FIXTURE(with_sync, "a key is free when its job is given up or cancelled") {
  const auto id = enqueue(mirror{1}, {.unique = "k"});
  write([&](aft::transaction& tx) { jobs::cancel(tx, id); });
  CHECK(enqueue(mirror{2}, {.unique = "k"}) != id);
}

TEST_CASE_FIXTURE(with_sync, "many threads that enqueue one key at once make one job") {
  app.prepare();
  std::vector<std::thread> threads;
  for (int i = 0; i < 16; ++i) {
    threads.emplace_back([this] {
      for (int k = 0; k < 10; ++k) enqueue(mirror{k}, {.unique = "k" + std::to_string(k)});
    });
  }
  for (auto& t : threads) t.join();
  CHECK(list().size() == 10);
}

TEST_CASE_FIXTURE(job_app, "options that make no sense are refused with the reason") {
  const auto why = [this](const aft::job_options& o) -> std::string {
    try {
      enqueue(mirror{}, o);
    } catch (const aft::error& e) {
      return e.what();
    }
    return "stored";
  };
  CHECK(has(why({.max_attempts = 1'000'000}), "max_attempts of a job is 1000000; 1 to 1000"));
  CHECK(has(why({.max_attempts = -1}), "max_attempts"));
  CHECK(has(why({.queue = ""}), "without a name"));
  CHECK(has(why({.unique_for = aft::hours(1)}), "needs a unique key"));
  CHECK(has(why({.limit = 1}), "needs a limit_key"));
  CHECK(has(why({.limit_key = "k", .rate = 1}), "go together"));
  CHECK(why({}) == "stored");
}

TEST_CASE_FIXTURE(job_app, "of one limit key at most so many run at once") {
  int running = 0, most = 0;
  app.job<mirror>([&](mirror s) {
    ran += std::to_string(s.n);
    most = std::max(most, ++running);
    // Looks for more, as another worker would.
    if (s.n < 4) run();
    --running;
  });
  for (int i = 1; i <= 6; ++i) enqueue(mirror{i}, {.limit_key = "api", .limit = 2});
  run();
  CHECK(most == 2);
  CHECK(ran.size() == 6);
  CHECK(list().empty());
}

TEST_CASE_FIXTURE(with_sync, "of one limit key at most so many start in a period") {
  for (int i = 1; i <= 5; ++i) {
    enqueue(mirror{i}, {.limit_key = "api", .rate = 2, .rate_period = aft::minutes(1)});
  }
  enqueue(mirror{9});
  CHECK(run() == 3);
  CHECK(take_ran() == "129");
  CHECK(list({.state = job_state::held}).size() == 3);
  CHECK(run_after(aft::seconds(59)) == 0);
  CHECK(run_after(aft::seconds(1)) == 2);
  CHECK(take_ran() == "34");
  CHECK(run_after(aft::minutes(1)) == 1);
  CHECK(ran == "5");
  // Nothing is left of a limit that nobody needs.
  run_after(aft::minutes(2));
  run();
  CHECK(app.db().read(
            [](aft::reader& db) { return db.one<int>("select count(*) from aft_limit"); }) == 0);
}

TEST_CASE_FIXTURE(job_app, "a limited job that fails makes room, and waits like others") {
  app.job<mirror>([this](mirror s, aft::job_context& c) {
    ran += std::to_string(s.n);
    if (s.n == 1 && c.attempt() == 1) throw std::runtime_error("down");
  });
  for (int i = 1; i <= 2; ++i) enqueue(mirror{i}, {.limit_key = "api", .limit = 1});
  CHECK(run() == 2);
  CHECK(run_after(aft::minutes(1)) == 1);
  CHECK(ran == "121");
}

TEST_CASE_FIXTURE(job_app, "a job waits until all of those before it are done") {
  bool fails = true;
  app.job<mirror>([&](mirror s) {
    if (s.n == 2 && fails) throw std::runtime_error("down");
    ran += std::to_string(s.n);
  });
  const auto a = enqueue(mirror{1}), b = enqueue(mirror{2}, {.max_attempts = 1});
  const auto last = enqueue(mirror{3}, {.after = {a, b, a, 1'000'000}});
  const auto after_last = enqueue(mirror{4}, {.after = {last}});
  CHECK(run() == 2);
  CHECK(take_ran() == "1");
  CHECK(state(last) == job_state::blocked);
  CHECK(state(b) == job_state::dead);
  fails = false;
  write([&](aft::transaction& tx) { jobs::retry(tx, b); });
  CHECK(run() == 3);
  CHECK(ran == "234");
  CHECK(!state(after_last));
}

TEST_CASE_FIXTURE(with_sync, "jobs that wait for one that is cancelled or dropped are cancelled") {
  const auto a = enqueue(mirror{1}, {.delay = aft::hours(1)});
  const auto b = enqueue(mirror{2}, {.after = {a}});
  const auto c = enqueue(mirror{3}, {.after = {b}});
  write([&](aft::transaction& tx) { jobs::cancel(tx, a); });
  CHECK(state(b) == job_state::cancelled);
  CHECK(state(c) == job_state::cancelled);
  CHECK(find(c)->error == "a job that it waited for was cancelled");
  const auto late = enqueue(mirror{4}, {.after = {a}});
  CHECK(state(late) == job_state::cancelled);
  CHECK(run_after(aft::hours(1)) == 0);
}

TEST_CASE_FIXTURE(with_sync, "a job that waits for others keeps its delay") {
  const auto a = enqueue(mirror{1});
  enqueue(mirror{2}, {.delay = aft::hours(1), .after = {a}});
  CHECK(run() == 1);
  CHECK(run_after(aft::minutes(59)) == 0);
  CHECK(run_after(aft::minutes(1)) == 1);
}

TEST_CASE("a queue that is full refuses more, says so, and takes them again") {
  job_app site({.max_waiting = 3});
  site.app.job<mirror>([](mirror) {});
  site.write([](aft::transaction& tx) { jobs::pause(tx, "flood"); });
  for (int i = 0; i < 3; ++i) site.enqueue(mirror{i}, {.queue = "flood"});
  site.run();  // counts
  CHECK_THROWS_WITH_AS(site.enqueue(mirror{4}, {.queue = "flood"}),
                       doctest::Contains("the queue flood is full"), aft::queue_full);
  CHECK_THROWS_AS(site.enqueue(mirror{4}, {.queue = "flood", .unique = "k"}), aft::queue_full);
  site.enqueue(mirror{5});  // another queue has room
  site.write([](aft::transaction& tx) { jobs::resume(tx, "flood"); });
  CHECK(site.run() == 4);
  site.run();
  site.enqueue(mirror{6}, {.queue = "flood"});
  CHECK(site.run() == 1);
}

TEST_CASE("a queue is not full where few jobs wait in it, however far apart they were stored") {
  job_app site({.max_waiting = 3});
  site.app.job<mirror>([](mirror) {});
  site.write([](aft::transaction& tx) { jobs::pause(tx, "flood"); });
  site.enqueue(mirror{0}, {.queue = "flood"});
  for (int i = 0; i < 10; ++i) site.enqueue(mirror{i});
  CHECK(site.run() == 10);
  site.enqueue(mirror{1}, {.queue = "flood"});
  site.run();  // counts
  site.enqueue(mirror{2}, {.queue = "flood"});
  site.run();
  CHECK_THROWS_AS(site.enqueue(mirror{3}, {.queue = "flood"}), aft::queue_full);
}

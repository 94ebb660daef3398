#include <aft/jobs/periodic.hpp>

#include <algorithm>
#include <atomic>
#include <memory>
#include <thread>

#include <doctest/doctest.h>

#include "../temporary_file.hpp"
#include "job_app.hpp"

namespace {

namespace jobs = aft::jobs;

struct clean {
  int n = 0;
};

// The clock starts at 2026-01-31T12:00:00Z.
struct with_clean : job_app {
  with_clean() {
    app.job<clean>([this](clean c) { ran += std::to_string(c.n); });
  }
  jobs::listed_schedule only() {
    const auto all = app.db().read(jobs::schedules);
    REQUIRE(all.size() == 1);
    return all[0];
  }
};

}  // namespace

TEST_CASE_FIXTURE(with_clean, "a schedule enqueues its job at each of its moments") {
  app.schedule("hourly", aft::schedule("0 * * * *"), clean{1});
  CHECK(run() == 0);
  CHECK(run_after(aft::minutes(59)) == 0);
  CHECK(run_after(aft::minutes(1)) == 1);
  CHECK(run() == 0);
  CHECK(run_after(aft::hours(1)) == 1);
  CHECK(ran == "11");
  CHECK(only().last_at == time.now());
  CHECK(only().next_at == time.now() + aft::hours(1));
}

TEST_CASE_FIXTURE(with_clean, "a schedule keeps to the time of its zone") {
  app.schedule("nightly", aft::schedule("0 3 * * *", "Europe/Berlin"), clean{1});
  app.prepare();
  CHECK(aft::to_rfc3339(only().next_at) == "2026-02-01T02:00:00Z");
  const auto next = jobs::next_moments(only(), 60);
  REQUIRE(next.size() == 60);
  CHECK(aft::to_rfc3339(next[1]) == "2026-02-02T02:00:00Z");
  CHECK(aft::to_rfc3339(next[59]) == "2026-04-01T01:00:00Z");  // summer
}

TEST_CASE_FIXTURE(with_clean, "moments that nobody was there for are left out, or made up for") {
  const aft::schedule hourly("0 * * * *");
  app.schedule("skip", hourly, clean{0}, {.missed = aft::missed_runs::skip});
  app.schedule("once", hourly, clean{1}, {.missed = aft::missed_runs::once});
  app.schedule("all", hourly, clean{2}, {.missed = aft::missed_runs::all});
  app.prepare();
  time.advance(aft::minutes(5 * 60 + 30));
  CHECK(run() == 6);
  CHECK(std::count(ran.begin(), ran.end(), '0') == 0);
  CHECK(std::count(ran.begin(), ran.end(), '1') == 1);
  CHECK(std::count(ran.begin(), ran.end(), '2') == 5);
  take_ran();
  // One that is there in time is never left out.
  CHECK(run_after(aft::minutes(30)) == 3);
  take_ran();
  time.advance(aft::hours(3) + aft::seconds(20));
  CHECK(run() == 5);
  CHECK(std::count(ran.begin(), ran.end(), '0') == 1);
}

TEST_CASE_FIXTURE(with_clean, "many moments are made up for in parts") {
  app.schedule("each", aft::schedule("* * * * * *"), clean{2}, {.missed = aft::missed_runs::all});
  app.prepare();
  time.advance(aft::seconds(350));
  CHECK(run() == 350);
  CHECK(run() == 0);
}

TEST_CASE_FIXTURE(with_clean, "a schedule is paused, resumed, run now and dropped") {
  app.schedule("hourly", aft::schedule("0 * * * *"), clean{1}, {.missed = aft::missed_runs::all});
  CHECK(write([](aft::transaction& tx) { return jobs::pause_schedule(tx, "hourly"); }));
  CHECK(only().is_paused);
  CHECK(run_after(aft::hours(3)) == 0);
  CHECK(write([](aft::transaction& tx) { return jobs::run_now(tx, "hourly"); }).has_value());
  CHECK(run() == 1);
  CHECK(write([](aft::transaction& tx) { return jobs::resume_schedule(tx, "hourly"); }));
  CHECK(run() == 0);
  CHECK(run_after(aft::hours(1)) == 1);
  CHECK(write([](aft::transaction& tx) { return jobs::drop_schedule(tx, "hourly"); }));
  CHECK(run_after(aft::hours(1)) == 0);
  write([](aft::transaction& tx) {
    CHECK(!jobs::pause_schedule(tx, "hourly"));
    CHECK(!jobs::resume_schedule(tx, "hourly"));
    CHECK(!jobs::drop_schedule(tx, "hourly"));
    CHECK(!jobs::run_now(tx, "hourly"));
  });
}

TEST_CASE_FIXTURE(with_clean, "a start keeps the next moment, unless the schedule has changed") {
  const auto set = [this](const char* text) {
    write([text](aft::transaction& tx) {
      jobs::set_schedule(tx, "s", aft::schedule(text), clean{1});
    });
    return only().next_at;
  };
  const auto first = set("0 * * * *");
  time.advance(aft::minutes(90));  // it has been missed
  CHECK(set("0 * * * *") == first);
  CHECK(set("30 * * * *") > time.now());
}

TEST_CASE_FIXTURE(with_clean, "a zone that is not known here holds up no other job") {
  app.schedule("hourly", aft::schedule("0 * * * *"), clean{1});
  app.prepare();
  write([](aft::transaction& tx) { tx.execute("update aft_schedule set zone = 'Mars/Olympus'"); });
  time.advance(aft::hours(2));
  enqueue(clean{5});
  CHECK(run() == 1);
  CHECK(ran == "5");
}

TEST_CASE_FIXTURE(with_clean, "a clock that jumps gives no moment of a schedule two jobs") {
  app.schedule("hourly", aft::schedule("0 * * * *"), clean{1});
  app.prepare();
  CHECK(run_after(aft::hours(1)) == 1);
  time.set(time.now() + aft::days(1));  // as 24 missed moments: one job
  CHECK(run() == 1);
  time.set(time.now() - aft::days(1));  // it has had all of these
  CHECK(run() == 0);
  for (int hour = 0; hour < 24; ++hour) CHECK(run_after(aft::hours(1)) == 0);
  CHECK(run_after(aft::hours(1)) == 1);
}

TEST_CASE("of many apps on one database one enqueues the job of a moment") {
  const temporary_folder folder;
  const auto url = new_database(folder / "test.db");
  aft::manual_clock time{aft::time_point(aft::seconds(1'769'860'800))};
  std::atomic<int> runs{0};
  std::vector<std::unique_ptr<aft::app>> apps;
  for (int i = 0; i < 4; ++i) {
    auto& app = *apps.emplace_back(
        std::make_unique<aft::app>(aft::app_options{.database = url, .time = &time}));
    app.job<clean>([&runs](clean) { ++runs; });
    app.schedule("each", aft::schedule("* * * * *"), clean{});
    app.prepare();
  }
  for (int minute = 1; minute <= 5; ++minute) {
    time.advance(aft::minutes(1));
    std::vector<std::thread> threads;
    for (auto& app : apps) threads.emplace_back([&app] { app->run_due_jobs(); });
    for (auto& t : threads) t.join();
    CHECK(runs == minute);
  }
}

#pragma once
// An app whose clock stands still, for tests of its jobs.

#include <string>

#include <aft/app.hpp>
#include <aft/jobs/control.hpp>
#include <aft/jobs/job.hpp>

#include "../test_database.hpp"

struct job_app {
  aft::manual_clock time{aft::time_point(aft::seconds(1'769'860'800))};
  std::string logged{};
  aft::app app;
  std::string ran{};

  explicit job_app(aft::jobs_options options = {})
      : app({.database = new_database(),
             .jobs = std::move(options),
             .log = [this](const aft::log_record& r) { logged += std::string(r.message) + "\n"; },
             .time = &time}) {}

  template <class Job>
  std::int64_t enqueue(const Job& job, const aft::job_options& options = {}) {
    return app.db().write([&](aft::transaction& tx) { return aft::enqueue(tx, job, options); });
  }
  template <class F>
  auto write(F&& f) {
    return app.db().write(std::forward<F>(f));
  }
  std::vector<aft::jobs::listed_job> list(const aft::jobs::job_filter& filter = {}) {
    return app.db().read([&](aft::reader& db) { return aft::jobs::list(db, filter); });
  }
  std::optional<aft::jobs::listed_job> find(std::int64_t id) {
    return app.db().read([&](aft::reader& db) { return aft::jobs::find(db, id); });
  }
  // Empty: there is none.
  std::optional<aft::jobs::job_state> state(std::int64_t id) {
    const auto job = find(id);
    if (!job) return {};
    return job->state;
  }
  std::size_t run() { return app.run_due_jobs(); }
  std::size_t run_after(aft::duration d) {
    time.advance(d);
    return run();
  }
  std::string take_ran() { return std::exchange(ran, {}); }
};

inline bool has(const std::string& text, std::string_view part) {
  return text.find(part) != text.npos;
}

#pragma once
// Jobs, queues and schedules over HTTP, for those who operate a program.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <aft/ground/text.hpp>
#include <aft/ground/time.hpp>
#include <aft/http/handler.hpp>
#include <aft/http/routes.hpp>
#include <aft/jobs/control.hpp>
#include <aft/jobs/periodic.hpp>
#include <aft/storage/database.hpp>

namespace aft {

// What a client may ask of the list of jobs.
struct job_query {
  std::optional<jobs::job_state> state{};
  std::optional<std::string> queue{};
  std::optional<std::string> kind{};
  std::optional<time_point> created_before{};
  std::optional<std::int64_t> cursor{};  // job_page::next of the page before
  bounded<int, 1, 200> limit{50};
};

struct job_page {
  std::vector<jobs::listed_job> items{};  // the newest first
  std::optional<std::int64_t> next{};     // none: this is the last page
};

// Which jobs are acted on. Nothing at all is refused, unless `all` says that it is meant.
struct job_selection {
  std::optional<jobs::job_state> state{};
  std::optional<std::string> queue{};
  std::optional<std::string> kind{};
  std::optional<time_point> created_before{};
  std::optional<bool> all{};
};

struct jobs_acted_on {
  std::int64_t jobs = 0;
};

struct schedule_with_moments {
  jobs::listed_schedule schedule;
  std::vector<time_point> next;  // five moments; none where its zone is not known here
};

struct run_job {
  std::int64_t id = 0;
};

namespace detail {

enum class bulk_action : std::uint8_t { retry, cancel, drop };

job_page page_of_jobs(reader& db, const job_query& q);
std::vector<schedule_with_moments> schedules_with_moments(reader& db);
jobs_acted_on act_on_jobs(database& db, const job_selection& which, bulk_action what);
void act_on_job(transaction& tx, std::int64_t id, bulk_action what);
run_job run_schedule(transaction& tx, std::string_view name);
void require_schedule(bool is_there);

}  // namespace detail

// Registers, under the prefix of the routes:
//
//   GET    /jobs                      job_page, by the fields of job_query
//   GET    /jobs/{id}                 jobs::listed_job, with its arguments and its history
//   POST   /jobs/{id}/retry, /jobs/{id}/cancel
//   DELETE /jobs/{id}
//   POST   /jobs/retry, /jobs/cancel, /jobs/drop
//                                     all jobs of a job_selection; jobs_acted_on
//   GET    /jobs/counts               by queue and state; reads all jobs
//   GET    /queues                    jobs::queue_status of each
//   POST   /queues/{name}/pause, /queues/{name}/resume
//   GET    /schedules                 schedule_with_moments of each
//   POST   /schedules/{name}/pause, /schedules/{name}/resume
//   POST   /schedules/{name}/run      enqueues its job now; run_job
//   DELETE /schedules/{name}
//
// Guard is a type of the host's that a handler may take because from_request<Guard> makes it, and
// refuses with a problem whoever may not: each of these routes takes one.
//
//   aft::job_routes<operator_on_duty>(app.group("/admin", "operations"));
//
// The arguments of jobs may hold what is secret.
template <class Guard>
void job_routes(routes where) {
  static_assert(
      requires { &from_request<Guard>::from; },
      "aft: job_routes needs a guard: a type of your own whose from_request refuses "
      "those who may not operate jobs");
  using detail::bulk_action;

  where.get("/jobs", [](const Guard&, const query<job_query>& q, reader& db) {
    return detail::page_of_jobs(db, *q);
  });
  where.get("/jobs/{id}",
            [](std::int64_t id, const Guard&, reader& db) { return jobs::find(db, id); });
  where.get("/jobs/counts", [](const Guard&, reader& db) { return jobs::count(db); });
  where.post("/jobs/{id}/retry", [](std::int64_t id, const Guard&, transaction& tx) {
    detail::act_on_job(tx, id, bulk_action::retry);
  });
  where.post("/jobs/{id}/cancel", [](std::int64_t id, const Guard&, transaction& tx) {
    detail::act_on_job(tx, id, bulk_action::cancel);
  });
  where.del("/jobs/{id}", [](std::int64_t id, const Guard&, transaction& tx) {
    detail::act_on_job(tx, id, bulk_action::drop);
  });
  where.post("/jobs/retry",
             blocking([](const Guard&, const body<job_selection>& which, database& db) {
               return detail::act_on_jobs(db, *which, bulk_action::retry);
             }));
  where.post("/jobs/cancel",
             blocking([](const Guard&, const body<job_selection>& which, database& db) {
               return detail::act_on_jobs(db, *which, bulk_action::cancel);
             }));
  where.post("/jobs/drop",
             blocking([](const Guard&, const body<job_selection>& which, database& db) {
               return detail::act_on_jobs(db, *which, bulk_action::drop);
             }));

  where.get("/queues", [](const Guard&, reader& db) { return jobs::queues(db); });
  where.post("/queues/{name}/pause",
             [](const std::string& name, const Guard&, transaction& tx) { jobs::pause(tx, name); });
  where.post("/queues/{name}/resume", [](const std::string& name, const Guard&, transaction& tx) {
    jobs::resume(tx, name);
  });

  where.get("/schedules",
            [](const Guard&, reader& db) { return detail::schedules_with_moments(db); });
  where.post("/schedules/{name}/pause", [](const std::string& name, const Guard&, transaction& tx) {
    detail::require_schedule(jobs::pause_schedule(tx, name));
  });
  where.post("/schedules/{name}/resume",
             [](const std::string& name, const Guard&, transaction& tx) {
               detail::require_schedule(jobs::resume_schedule(tx, name));
             });
  where.post("/schedules/{name}/run", [](const std::string& name, const Guard&, transaction& tx) {
    return status<202, run_job>{detail::run_schedule(tx, name)};
  });
  where.del("/schedules/{name}", [](const std::string& name, const Guard&, transaction& tx) {
    detail::require_schedule(jobs::drop_schedule(tx, name));
  });
}

}  // namespace aft

#pragma once
// Jobs that come again and again.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <aft/ground/time.hpp>
#include <aft/jobs/cron.hpp>
#include <aft/jobs/job.hpp>
#include <aft/storage/transaction.hpp>

namespace aft {

// What becomes of moments that have passed while no worker ran: of those more than a minute ago.
// Those that a clock has jumped over are such, too; where it jumps back, none has a second job.
enum class missed_runs : std::uint8_t {
  skip,  // nothing
  once,  // one job for all of them
  all,   // a job for each
};

struct schedule_options {
  missed_runs missed = missed_runs::once;
  std::string queue = "default";
  int priority = 0;
  int max_attempts = 0;  // as of job_options
};

namespace jobs {

struct periodic_job {
  std::string name;  // of the schedule
  std::string kind;
  std::string arguments;  // JSON
  schedule when;
  schedule_options options;
};

struct listed_schedule {
  std::string name;
  std::string kind;
  std::string text;  // of its aft::schedule
  std::string zone;
  time_point next_at;
  std::optional<time_point> last_at;  // the moment of the last job
  bool is_paused;
};

// Makes or changes the schedule of that name. Where text and zone are as before, it keeps its next
// moment, and stays paused if it was. It goes on, whatever later versions of the program declare,
// until it is dropped; while no worker has a handler for its job, its moments are missed.
void set_schedule(transaction& tx, const periodic_job& job);

template <class Job>
void set_schedule(transaction& tx, std::string_view name, const schedule& when, const Job& job,
                  const schedule_options& options = {}) {
  set_schedule(tx, {std::string(name), std::string(job_name<Job>()),
                    jobs::write_arguments(&job, type_of<Job>()), when, options});
}

std::vector<listed_schedule> schedules(reader& db);  // by name
std::vector<time_point> next_moments(const listed_schedule& s, std::size_t count);

// These return false where there is no such schedule. Moments that pass while it is paused are left
// out.
bool drop_schedule(transaction& tx, std::string_view name);
bool pause_schedule(transaction& tx, std::string_view name);
bool resume_schedule(transaction& tx, std::string_view name);

// Enqueues its job now, besides its moments; the id of the job.
std::optional<std::int64_t> run_now(transaction& tx, std::string_view name);

}  // namespace jobs
}  // namespace aft

#pragma once
// What jobs there are, and what can be done about them, from any process that has the database.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <aft/ground/time.hpp>
#include <aft/ground/type.hpp>
#include <aft/storage/database.hpp>

namespace aft::jobs {

enum class job_state : std::uint8_t {
  ready,  // runs as soon as a worker has room
  running,
  dead,  // given up after its last attempt, or because its arguments do not fit
  done,  // kept for a while, where that was asked for
  cancelled,
  later,    // its time has not come, or that of its next attempt
  held,     // by the limit of its limit_key
  blocked,  // by jobs that are not done
};

// One failed attempt.
struct job_failure {
  int attempt = 0;
  time_point began_at{};
  time_point ended_at{};
  std::int64_t worker = 0;
  std::string error{};
};

struct listed_job {
  std::int64_t id = 0;
  std::string kind{};
  std::string queue{};
  job_state state{};
  int priority = 0;
  time_point run_at{};
  int attempt = 0;  // those begun
  raw_json arguments{};
  std::optional<std::string> error{};  // of the last attempt, or why it was cancelled
  std::vector<job_failure> history{};  // the last 20 failed attempts
  time_point created_at{};
  std::optional<time_point> started_at{};
  std::optional<time_point> finished_at{};
  std::optional<std::string> unique_key{};
  std::optional<double> progress{};  // 0 to 1
  std::optional<std::string> progress_note{};
  std::optional<raw_json> output{};
};

// Which jobs; what is empty lets all through.
struct job_filter {
  std::optional<job_state> state{};
  std::string queue{};
  std::string kind{};
  std::optional<time_point> created_before{};
};

struct job_count {
  std::string queue;
  job_state state;
  std::int64_t count;
};

// How a queue stands.
struct queue_status {
  std::string name{};
  bool is_paused = false;
  std::int64_t ready = 0;  // that many at least, where it is all that were counted
  std::int64_t running = 0;
  std::optional<time_point> waiting_since{};  // when the oldest of the ready ones came to be so
};

// A page, the highest ids first: the newest, but that several processes with one SQLite file have
// blocks of ids. The next page is of the ids below the last one's.
//   for (auto page = jobs::list(db, f); !page.empty(); page = jobs::list(db, f, page.back().id))
std::vector<listed_job> list(reader& db, const job_filter& filter = {},
                             std::optional<std::int64_t> before = {}, std::size_t most = 50);
std::optional<listed_job> find(reader& db, std::int64_t id);

// Queues with jobs that are ready or run, or that are paused, by name. Counts up to `most` ready
// jobs of each, by the index: cheap enough to be asked every few seconds.
std::vector<queue_status> queues(reader& db, std::int64_t most = 100'000);

// By queue and state. Reads all jobs.
std::vector<job_count> count(reader& db);

// A dead or cancelled job starts anew, its attempts counted from 1, without its unique key; one
// that waits for its time is ready now. False: there is no such job.
bool retry(transaction& tx, std::int64_t id);

// One that waits is cancelled at once, and stays listed for a week; one that runs is asked to stop
// (job_context::stop_requested) wherever it runs. False: there is no such job, or it has ended.
bool cancel(transaction& tx, std::int64_t id);

// Deletes one that does not run. False: there is no such job.
bool drop(transaction& tx, std::int64_t id);

// All that the filter lets through when they begin, in transactions of up to 500 jobs, of low
// priority. How many there were. Where none may wait: storage_error, misuse.
std::int64_t retry_all(database& db, const job_filter& filter);
std::int64_t cancel_all(database& db, const job_filter& filter);
std::int64_t drop_all(database& db, const job_filter& filter);

// No process begins jobs of a paused queue, until it is resumed; those that run go on. Kept in the
// database.
void pause(transaction& tx, std::string_view queue);
void resume(transaction& tx, std::string_view queue);
std::vector<std::string> paused(reader& db);

}  // namespace aft::jobs

#pragma once
// How jobs are worked off.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <aft/ground/function.hpp>
#include <aft/ground/time.hpp>

namespace aft {

// A queue with threads of its own.
struct queue_options {
  std::string name;
  unsigned threads = 1;      // that run its jobs which take no transaction
  std::size_t prefetch = 0;  // as that of all other queues; 0: the same
};

struct jobs_options {
  // Of each process, for the queues that are not named below; they take turns. A slow or full
  // queue that is named there takes nothing from these, nor they from it.
  unsigned threads = 2;  // that run jobs which take no transaction; 0: no jobs are run here
  // Jobs that this process holds at once, running or about to, at most: it holds one for each
  // thread, and as many more as the threads work off in 50 ms. 0: 600 on SQLite, 1,000 on
  // PostgreSQL.
  std::size_t prefetch = 0;
  std::vector<queue_options> queues{};

  // How often to look for what other processes have enqueued: by a few reads of an index, while
  // there is nothing. 0: 100 ms on SQLite; 1 s on PostgreSQL, which tells of it, too.
  duration poll{};
  duration heartbeat = seconds(10);  // how often a worker says that it lives, with one row
  // Without a sign of life for this long, its jobs start again; where its process is gone, on the
  // same machine, at once. Two heartbeats at least. Each goes by its own steady clock: it does not
  // matter whether the times of day agree, or jump.
  duration lease = seconds(30);

  // How long stop() waits for running jobs once they were asked to stop. What has not ended then is
  // left behind: others may run it again, and only the app's destructor waits for it. A job with a
  // transaction& is always waited for.
  duration drain = seconds(30);
  // A job that goes on for this long after it was asked to stop is reported, and another thread
  // takes its place, as often as there are threads. One with a transaction& has no thread here: if
  // it never ends, its writer is lost (on SQLite there is but one).
  duration stuck_after = seconds(10);

  // Jobs of one queue that are ready to run, about: workers count with each heartbeat. Beyond,
  // enqueue throws queue_full until there are fewer.
  std::int64_t max_waiting = 1'000'000;

  duration keep{};                 // jobs that are done, with their output; 0: deleted at once
  duration keep_dead = days(180);  // jobs that were given up or cancelled

  // How long a job that failed waits before its next attempt; `attempt` is the number of the failed
  // one, from 1. Called on any thread. By default attempt^4 seconds and up to a tenth more by
  // chance.
  function<duration(int attempt)> retry_delay{};
};

// How the jobs of one kind are run. Each attempt is one record of the room "jobs" in the log, with
// the request that enqueued it: a failed one is a warning, the last of a job an error, the others
// are told at log_level::debug (app_options::log_levels). Metrics count them by kind and outcome
// (aft.jobs.attempts), and how long they took (messaging.process.duration). Where others are in the
// way of a job's transaction& for too long, or the server is away, it is put off for about half a
// second, which counts as no attempt.
struct job_policy {
  int max_attempts = 25;  // where the job itself does not say; by default about three weeks
  // From its start; then it is asked to stop, and its transaction& or reader& refuses to go on. 0:
  // as long as it takes. What it throws after that is a failed attempt.
  duration timeout{};
  duration keep{};  // instead of jobs_options::keep, where that is less
  function<duration(int attempt)> retry_delay{};  // instead of jobs_options::retry_delay
};

}  // namespace aft

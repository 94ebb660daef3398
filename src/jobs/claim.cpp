#include <algorithm>

#include <aft/ground/json.hpp>

#include "limits.hpp"
#include "store.hpp"

namespace aft::jobs {
namespace {

constexpr std::int64_t most_promoted = 1000;  // in one transaction

bool is_more_urgent(const stored_job& a, const stored_job& b) {
  if (a.priority != b.priority) return a.priority > b.priority;
  if (a.run_at != b.run_at) return a.run_at < b.run_at;
  return a.id < b.id;
}

}  // namespace

// Steps from one queue to the next by the index, however many jobs are between them.
std::vector<std::string> ready_queues(reader& db) {
  if (is_on_postgres(db)) {
    return db.all<std::string>(
        "with recursive q (name) as (select min(queue) from aft_job where state = 0 union all "
        "select (select min(queue) from aft_job where state = 0 and queue > q.name) from q "
        "where q.name is not null) "
        "select name from q where name is not null and not exists "
        "(select 1 from aft_queue where aft_queue.name = q.name and is_paused = 1)");
  }
  struct next_queue {
    std::optional<std::string> name;
    bool is_paused;
  };
  std::vector<std::string> queues;
  std::string after;
  while (true) {
    auto next = db.one<next_queue>(
        "select name, exists (select 1 from aft_queue where aft_queue.name = q.name "
        "and is_paused = 1) as is_paused "
        "from (select min(queue) as name from aft_job where state = 0 and queue > $1) q",
        after);
    if (!next.name) return queues;
    after = *next.name;
    if (!next.is_paused) queues.push_back(*std::move(next.name));
  }
}

bool promote(transaction& tx, time_point now) {
  const auto count = is_on_postgres(tx)
                         ? tx.execute(
                               "update aft_job set state = 0 where id in (select id from aft_job "
                               "where state = 5 and run_at <= $1 order by run_at limit $2 "
                               "for update skip locked)",
                               now, most_promoted)
                         : tx.execute(
                               "update aft_job set state = 0 where id in (select id from aft_job "
                               "where state = 5 and run_at <= $1 order by run_at limit $2)",
                               now, most_promoted);
  release_due(tx, now);
  return count == most_promoted;
}

namespace {

std::vector<stored_job> take_on_postgres(transaction& tx, std::int64_t worker,
                                         const std::string& kinds, const queue_room& room,
                                         time_point now) {
  return tx.all<stored_job>(
      "with picked as materialized (select id from aft_job where state = 0 "
      "and queue = $1 and kind in (select json_array_elements_text($2::json)) "
      "order by priority desc, run_at, id limit $3 for update skip locked) "
      "update aft_job set state = 1, attempt = attempt + 1, worker = $4, "
      "started_at = $5 where id in (select id from picked) "
      "returning id, kind, arguments, queue, priority, run_at, attempt, max_attempts, "
      "created_at, limit_key, request_id, traceparent",
      room.queue, kinds, room.most, worker, now);
}

// Row by row: an update of many with "returning" makes tables of its own, which costs more for the
// few that are mostly there.
std::vector<stored_job> take_on_sqlite(transaction& tx, std::int64_t worker,
                                       const std::string& kinds, const queue_room& room,
                                       time_point now) {
  auto jobs = tx.all<stored_job>(
      "select id, kind, arguments, queue, priority, run_at, attempt, max_attempts, created_at, "
      "limit_key, request_id, traceparent from aft_job where state = 0 and queue = $1 "
      "order by priority desc, run_at, id limit $2",
      room.queue, room.most);
  const auto is_strange = [&kinds](const stored_job& job) {
    return kinds.find(json::write(job.kind)) == kinds.npos;
  };
  if (std::any_of(jobs.begin(), jobs.end(), is_strange)) {
    jobs = tx.all<stored_job>(
        "select id, kind, arguments, queue, priority, run_at, attempt, max_attempts, created_at, "
        "limit_key, request_id, traceparent from aft_job where state = 0 and queue = $1 "
        "and kind in (select value from json_each($2)) "
        "order by priority desc, run_at, id limit $3",
        room.queue, kinds, room.most);
  }
  for (auto& job : jobs) {
    tx.execute(
        "update aft_job set state = 1, attempt = $2, worker = $3, started_at = $4 where id = $1",
        job.id, ++job.attempt, worker, now);
  }
  return jobs;
}

}  // namespace

claimed_jobs claim(transaction& tx, std::int64_t worker, const std::string& kinds,
                   const queue_room& room, time_point now) {
  auto jobs = is_on_postgres(tx) ? take_on_postgres(tx, worker, kinds, room, now)
                                 : take_on_sqlite(tx, worker, kinds, room, now);
  std::sort(jobs.begin(), jobs.end(), is_more_urgent);
  const bool held_back = hold_back(tx, jobs, now);
  return {std::move(jobs), held_back};
}

std::optional<time_point> next_due(reader& db) {
  struct soonest {
    std::optional<time_point> job, limit, schedule;
  };
  const auto s = db.one<soonest>(
      "select (select min(run_at) from aft_job where state = 5) as job, "
      "(select min(opens_at) from aft_limit where is_waited = 1) as \"limit\", "
      "(select min(next_at) from aft_schedule where is_paused = 0) as schedule");
  auto first = s.job;
  for (const auto& other : {s.limit, s.schedule}) {
    if (other && (!first || *other < *first)) first = other;
  }
  return first;
}

}  // namespace aft::jobs

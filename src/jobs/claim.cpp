#include <algorithm>

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
  return db.all<std::string>(
      "with recursive q (name) as (select min(queue) from aft_job where state = 0 union all "
      "select (select min(queue) from aft_job where state = 0 and queue > q.name) from q "
      "where q.name is not null) "
      "select name from q where name is not null "
      "and not exists (select 1 from aft_queue where aft_queue.name = q.name and is_paused = 1)");
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

claimed_jobs claim(transaction& tx, std::int64_t worker, const std::string& kinds,
                   const queue_room& room, time_point now) {
  auto jobs =
      is_on_postgres(tx)
          ? tx.all<stored_job>(
                "with picked as materialized (select id from aft_job where state = 0 "
                "and queue = $1 and kind in (select json_array_elements_text($2::json)) "
                "order by priority desc, run_at, id limit $3 for update skip locked) "
                "update aft_job set state = 1, attempt = attempt + 1, worker = $4, "
                "started_at = $5 where id in (select id from picked) "
                "returning id, kind, arguments, queue, priority, run_at, attempt, max_attempts, "
                "created_at, limit_key, request_id, traceparent",
                room.queue, kinds, room.most, worker, now)
          : tx.all<stored_job>(
                "update aft_job set state = 1, attempt = attempt + 1, worker = $4, "
                "started_at = $5 where id in (select id from aft_job where state = 0 "
                "and queue = $1 and kind in (select value from json_each($2)) "
                "order by priority desc, run_at, id limit $3) "
                "returning id, kind, arguments, queue, priority, run_at, attempt, max_attempts, "
                "created_at, limit_key, request_id, traceparent",
                room.queue, kinds, room.most, worker, now);
  std::sort(jobs.begin(), jobs.end(), is_more_urgent);
  const bool held_back = hold_back(tx, jobs, now);
  return {std::move(jobs), held_back};
}

std::optional<time_point> next_due(reader& db) {
  auto soonest =
      db.one<std::optional<time_point>>("select min(run_at) from aft_job where state = 5");
  const auto others = {
      db.one<std::optional<time_point>>("select min(opens_at) from aft_limit where is_waited = 1"),
      db.one<std::optional<time_point>>(
          "select min(next_at) from aft_schedule where is_paused = 0"),
  };
  for (const auto& other : others) {
    if (other && (!soonest || *other < *soonest)) soonest = other;
  }
  return soonest;
}

}  // namespace aft::jobs

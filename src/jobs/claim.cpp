#include <algorithm>

#include "claim_postgres.hpp"
#include "id_runs.hpp"
#include "limits.hpp"
#include "store.hpp"

namespace aft::jobs {
namespace {

constexpr std::int64_t most_promoted = 1000;  // in one transaction

struct waiting_job {
  std::int64_t id;
  int priority;
  time_point run_at;
};

// The next of the known kinds, from the `from`th on, of which something waits; known.names.size()
// where there is none. Steps over others by the index, however many of their jobs there are.
std::size_t next_kind(reader& db, const std::string& queue, const known_kinds& known,
                      std::size_t from) {
  const auto& names = known.names;
  while (from < names.size()) {
    const auto found = db.one<std::optional<std::string>>(
        "select min(kind) from aft_job where state = 0 and queue = $1 and kind >= $2", queue,
        names[from]);
    if (!found) return names.size();
    const auto at = std::lower_bound(names.begin() + std::ptrdiff_t(from), names.end(), *found);
    from = std::size_t(at - names.begin());
    if (from < names.size() && names[from] == *found) break;
  }
  return from;
}

}  // namespace

// Steps from one queue to the next by the index, however many jobs are between them.
std::vector<std::string> ready_queues(reader& db, const known_kinds& known) {
  if (is_on_postgres(db)) return queues_on_postgres(db, known);
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
    if (next.is_paused || next_kind(db, after, known, 0) == known.names.size()) continue;
    queues.push_back(*std::move(next.name));
  }
}

bool promote(transaction& tx, time_point now) {
  const auto count =
      is_on_postgres(tx)
          ? tx.execute(
                "update aft_job set state = 0 where id in (select id from aft_job "
                "where state = 5 and state > 1 and coalesce(keep_until, run_at) <= $1 "
                "order by coalesce(keep_until, run_at) limit $2 "
                "for update skip locked)",
                now, most_promoted)
          : tx.execute(
                "update aft_job set state = 0 where id in (select id from aft_job "
                "where state = 5 and state > 1 and coalesce(keep_until, run_at) <= $1 "
                "order by coalesce(keep_until, run_at) limit $2)",
                now, most_promoted);
  release_due(tx, now);
  return count == most_promoted;
}

namespace {

std::vector<stored_job> most_urgent(transaction& tx, const std::string& kind,
                                    const queue_room& room) {
  return tx.all<stored_job>(
      "select id, kind, arguments, queue, priority, run_at, attempt, max_attempts, created_at, "
      "limit_key, request_id, traceparent, 0 as bundle from aft_job where state = 0 and queue = $1 "
      "and kind = $2 order by priority desc, run_at, id limit $3",
      room.queue, kind, room.most);
}

// Where jobs of several kinds wait, their urgency is compared before they are read as a whole.
std::vector<stored_job> most_urgent(transaction& tx, const std::vector<std::string>& kinds,
                                    const queue_room& room) {
  std::vector<waiting_job> all;
  for (const auto& kind : kinds) {
    const auto some = tx.all<waiting_job>(
        "select id, priority, run_at from aft_job where state = 0 and queue = $1 and kind = $2 "
        "order by priority desc, run_at, id limit $3",
        room.queue, kind, room.most);
    all.insert(all.end(), some.begin(), some.end());
  }
  std::sort(all.begin(), all.end(), is_more_urgent<waiting_job>);
  all.resize(std::min(all.size(), std::size_t(room.most)));
  std::vector<stored_job> jobs;
  for (const auto& one : all) {
    jobs.push_back(tx.one<stored_job>(
        "select id, kind, arguments, queue, priority, run_at, attempt, max_attempts, created_at, "
        "limit_key, request_id, traceparent, 0 as bundle from aft_job where id = $1",
        one.id));
  }
  return jobs;
}

// Without "returning", which makes tables of its own.
std::vector<stored_job> take_on_sqlite(transaction& tx, std::int64_t worker,
                                       const known_kinds& known, const queue_room& room,
                                       time_point now) {
  std::vector<std::string> kinds;
  for (std::size_t i = 0; (i = next_kind(tx, room.queue, known, i)) < known.names.size(); ++i) {
    kinds.push_back(known.names[i]);
  }
  auto jobs =
      kinds.size() == 1 ? most_urgent(tx, kinds.front(), room) : most_urgent(tx, kinds, room);
  std::vector<std::int64_t> ids;
  for (auto& job : jobs) {
    ++job.attempt;
    ids.push_back(job.id);
  }
  for (const auto& run : runs_of(std::move(ids))) {
    tx.execute(
        "update aft_job set state = 1, attempt = attempt + 1, worker = $3, started_at = $4 "
        "where id between $1 and $2",
        run.first, run.last, worker, now);
  }
  return jobs;
}

}  // namespace

bool known_kinds::fits_bundles(std::string_view kind) const {
  const auto at = std::lower_bound(names.begin(), names.end(), kind);
  return at != names.end() && *at == kind && fit_bundles[std::size_t(at - names.begin())];
}

claimed_jobs claim(transaction& tx, std::int64_t worker, const known_kinds& known,
                   const queue_room& room, time_point now, claim_places& places) {
  auto jobs = is_on_postgres(tx) ? take_on_postgres(tx, worker, known, room, now, places)
                                 : take_on_sqlite(tx, worker, known, room, now);
  std::sort(jobs.begin(), jobs.end(), is_more_urgent<stored_job>);
  const bool held_back = hold_back(tx, jobs, now);
  return {std::move(jobs), held_back};
}

namespace {

void add_next_due(sql_text& q) {
  q.add(
      "(select min(at) from "
      "(select min(coalesce(keep_until, run_at)) as at from aft_job where state = 5 and state > 1 "
      "union all select min(opens_at) from aft_limit where is_waited = 1 "
      "union all select min(next_at) from aft_schedule where is_paused = 0) next_of_each) as due");
}

}  // namespace

std::optional<time_point> next_due(reader& db) {
  sql_text q("select");
  add_next_due(q);
  return db.one<std::optional<time_point>>(q);
}

claim_start begin_claim(transaction& tx, std::int64_t worker) {
  sql_text q("select exists (select 1 from aft_worker where id = $1)", worker);
  if (is_on_postgres(tx)) {
    q.add(
        "and set_config('synchronous_commit', 'off', true) = 'off' "
        "and set_config('jit', 'off', true) = 'off' "
        "and set_config('enable_seqscan', 'off', true) = 'off' "
        "and set_config('enable_sort', 'off', true) = 'off'");
  }
  q.add("as is_worker,");
  add_next_due(q);
  return tx.one<claim_start>(q);
}

}  // namespace aft::jobs

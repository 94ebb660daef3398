#include "bundles.hpp"

#include <algorithm>
#include <optional>
#include <string>

#include <aft/ground/json.hpp>
#include <aft/ground/random.hpp>

#include "claim_postgres.hpp"

namespace aft::jobs {
namespace {

struct open_bundle {
  std::int64_t remaining;
  std::string apart;  // JSON
};

// As an array is written on PostgreSQL.
std::string written(const std::vector<std::int64_t>& ids) {
  auto text = json::write(ids);
  text.front() = '{';
  text.back() = '}';
  return text;
}

void drop_if_empty(transaction& tx, std::int64_t bundle) {
  tx.execute("delete from aft_job_bundle where id = $1 and remaining = 0", bundle);
}

}  // namespace

// Where only a few are ready, their rows are changed as on SQLite: others look at them, and what
// is saved would be little.
std::vector<stored_job> take_bundle(transaction& tx, std::int64_t worker, const kind_room& room,
                                    time_point now) {
  constexpr std::int64_t smallest_bundle = 32;
  // By chance: what a server gives out itself comes again when it loses a commit with its power.
  constexpr std::uint64_t largest_id = INT64_MAX;
  constexpr std::int64_t longest_arguments = 10'000;  // bytes; a bundle is one value
  sql_text q(
      "with picked as materialized (select ctid as at, attempt = 0 and unique_key is null "
      "and limit_key is null and followers = 0 and saved is null and history is null "
      "and error is null and progress is null and octet_length(arguments) <= $1 as fits",
      longest_arguments);
  add_most_urgent(q, room);
  q.add(
      "limit $1 for update skip locked), "
      "sorted as (select at, fits and (select count(*) from picked) >= $4 as is_bundled "
      "from picked), "
      "gone as (delete from aft_job "
      "where ctid = any (array(select at from sorted where is_bundled)) "
      "returning id, kind, arguments, queue, priority, run_at, attempt + 1 as attempt, "
      "max_attempts, created_at, limit_key, request_id, traceparent, aft_job as job), "
      "bundle as (insert into aft_job_bundle (id, worker, started_at, lowest, highest, remaining, "
      "jobs) select $5, $2, $3, min(id), max(id), count(*), array_agg(job) from gone "
      "having count(*) > 0 returning id), "
      "kept as (update aft_job set state = 1, attempt = attempt + 1, worker = $2, started_at = $3 "
      "where ctid = any (array(select at from sorted where not is_bundled)) "
      "returning id, kind, arguments, queue, priority, run_at, attempt, max_attempts, created_at, "
      "limit_key, request_id, traceparent) "
      "select id, kind, arguments, queue, priority, run_at, attempt, max_attempts, created_at, "
      "limit_key, request_id, traceparent, (select id from bundle) as bundle from gone "
      "union all select id, kind, arguments, queue, priority, run_at, attempt, max_attempts, "
      "created_at, limit_key, request_id, traceparent, 0 from kept",
      room.most, worker, now, smallest_bundle, std::int64_t(random_number(largest_id) + 1));
  return tx.all<stored_job>(q);
}

std::vector<std::int64_t> complete_bundled(transaction& tx, std::int64_t worker,
                                           std::int64_t bundle, std::vector<std::int64_t> ids) {
  const auto open = tx.find<open_bundle>(
      "select remaining, array_to_json(apart) as apart from aft_job_bundle "
      "where id = $1 and worker = $2 for update",
      bundle, worker);
  if (!open) return {};
  const auto apart = json::read<std::vector<std::int64_t>>(open->apart);
  std::erase_if(ids, [&apart](std::int64_t id) {
    return std::find(apart->begin(), apart->end(), id) != apart->end();
  });
  if (std::int64_t(ids.size()) == open->remaining) {
    tx.execute("delete from aft_job_bundle where id = $1", bundle);
  } else {
    tx.execute(
        "update aft_job_bundle set remaining = remaining - $2, "
        "ended = ended || cast(cast($3 as text) as bigint[]) where id = $1",
        bundle, std::int64_t(ids.size()), written(ids));
  }
  return ids;
}

void take_out(transaction& tx, std::int64_t worker, const stored_job& job) {
  const auto started_at = tx.find<std::int64_t>(
      "update aft_job_bundle set remaining = remaining - 1, apart = array_append(apart, $3) "
      "where id = $1 and worker = $2 and $3 <> all (apart) and $3 <> all (ended) "
      "returning started_at",
      job.bundle, worker, job.id);
  if (!started_at) return;
  tx.execute(
      "insert into aft_job (id, kind, arguments, queue, state, priority, run_at, attempt, "
      "max_attempts, worker, created_at, started_at, request_id, traceparent) "
      "values ($1, $2, $3, $4, 1, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
      job.id, job.kind, job.arguments, job.queue, job.priority, job.run_at, job.attempt,
      job.max_attempts, worker, job.created_at, *started_at, job.request_id, job.traceparent);
  drop_if_empty(tx, job.bundle);
}

void take_out(transaction& tx, std::int64_t id) {
  if (!is_on_postgres(tx)) return;
  const auto bundle = tx.find<std::int64_t>(
      "select id from aft_job_bundle where $1 between lowest and highest "
      "and $1 <> all (apart) and $1 <> all (ended) "
      "and exists (select 1 from unnest(jobs) j where j.id = $1) for update",
      id);
  if (!bundle) return;
  tx.execute("insert into aft_job select * from aft_job_bundled where id = $1", id);
  tx.execute(
      "update aft_job_bundle set remaining = remaining - 1, apart = array_append(apart, $2) "
      "where id = $1",
      *bundle, id);
  drop_if_empty(tx, *bundle);
}

std::vector<std::int64_t> bundles_of(reader& db, std::int64_t worker) {
  if (!is_on_postgres(db)) return {};
  return db.all<std::int64_t>("select id from aft_job_bundle where worker = $1 order by id",
                              worker);
}

void take_apart(transaction& tx, const std::vector<std::int64_t>& bundles) {
  for (const auto bundle : bundles) {
    if (!tx.find<std::int64_t>("select id from aft_job_bundle where id = $1 for update", bundle)) {
      continue;
    }
    tx.execute(
        "insert into aft_job select * from aft_job_bundled where id in (select j.id "
        "from aft_job_bundle b cross join lateral unnest(b.jobs) j where b.id = $1 "
        "and j.id <> all (b.ended) and j.id <> all (b.apart))",
        bundle);
    tx.execute("delete from aft_job_bundle where id = $1", bundle);
  }
}

void take_apart_of_dead(transaction& tx) {
  if (!is_on_postgres(tx)) return;
  take_apart(tx, tx.all<std::int64_t>("select id from aft_job_bundle "
                                      "where worker not in (select id from aft_worker) "
                                      "order by id"));
}

}  // namespace aft::jobs

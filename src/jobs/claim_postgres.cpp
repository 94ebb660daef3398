#include "claim_postgres.hpp"

#include <algorithm>
#include <iterator>

#include "bundles.hpp"

namespace aft::jobs {
namespace {

struct kind_share {
  std::string kind;
  std::int64_t most;
};

// How many of each kind are among the most urgent. Each is read by the index as far as it goes into
// them, and no further.
std::vector<kind_share> shares_of(reader& db, const known_kinds& known, const queue_room& room) {
  if (known.names.size() == 1) return {{known.names.front(), room.most}};
  sql_text q("select kind, count(*) as most from (select kind from (");
  for (std::size_t i = 0; i < known.names.size(); ++i) {
    if (i) q.add("union all");
    q.add("(select kind, priority, run_at, id");
    add_most_urgent(q, {room.queue, known.names[i], room.most, nullptr});
    q.add(")");
  }
  q.add(") w order by priority desc, run_at, id limit $1) m group by kind", room.most);
  return db.all<kind_share>(q);
}

// What is locked stays where it is, so it is found again by its place.
std::vector<stored_job> take_rows(transaction& tx, std::int64_t worker, const kind_room& room,
                                  time_point now) {
  sql_text q("with picked as materialized (select ctid as at");
  add_most_urgent(q, room);
  q.add(
      "limit $1 for update skip locked) "
      "update aft_job set state = 1, attempt = attempt + 1, worker = $2, "
      "started_at = $3 where ctid = any (array(select at from picked)) "
      "returning id, kind, arguments, queue, priority, run_at, attempt, max_attempts, "
      "created_at, limit_key, request_id, traceparent, 0 as bundle",
      room.most, worker, now);
  return tx.all<stored_job>(q);
}

using taken = std::vector<stored_job>;

taken take(transaction& tx, std::int64_t worker, const known_kinds& known, const kind_room& room,
           time_point now) {
  return known.fits_bundles(room.kind) ? take_bundle(tx, worker, room, now)
                                       : take_rows(tx, worker, room, now);
}

claim_place last_place(const taken& jobs) {
  const auto& last = *std::max_element(jobs.begin(), jobs.end(), is_more_urgent<stored_job>);
  return {last.kind, last.priority, last.run_at, last.id};
}

bool fill(const taken& jobs, const queue_room& room) {
  return std::int64_t(jobs.size()) == room.most;
}

}  // namespace

void add_most_urgent(sql_text& q, const kind_room& room) {
  q.add("from aft_job where state = 0 and queue = $1 and kind = $2", room.queue, room.kind);
  if (room.after) {
    q.add("and priority = $1 and (run_at, id) > ($2, $3)", room.after->priority, room.after->run_at,
          room.after->id);
  }
  q.add("order by priority desc, run_at, id");
}

// All is ordered as the index is: for a mere "exists" the server looks through the table, also
// through what has just ended.
std::vector<std::string> queues_on_postgres(reader& db, const known_kinds& known) {
  return db.all<std::string>(
      "with recursive q (name) as "
      "((select queue from aft_job where state = 0 order by queue limit 1) union all "
      "select (select queue from aft_job where state = 0 and queue > q.name "
      "order by queue limit 1) from q where q.name is not null) "
      "select name from q where name is not null and not exists "
      "(select 1 from aft_queue where aft_queue.name = q.name and is_paused = 1) and exists "
      "(select 1 from json_array_elements_text($1::json) k (kind) where "
      "(select id from aft_job where state = 0 and queue = q.name and aft_job.kind = k.kind "
      "order by priority desc, run_at, id limit 1) is not null)",
      known.json);
}

// Of the most urgent, by kinds. Where others are quicker, which only shows when the rows are to be
// locked, of whatever is not theirs.
std::vector<stored_job> take_on_postgres(transaction& tx, std::int64_t worker,
                                         const known_kinds& known, const queue_room& room,
                                         time_point now, claim_places& places) {
  taken jobs;
  const auto generation = places.generation();
  const auto add = [&](const std::string& kind, std::int64_t most, const claim_place* after) {
    auto some = take(tx, worker, known, {room.queue, kind, most, after}, now);
    std::move(some.begin(), some.end(), std::back_inserter(jobs));
  };
  if (const auto place = places.of(room.queue)) {
    add(place->kind, room.most, &*place);
    if (fill(jobs, room)) {
      places.note(room.queue, last_place(jobs), generation);
      return jobs;
    }
  }
  const auto before = jobs.size();
  const auto shares = shares_of(tx, known, {room.queue, room.most - std::int64_t(before)});
  std::int64_t seen = 0;
  for (const auto& share : shares) {
    add(share.kind, share.most, nullptr);
    seen += share.most;
  }
  if (shares.size() > 0 && std::int64_t(jobs.size() - before) < seen) {
    for (const auto& kind : known.names) {
      if (known.names.size() == 1 || fill(jobs, room)) break;
      add(kind, room.most - std::int64_t(jobs.size()), nullptr);
    }
  } else if (shares.size() == 1 && !before && fill(jobs, room)) {
    places.note(room.queue, last_place(jobs), generation);
    return jobs;
  }
  places.forget(room.queue);
  return jobs;
}

}  // namespace aft::jobs

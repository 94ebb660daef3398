#include "store.hpp"

#include <algorithm>

#include <fmt/format.h>

#include <aft/ground/context.hpp>
#include <aft/ground/error.hpp>
#include <aft/ground/json.hpp>
#include <aft/ground/secret.hpp>
#include <aft/jobs/batch.hpp>
#include <aft/jobs/control.hpp>
#include <aft/jobs/job.hpp>
#include <aft/storage/errors.hpp>

#include "../storage/connection.hpp"
#include "bundles.hpp"
#include "job_start.hpp"
#include "limits.hpp"

namespace aft::jobs {
namespace {

constexpr int most_attempts = 1000;

void check_options(const job_options& o) {
  if (o.max_attempts < 0 || o.max_attempts > most_attempts) {
    throw error(
        fmt::format("max_attempts of a job is {}; 1 to {} can be, or 0 for what its "
                    "handler's policy says",
                    o.max_attempts, most_attempts));
  }
  if (o.queue.empty()) throw error("a job in a queue without a name");
  if (o.unique.empty() && o.unique_for != duration()) {
    throw error("a job with unique_for needs a unique key");
  }
  check_limit(o);
}

struct key_holder {
  std::int64_t id;
  int state;
  std::optional<time_point> unique_until;
};

bool has_ended(int state) { return state >= 2 && state <= 4; }

// One that has no right to the key (any more) loses it. Returns the one that keeps it.
std::optional<std::int64_t> settle_conflict(transaction& tx, std::string_view kind,
                                            std::string_view arguments, const job_options& o) {
  const auto now = tx.now();
  const auto holder = tx.find<key_holder>(
      "select id, state, unique_until from aft_job where kind = $1 and unique_key = $2", kind,
      o.unique);
  if (!holder) return {};
  const bool over = has_ended(holder->state) && holder->unique_until.value_or(now) <= now;
  const bool replace = o.on_conflict == job_conflict::replace && !has_ended(holder->state);
  if (over || (replace && holder->state == 1)) {
    tx.execute("update aft_job set unique_key = null where id = $1", holder->id);
    return {};
  }
  if (replace) {
    const bool later = o.delay > duration();
    tx.execute(
        "update aft_job set arguments = $2, run_at = $3, priority = $4, "
        "state = case when state in (0, 5) then cast($5 as integer) else state end where id = $1",
        holder->id, arguments, now + o.delay, o.priority, later ? 5 : 0);
    tx.notify(topic);
  }
  return holder->id;
}

// The row is written, so that its end comes before this or sees it. The state of the job; nothing
// where it is done.
std::optional<int> note_follower(transaction& tx, std::int64_t parent) {
  const auto note = [&] {
    return tx.find<int>(
        "update aft_job set followers = 1 where id = $1 and state <> 3 returning state", parent);
  };
  auto state = note();
  if (state) return state;
  take_out(tx, parent);
  return note();  // somebody else may have taken it out meanwhile
}

// It waits for those of `after` that are not done.
void follow(transaction& tx, std::int64_t job, const job_options& o) {
  const bool any_end = o.after_what == job_after::ended;
  std::int64_t open = 0;
  for (const auto parent : o.after) {
    if (parent == job) continue;
    const auto state = note_follower(tx, parent);
    if (!state || (any_end && has_ended(*state))) continue;
    if (*state == 4) {
      jobs::cancel(tx, job);
      return;
    }
    open += tx.execute(
        "insert into aft_job_after (parent, job, any_end) values ($1, $2, $3) "
        "on conflict do nothing",
        parent, job, int(any_end));
  }
  if (!open) return;
  tx.execute("update aft_job set state = 7, waits_for = $2 where id = $1", job, open);
}

struct origin {
  std::optional<std::string> request_id{}, traceparent{};
};

// Whether nothing is in the way of a job but those before it.
bool is_plain(const job_options& o) {
  return o.delay <= duration() && o.unique.empty() && o.limit_key.empty() && o.after.empty();
}

origin origin_of_this_thread() {
  const auto* context = current_context();
  if (!context) return {};
  origin o;
  if (!context->request_id.empty()) o.request_id = context->request_id;
  if (!context->trace.trace_id.empty()) o.traceparent = write_traceparent(context->trace);
  return o;
}

std::optional<std::string> limit_key_of(const job_options& o) {
  return o.limit_key.empty() ? std::optional<std::string>() : o.limit_key;
}

bool is_full(reader& db, const std::string& queue) {
  return db.one<bool>("select exists (select 1 from aft_queue where name = $1 and is_full = 1)",
                      queue);
}

// On SQLite, where an "autoincrement" writes the sequence with each row, which costs as much as an
// index: calls insert(id), which says whether it wrote a row. Nothing where it did not, so that
// what is refused neither takes ids nor changes anything.
template <class F>
std::optional<std::int64_t> insert_with_id(transaction& tx, const std::string& queue, F insert) {
  auto& ids = storage_access::connection_of(tx).job_ids;
  for (bool again = true;; again = false) {
    if (ids.empty()) {
      if (is_full(tx, queue)) return {};
      ids.take(
          tx.one<std::int64_t>("update sqlite_sequence set "
                               "seq = max(seq, (select coalesce(max(id), 0) from aft_job)) + $1 "
                               "where name = 'aft_job' returning seq + 1 - $1",
                               ids.wanted()));
    }
    const auto id = ids.next();
    try {
      if (insert(id)) return id;
      ids.give_back();
      return {};
    } catch (const constraint_error& e) {
      ids.give_back();
      if (e.kind() == constraint_kind::not_null) return {};  // the queue is full
      if (e.kind() != constraint_kind::unique || !again) throw;
      ids.drop();  // somebody has written rows without a look at the sequence
    }
  }
}

std::optional<std::int64_t> insert_plain(transaction& tx, std::string_view kind,
                                         std::string_view arguments, const job_options& o) {
  const auto now = tx.now();
  const int state = o.delay > duration() ? 5 : 0;
  const auto why = origin_of_this_thread();
  // No queue, which the table refuses, where it is full: that costs less than a select here.
  if (is_on_postgres(tx)) {
    try {
      return tx.one<std::int64_t>(
          "insert into aft_job (kind, arguments, queue, state, priority, run_at, max_attempts, "
          "created_at, limit_key, request_id, traceparent) values ($1, $2, case when exists "
          "(select 1 from aft_queue where name = $3 and is_full = 1) then null else $3 end, "
          "$4, $5, $6, $7, $8, $9, $10, $11) returning id",
          kind, arguments, o.queue, state, o.priority, now + o.delay, o.max_attempts, now,
          limit_key_of(o), why.request_id, why.traceparent);
    } catch (const constraint_error& e) {
      if (e.kind() != constraint_kind::not_null) throw;
      return {};
    }
  }
  return insert_with_id(tx, o.queue, [&](std::int64_t id) {
    return tx.execute(
        "insert into aft_job (id, kind, arguments, queue, state, priority, run_at, "
        "max_attempts, created_at, limit_key, request_id, traceparent) "
        "values ($12, $1, $2, case when exists "
        "(select 1 from aft_queue where name = $3 and is_full = 1) then null else $3 end, "
        "$4, $5, $6, $7, $8, $9, $10, $11)",
        kind, arguments, o.queue, state, o.priority, now + o.delay, o.max_attempts, now,
        limit_key_of(o), why.request_id, why.traceparent, id);
  });
}

// On SQLite nobody changes the answer before the commit, but those who share it.
bool may_begin(transaction& tx, std::int64_t worker, const std::string& queue) {
  auto& open = storage_access::connection_of(tx).open_worker;
  if (open == worker) return true;
  struct found {
    bool is_worker, some_paused;
  };
  const auto now = tx.one<found>(
      "select exists (select 1 from aft_worker where id = $1) as is_worker, "
      "exists (select 1 from aft_queue where is_paused = 1) as some_paused",
      worker);
  if (!now.is_worker) return false;
  if (!now.some_paused) open = worker;
  return !now.some_paused ||
         !tx.one<bool>("select exists (select 1 from aft_queue where name = $1 and is_paused = 1)",
                       queue);
}

// False where its queue is paused, or the worker was taken for dead.
bool insert_running_on_sqlite(transaction& tx, std::int64_t worker, stored_job& j) {
  if (!may_begin(tx, worker, j.queue)) return false;
  const auto id = insert_with_id(tx, j.queue, [&](std::int64_t next) {
    return tx.execute(
        "insert into aft_job (id, kind, arguments, queue, state, priority, run_at, attempt, "
        "max_attempts, worker, created_at, started_at, request_id, traceparent) "
        "values ($10, $1, $2, $3, 1, $4, $5, 1, $6, $7, $5, $5, $8, $9)",
        j.kind, j.arguments, j.queue, j.priority, j.run_at, j.max_attempts, worker, j.request_id,
        j.traceparent, next);
  });
  if (id) j.id = *id;
  return id.has_value();
}

// Likewise, in one round trip.
bool insert_running_on_postgres(transaction& tx, std::int64_t worker, stored_job& j) {
  const auto id = tx.find<std::int64_t>(
      "insert into aft_job (kind, arguments, queue, state, priority, run_at, attempt, "
      "max_attempts, worker, created_at, started_at, request_id, traceparent) "
      "select $1, $2, $3, 1, $4, $5, 1, $6, $7, $5, $5, cast($8 as text), cast($9 as text) "
      "where exists (select 1 from aft_worker where id = $7) and not exists "
      "(select 1 from aft_queue where name = $3 and is_paused = 1) returning id",
      j.kind, j.arguments, j.queue, j.priority, j.run_at, j.max_attempts, worker, j.request_id,
      j.traceparent);
  if (id) j.id = *id;
  return id.has_value();
}

// As one that runs in this process from the beginning, where there is room for it: its row is
// written twice less.
std::optional<std::int64_t> begin_here(transaction& tx, std::string_view kind,
                                       std::string_view arguments, const job_options& o) {
  auto* here = storage_access::connection_of(tx).here;
  if (!here || !is_plain(o)) return {};
  auto start = here->with([&](runner* who) {
    return who ? who->reserve(kind, o.queue) : std::unique_ptr<job_start>();
  });
  if (!start) return {};
  const auto now = tx.now();
  auto why = origin_of_this_thread();
  stored_job job{.id = 0,
                 .kind = std::string(kind),
                 .arguments = std::string(arguments),
                 .queue = o.queue,
                 .priority = o.priority,
                 .run_at = now,
                 .attempt = 1,
                 .max_attempts = o.max_attempts,
                 .created_at = now,
                 .limit_key = {},
                 .request_id = std::move(why.request_id),
                 .traceparent = std::move(why.traceparent)};
  const bool is_in = is_on_postgres(tx) ? insert_running_on_postgres(tx, start->worker(), job)
                                        : insert_running_on_sqlite(tx, start->worker(), job);
  if (!is_in) return {};
  const auto id = job.id;
  start->stored(std::move(job));
  storage_access::effects(tx).add(std::move(start));
  return id;
}

// With a key of which there is only one.
std::optional<std::int64_t> insert_unique(transaction& tx, std::string_view kind,
                                          std::string_view arguments, const job_options& o) {
  const auto now = tx.now();
  const int state = o.delay > duration() ? 5 : 0;
  const auto why = origin_of_this_thread();
  if (is_on_postgres(tx)) {
    return tx.find<std::int64_t>(
        "insert into aft_job (kind, arguments, queue, state, priority, run_at, max_attempts, "
        "created_at, limit_key, unique_key, unique_until, request_id, traceparent) "
        "select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, cast($12 as text), cast($13 as text) "
        "where not exists (select 1 from aft_queue where name = $3 and is_full = 1) "
        "on conflict (kind, unique_key) where unique_key is not null do nothing returning id",
        kind, arguments, o.queue, state, o.priority, now + o.delay, o.max_attempts, now,
        limit_key_of(o), o.unique, now + o.unique_for, why.request_id, why.traceparent);
  }
  return insert_with_id(tx, o.queue, [&](std::int64_t id) {
    return tx.execute(
        "insert into aft_job (id, kind, arguments, queue, state, priority, run_at, max_attempts, "
        "created_at, limit_key, unique_key, unique_until, request_id, traceparent) "
        "select $14, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13 "
        "where not exists (select 1 from aft_queue where name = $3 and is_full = 1) "
        "on conflict (kind, unique_key) where unique_key is not null do nothing",
        kind, arguments, o.queue, state, o.priority, now + o.delay, o.max_attempts, now,
        limit_key_of(o), o.unique, now + o.unique_for, why.request_id, why.traceparent, id);
  });
}

std::optional<std::int64_t> insert(transaction& tx, std::string_view kind,
                                   std::string_view arguments, const job_options& o) {
  return o.unique.empty() ? insert_plain(tx, kind, arguments, o)
                          : insert_unique(tx, kind, arguments, o);
}

}  // namespace

bool is_on_postgres(const reader& db) {
  return storage_access::kind(db) == storage::engine_kind::postgres;
}

std::string write_arguments(const void* job, const type_info& type) {
  if (aft::detail::holds_secret(type)) {
    throw error(
        fmt::format("the job {} holds a secret, and its arguments would be stored; give it "
                    "a key of what it needs instead",
                    type.name));
  }
  buffer out;
  json::write(out, job, type);
  return std::string(out.view());
}

std::int64_t store(transaction& tx, std::string_view kind, std::string_view arguments,
                   const job_options& options) {
  check_options(options);
  if (const auto begun = begin_here(tx, kind, arguments, options)) return *begun;
  auto id = insert(tx, kind, arguments, options);
  if (!id && !options.unique.empty()) {
    if (const auto there = settle_conflict(tx, kind, arguments, options)) return *there;
    id = insert(tx, kind, arguments, options);
  }
  if (!id) {
    throw queue_full(
        fmt::format("the queue {} is full: more jobs wait in it than jobs_options::max_waiting",
                    options.queue));
  }
  if (!options.limit_key.empty()) keep_limit(tx, options);
  if (!options.after.empty()) follow(tx, *id, options);
  tx.notify(topic);
  return *id;
}

std::int64_t join(transaction& tx, std::int64_t member, std::int64_t joins) {
  if (!note_follower(tx, joins)) return 0;
  const auto last = tx.all<std::int64_t>(
      "insert into aft_job_after (parent, job, any_end) select cast($2 as bigint), job, any_end "
      "from aft_job_after where parent = $1 and job <> $2 on conflict do nothing returning job",
      member, joins);
  for (const auto job : last) {
    tx.execute("update aft_job set waits_for = waits_for + 1 where id = $1", job);
  }
  return std::int64_t(last.size());
}

namespace {

// No queue can be full where there are fewer ids than that, from the first job to the last.
bool may_be_full(transaction& tx, std::int64_t most) {
  struct span {
    std::optional<std::int64_t> first, last;
  };
  const auto ids = tx.one<span>(
      "select (select min(id) from aft_job) as first, (select max(id) from aft_job) as last");
  return ids.first && ids.last && *ids.last - *ids.first + 1 >= most;
}

}  // namespace

void mark_full_queues(transaction& tx, std::int64_t most) {
  struct counted {
    std::string name;
    bool is_full;
  };
  // Per queue, and never more than could be too many.
  std::vector<counted> now;
  std::string after;
  const bool possible = may_be_full(tx, most);
  while (possible) {
    const auto name = tx.one<std::optional<std::string>>(
        "select min(queue) from aft_job where state = 0 and queue > $1", after);
    if (!name) break;
    const auto waiting = tx.one<std::int64_t>(
        "select count(*) from (select 1 from aft_job where state = 0 and queue = $1 limit $2) q",
        *name, most);
    now.push_back({*name, waiting >= most});
    after = *name;
  }
  for (const auto& marked :
       tx.all<std::string>("select name from aft_queue where is_full = 1 order by name")) {
    const bool still = std::any_of(now.begin(), now.end(),
                                   [&](const counted& c) { return c.is_full && c.name == marked; });
    if (!still) tx.execute("update aft_queue set is_full = 0 where name = $1", marked);
  }
  for (const auto& c : now) {
    if (!c.is_full) continue;
    tx.execute(
        "insert into aft_queue (name, is_full) values ($1, 1) "
        "on conflict (name) do update set is_full = 1 where aft_queue.is_full = 0",
        c.name);
  }
}

}  // namespace aft::jobs

#include <aft/jobs/control.hpp>

#include <fmt/format.h>

#include <aft/ground/error.hpp>

#include "../storage/connection.hpp"
#include "bundles.hpp"
#include "finish.hpp"
#include "limits.hpp"
#include "store.hpp"

namespace aft::jobs {
namespace {

constexpr std::size_t largest_page = 1000;
constexpr std::size_t chunk = 500;

// As it lies in the table: enumerations are numbers there.
struct listed_row {
  std::int64_t id;
  std::string kind;
  std::string queue;
  int state;
  int priority;
  time_point run_at;
  int attempt;
  std::string arguments;
  std::optional<std::string> error;
  std::optional<std::string> history;
  time_point created_at;
  std::optional<time_point> started_at;
  std::optional<time_point> finished_at;
  std::optional<std::string> unique_key;
  std::optional<double> progress;
  std::optional<std::string> progress_note;
  std::optional<std::string> output;
};

listed_job listed(listed_row&& r) {
  listed_job j;
  j.id = r.id;
  j.kind = std::move(r.kind);
  j.queue = std::move(r.queue);
  j.state = job_state(r.state);
  j.priority = r.priority;
  j.run_at = r.run_at;
  j.attempt = r.attempt;
  j.arguments.text = std::move(r.arguments);
  j.error = std::move(r.error);
  if (r.history) {
    if (auto kept = json::read<std::vector<job_failure>>(*r.history)) {
      j.history = *std::move(kept);
    }
  }
  j.created_at = r.created_at;
  j.started_at = r.started_at;
  j.finished_at = r.finished_at;
  j.unique_key = std::move(r.unique_key);
  j.progress = r.progress;
  j.progress_note = std::move(r.progress_note);
  if (r.output) j.output = raw_json{std::move(*r.output)};
  return j;
}

sql_text where(const job_filter& f, std::optional<std::int64_t> before) {
  sql_text q("where true");
  if (f.state) {
    // The partial indexes are known by the numbers in the text.
    switch (*f.state) {
      case job_state::ready: q.add("and state = 0"); break;
      case job_state::running: q.add("and state = 1"); break;
      case job_state::dead: q.add("and state = 2 and state > 1 and state < 5"); break;
      case job_state::done: q.add("and state = 3 and state > 1 and state < 5"); break;
      case job_state::cancelled: q.add("and state = 4 and state > 1 and state < 5"); break;
      case job_state::later: q.add("and state = 5"); break;
      case job_state::held: q.add("and state = 6"); break;
      case job_state::blocked: q.add("and state = 7"); break;
    }
  }
  if (!f.queue.empty()) q.add("and queue = $1", f.queue);
  if (!f.kind.empty()) q.add("and kind = $1", f.kind);
  if (f.created_before) q.add("and created_at < $1", *f.created_before);
  if (before) q.add("and id < $1", *before);
  return q;
}

std::int64_t for_all(database& db, const job_filter& filter,
                     bool (*act)(transaction&, std::int64_t)) {
  std::int64_t acted = 0;
  std::optional<std::int64_t> before;
  while (true) {
    sql_text q("select id from aft_job_all");
    q.add(where(filter, before)).add("order by id desc limit $1", chunk);
    const auto ids = db.read([&q](reader& r) { return r.all<std::int64_t>(q); });
    if (ids.empty()) return acted;
    before = ids.back();
    acted += db.write(
        [&ids, act](transaction& tx) {
          std::int64_t count = 0;
          for (const auto id : ids) count += act(tx, id);
          return count;
        },
        {.low_priority = true});
  }
}

}  // namespace

std::vector<listed_job> list(reader& db, const job_filter& filter,
                             std::optional<std::int64_t> before, std::size_t most) {
  sql_text q(
      "select id, kind, queue, state, priority, run_at, attempt, arguments, error, history, "
      "created_at, started_at, finished_at, unique_key, progress, progress_note, output "
      "from aft_job_all");
  q.add(where(filter, before)).add("order by id desc limit $1", std::min(most, largest_page));
  std::vector<listed_job> jobs;
  for (auto& row : db.all<listed_row>(q)) jobs.push_back(listed(std::move(row)));
  return jobs;
}

std::optional<listed_job> find(reader& db, std::int64_t id) {
  auto row = db.find<listed_row>(
      "select id, kind, queue, state, priority, run_at, attempt, arguments, error, history, "
      "created_at, started_at, finished_at, unique_key, progress, progress_note, output "
      "from aft_job_all where id = $1",
      id);
  if (!row) return {};
  return listed(std::move(*row));
}

std::vector<queue_status> queues(reader& db, std::int64_t most) {
  auto names = db.all<std::string>(
      "with recursive q (name) as (select min(queue) from aft_job where state = 0 union all "
      "select (select min(queue) from aft_job where state = 0 and queue > q.name) from q "
      "where q.name is not null) select name from q where name is not null "
      "union select queue from aft_job_all where state = 1 "
      "union select name from aft_queue where is_paused = 1 order by 1");
  std::vector<queue_status> all;
  for (auto& name : names) {
    queue_status s;
    s.is_paused = db.one<bool>(
        "select exists (select 1 from aft_queue where name = $1 and is_paused = 1)", name);
    s.ready = db.one<std::int64_t>(
        "select count(*) from (select 1 from aft_job where state = 0 and queue = $1 limit $2) q",
        name, most);
    s.running = db.one<std::int64_t>(
        "select count(*) from aft_job_all where state = 1 and worker is not null and queue = $1",
        name);
    // From one priority to the next by the index.
    s.waiting_since = db.one<std::optional<time_point>>(
        "with recursive p (n) as ("
        "select max(priority) from aft_job where state = 0 and queue = $1 union all "
        "select (select max(priority) from aft_job where state = 0 and queue = $1 "
        "and priority < p.n) from p where p.n is not null) "
        "select min((select min(run_at) from aft_job where state = 0 and queue = $1 "
        "and priority = p.n)) from p where p.n is not null",
        name);
    s.name = std::move(name);
    all.push_back(std::move(s));
  }
  return all;
}

std::vector<job_count> count(reader& db) {
  struct row {
    std::string queue;
    int state;
    std::int64_t count;
  };
  std::vector<job_count> counts;
  for (auto& r : db.all<row>("select queue, state, count(*) as count from aft_job_all "
                             "group by queue, state order by queue, state")) {
    counts.push_back({std::move(r.queue), job_state(r.state), r.count});
  }
  return counts;
}

bool retry(transaction& tx, std::int64_t id) {
  if (!tx.execute("update aft_job set state = 0, run_at = $2, "
                  "attempt = case when state = 5 then attempt else 0 end, finished_at = null, "
                  "keep_until = null, unique_key = case when state = 5 then unique_key end "
                  "where id = $1 and state in (2, 4, 5)",
                  id, tx.now())) {
    return false;
  }
  tx.notify(topic);
  return true;
}

namespace {

// A job that this very transaction has stored, to begin with its commit, waits as others do.
void take_back(transaction& tx, std::int64_t id) {
  if (!storage_access::effects(tx).take_back(id)) return;
  tx.execute(
      "update aft_job set state = 0, attempt = 0, worker = null, started_at = null where id = $1",
      id);
  tx.notify(topic);
}

}  // namespace

namespace {

bool cancel_row(transaction& tx, std::int64_t id) {
  const auto now = tx.now();
  if (tx.execute(
          "update aft_job set state = 4, finished_at = $2, keep_until = $3, "
          "unique_key = null, error = 'it was cancelled' where id = $1 and state in (0, 5, 6, 7)",
          id, now, now + keep_cancelled)) {
    cancel_followers(tx, id, now);
    return true;
  }
  if (!tx.execute("update aft_job set stop_asked = 1 where id = $1 and state = 1", id)) {
    return false;
  }
  tx.notify(stop_topic);
  return true;
}

}  // namespace

bool cancel(transaction& tx, std::int64_t id) {
  take_back(tx, id);
  if (cancel_row(tx, id)) return true;
  take_out(tx, id);
  return cancel_row(tx, id);  // somebody else may have taken it out meanwhile
}

bool drop(transaction& tx, std::int64_t id) {
  take_back(tx, id);
  if (!tx.execute("delete from aft_job where id = $1 and state <> 1", id)) return false;
  cancel_followers(tx, id, tx.now());
  return true;
}

std::int64_t retry_all(database& db, const job_filter& filter) {
  return for_all(db, filter, retry);
}
std::int64_t cancel_all(database& db, const job_filter& filter) {
  return for_all(db, filter, cancel);
}
std::int64_t drop_all(database& db, const job_filter& filter) { return for_all(db, filter, drop); }

void pause(transaction& tx, std::string_view queue) {
  storage_access::connection_of(tx).open_worker = 0;
  tx.execute(
      "insert into aft_queue (name, is_paused) values ($1, 1) "
      "on conflict (name) do update set is_paused = 1",
      queue);
}

void resume(transaction& tx, std::string_view queue) {
  tx.execute("update aft_queue set is_paused = 0 where name = $1", queue);
  tx.notify(topic);
}

std::vector<std::string> paused(reader& db) {
  return db.all<std::string>("select name from aft_queue where is_paused = 1 order by name");
}

}  // namespace aft::jobs

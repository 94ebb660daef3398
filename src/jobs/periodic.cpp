#include "periodic.hpp"

#include <algorithm>

#include <aft/ground/error.hpp>

#include "store.hpp"

namespace aft::jobs {
namespace {

constexpr duration grace = minutes(1);     // a moment before that was missed
constexpr std::size_t most_moments = 100;  // made up for in one transaction

struct schedule_row {
  std::string name;
  std::string kind;
  std::string arguments;
  std::string queue;
  int priority;
  int max_attempts;
  std::string text;
  std::string zone;
  int missed;
  time_point next_at;
};

job_options options_of(const schedule_row& s) {
  return {.queue = s.queue, .priority = s.priority, .max_attempts = s.max_attempts};
}

// What is to be enqueued, and what comes after.
struct moments {
  std::vector<time_point> due{};
  time_point next{};
};

moments moments_until(const schedule_row& s, time_point now) {
  const schedule when(s.text, s.zone);
  moments m;
  if (missed_runs(s.missed) == missed_runs::all) {
    for (m.next = s.next_at; m.next <= now && m.due.size() < most_moments;
         m.next = when.next(m.next)) {
      m.due.push_back(m.next);
    }
    return m;
  }
  // However many moments have passed, only the last ones are looked at.
  m.next = when.next(now);
  auto last = s.next_at;
  if (last < now - grace) {
    const auto recent = when.next(now - grace - microseconds(1));
    if (recent <= now) last = recent;
  }
  const bool is_missed = last < now - grace;
  if (!is_missed || missed_runs(s.missed) == missed_runs::once) m.due.push_back(last);
  return m;
}

}  // namespace

bool enqueue_due(transaction& tx, const std::string& kinds, time_point now) {
  const auto due =
      is_on_postgres(tx)
          ? tx.all<schedule_row>(
                "select * from aft_schedule where is_paused = 0 and next_at <= $1 "
                "and kind in (select json_array_elements_text($2::json)) order by name",
                now, kinds)
          : tx.all<schedule_row>(
                "select * from aft_schedule where is_paused = 0 and next_at <= $1 "
                "and kind in (select value from json_each($2)) order by name",
                now, kinds);
  bool more = false;
  for (const auto& s : due) {
    moments m;
    try {
      m = moments_until(s, now);
    } catch (const error&) {
      // Its zone is not known here. Others may know it, and claims must go on.
      continue;
    }
    if (!tx.execute("update aft_schedule set next_at = $3, "
                    "last_at = coalesce(cast($4 as bigint), last_at) "
                    "where name = $1 and next_at = $2 and is_paused = 0",
                    s.name, s.next_at, m.next,
                    m.due.empty() ? std::optional<std::int64_t>()
                                  : m.due.back().since_1970().in_microseconds())) {
      continue;  // another process has done it
    }
    try {
      tx.savepoint([&] {
        for (std::size_t i = 0; i < m.due.size(); ++i) {
          store(tx, s.kind, s.arguments, options_of(s));
        }
      });
    } catch (const queue_full&) {
      // These moments are lost, as any job that finds its queue full.
    }
    more = more || m.next <= now;
  }
  return more;
}

void set_schedule(transaction& tx, const periodic_job& job) {
  const auto& o = job.options;
  if (job.name.empty()) throw configuration_error("a schedule without a name");
  if (o.queue.empty() || o.max_attempts < 0 || o.max_attempts > 1000) {
    throw configuration_error("the schedule " + job.name +
                              " has no queue, or max_attempts that are not 0 to 1000");
  }
  tx.execute(
      "insert into aft_schedule (name, kind, arguments, queue, priority, max_attempts, text, zone, "
      "missed, next_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) "
      "on conflict (name) do update set kind = excluded.kind, arguments = excluded.arguments, "
      "queue = excluded.queue, priority = excluded.priority, "
      "max_attempts = excluded.max_attempts, missed = excluded.missed, "
      "next_at = case when aft_schedule.text = excluded.text "
      "and aft_schedule.zone = excluded.zone then aft_schedule.next_at else excluded.next_at end, "
      "text = excluded.text, zone = excluded.zone",
      job.name, job.kind, job.arguments, o.queue, o.priority, o.max_attempts, job.when.text(),
      job.when.zone(), int(o.missed), job.when.next(tx.now()));
  tx.notify(topic);
}

std::vector<listed_schedule> schedules(reader& db) {
  struct row {
    std::string name, kind, text, zone;
    time_point next_at;
    std::optional<time_point> last_at;
    int is_paused;
  };
  std::vector<listed_schedule> all;
  for (auto& r : db.all<row>("select name, kind, text, zone, next_at, last_at, is_paused "
                             "from aft_schedule order by name")) {
    all.push_back({std::move(r.name), std::move(r.kind), std::move(r.text), std::move(r.zone),
                   r.next_at, r.last_at, r.is_paused != 0});
  }
  return all;
}

std::vector<time_point> next_moments(const listed_schedule& s, std::size_t count) {
  std::vector<time_point> moments;
  const schedule when(s.text, s.zone);
  for (auto at = s.next_at; moments.size() < count; at = when.next(at)) moments.push_back(at);
  return moments;
}

bool drop_schedule(transaction& tx, std::string_view name) {
  return tx.execute("delete from aft_schedule where name = $1", name) == 1;
}

bool pause_schedule(transaction& tx, std::string_view name) {
  return tx.execute("update aft_schedule set is_paused = 1 where name = $1", name) == 1;
}

bool resume_schedule(transaction& tx, std::string_view name) {
  const auto found = tx.find<std::pair<std::string, std::string>>(
      "select text, zone from aft_schedule where name = $1", name);
  if (!found) return false;
  const auto next = schedule(found->first, found->second).next(tx.now());
  tx.execute(
      "update aft_schedule set is_paused = 0, next_at = $2 where name = $1 and is_paused = 1", name,
      next);
  tx.notify(topic);
  return true;
}

std::optional<std::int64_t> run_now(transaction& tx, std::string_view name) {
  const auto s = tx.find<schedule_row>("select * from aft_schedule where name = $1", name);
  if (!s) return {};
  return store(tx, s->kind, s->arguments, options_of(*s));
}

}  // namespace aft::jobs

#include "limits.hpp"

#include <algorithm>
#include <map>

#include <aft/ground/error.hpp>

namespace aft::jobs {
namespace {

struct limit_row {
  std::int64_t most;
  std::int64_t rate;
  std::int64_t period;  // microseconds
  std::int64_t used;
  time_point opens_at;
};

limit_row lock_limit(transaction& tx, std::string_view key) {
  // Claims of one key come one after another.
  constexpr aft::sql<std::string_view> plain =
      "select most, rate, period, used, opens_at from aft_limit where key = $1";
  constexpr aft::sql<std::string_view> locking =
      "select most, rate, period, used, opens_at from aft_limit where key = $1 for update";
  const auto found =
      tx.find<limit_row, std::string_view>(is_on_postgres(tx) ? locking : plain, key);
  return found.value_or(limit_row{0, 0, 0, 0, {}});
}

// How many of the `claimed` ones, which count as running, may go on.
std::int64_t admit(transaction& tx, std::string_view key, std::int64_t claimed, time_point now) {
  auto limit = lock_limit(tx, key);
  auto admitted = claimed;
  if (limit.most > 0) {
    const auto running = tx.one<std::int64_t>(
        "select count(*) from aft_job where state = 1 and limit_key is not null and limit_key = $1",
        key);
    admitted = std::clamp<std::int64_t>(limit.most - (running - claimed), 0, claimed);
  }
  if (limit.rate > 0) {
    if (limit.opens_at <= now) {
      limit.opens_at = now + microseconds(limit.period);
      limit.used = 0;
    }
    admitted = std::clamp<std::int64_t>(limit.rate - limit.used, 0, admitted);
    tx.execute(
        "update aft_limit set used = $2, opens_at = $3, "
        "is_waited = case when $4 > 0 then 1 else is_waited end where key = $1",
        key, limit.used + admitted, limit.opens_at, claimed - admitted);
  } else if (admitted < claimed && is_on_postgres(tx)) {
    // Whoever ends a job beside this, and has looked before it, is to look again.
    tx.execute("update aft_limit set used = used where key = $1", key);
  }
  return admitted;
}

}  // namespace

void check_limit(const job_options& o) {
  if (o.limit < 0 || o.rate < 0 || o.rate_period < duration()) {
    throw error("a limit of a job is negative");
  }
  if (o.limit_key.empty() && (o.limit || o.rate)) throw error("a limit of a job needs a limit_key");
  if ((o.rate > 0) != (o.rate_period > duration())) {
    throw error("a job's rate and rate_period go together");
  }
}

void keep_limit(transaction& tx, const job_options& o) {
  tx.execute(
      "insert into aft_limit (key, most, rate, period) values ($1, $2, $3, $4) "
      "on conflict (key) do update set most = excluded.most, rate = excluded.rate, "
      "period = excluded.period where aft_limit.most <> excluded.most "
      "or aft_limit.rate <> excluded.rate or aft_limit.period <> excluded.period",
      o.limit_key, o.limit, o.rate, o.rate_period.in_microseconds());
}

bool hold_back(transaction& tx, std::vector<stored_job>& claimed, time_point now) {
  std::map<std::string, std::int64_t, std::less<>> left;  // that may go on
  for (const auto& job : claimed) {
    if (job.limit_key) ++left[*job.limit_key];
  }
  if (left.empty()) return false;
  for (auto& [key, count] : left) count = admit(tx, key, count, now);
  return std::erase_if(claimed, [&](const stored_job& job) {
           if (!job.limit_key || left.find(*job.limit_key)->second-- > 0) return false;
           tx.execute(
               "update aft_job set state = 6, worker = null, attempt = attempt - 1, started_at = "
               "null "
               "where id = $1",
               job.id);
           return true;
         }) > 0;
}

void release(transaction& tx, std::string_view key, std::int64_t most) {
  // After the claims of this key, so that what they have held back is seen.
  if (is_on_postgres(tx)) tx.find<int>("select 1 from aft_limit where key = $1 for update", key);
  const auto count = tx.execute(
      "update aft_job set state = 0 where state = 6 and id in (select id from aft_job "
      "where state = 6 and limit_key = $1 order by priority desc, run_at, id limit $2)",
      key, most);
  if (count) tx.notify(topic);
}

void release_due(transaction& tx, time_point now) {
  struct open_limit {
    std::string key;
    std::int64_t rate;
  };
  for (const auto& limit :
       tx.all<open_limit>("select key, rate from aft_limit where is_waited = 1 and opens_at <= $1 "
                          "order by opens_at limit 100",
                          now)) {
    release(tx, limit.key, std::max<std::int64_t>(limit.rate, 1));
    tx.execute(
        "update aft_limit set is_waited = 0 where key = $1 and not exists "
        "(select 1 from aft_job where state = 6 and limit_key = $1)",
        limit.key);
  }
}

std::string forget_limits(transaction& tx, const std::string& after, time_point now) {
  const auto keys =
      tx.all<std::string>("select key from aft_limit where key > $1 order by key limit 200", after);
  for (const auto& key : keys) {
    tx.execute(
        "delete from aft_limit where key = $1 and opens_at <= $2 and is_waited = 0 and not exists "
        "(select 1 from aft_job where limit_key = $1 and limit_key is not null)",
        key, now);
  }
  return keys.empty() ? std::string() : keys.back();
}

}  // namespace aft::jobs

#include "finish.hpp"

#include <algorithm>
#include <vector>

#include <aft/ground/json.hpp>
#include <aft/jobs/control.hpp>

#include "bundles.hpp"
#include "id_runs.hpp"
#include "limits.hpp"
#include "store.hpp"

namespace aft::jobs {
namespace {

constexpr std::string_view asked = "it was cancelled";
constexpr std::size_t longest_history = 20;  // failed attempts kept of a job

struct ended_row {
  int followers;
  std::optional<std::string> limit_key;
};

struct failed_row {
  std::optional<std::string> history;
  std::optional<std::string> limit_key;
  std::optional<time_point> started_at;
  int stop_asked;
  int followers;
};

// The row of a failed attempt; nothing where the fence holds it back.
std::optional<failed_row> row_of(transaction& tx, const job_claim& c) {
  return tx.find<failed_row>(
      "select history, limit_key, started_at, stop_asked, followers from aft_job "
      "where id = $1 and worker = $2 and attempt = $3 and state = 1",
      c.id, c.worker, c.attempt);
}

std::string with_failure(const failed_row& row, const job_claim& c, time_point now,
                         std::string_view error) {
  std::vector<job_failure> history;
  if (row.history) {
    if (auto kept = json::read<std::vector<job_failure>>(*row.history)) {
      history = *std::move(kept);
    }
  }
  history.push_back({c.attempt, row.started_at.value_or(now), now, c.worker, std::string(error)});
  if (history.size() > longest_history) history.erase(history.begin());
  return json::write(history);
}

// Counts down what waits for a job that is done; or, at another end, what is content with that.
void free_followers(transaction& tx, std::int64_t parent, bool is_done) {
  const auto freed = tx.all<std::int64_t>(
      "delete from aft_job_after where parent = $1 and any_end >= $2 returning job", parent,
      is_done ? 0 : 1);
  for (const auto job : freed) {
    tx.execute(
        "update aft_job set waits_for = waits_for - 1, "
        "state = case when waits_for <= 1 then 5 else 7 end where id = $1 and state = 7",
        job);
  }
  if (!freed.empty()) tx.notify(topic);
}

}  // namespace

bool complete(transaction& tx, const job_claim& c, time_point now, duration keep,
              const std::optional<std::string>& output) {
  const auto row =
      keep > duration()
          ? tx.find<ended_row>(
                "update aft_job set state = 3, worker = null, finished_at = $4, keep_until = $5, "
                "output = $6, saved = null, stop_asked = 0, "
                "unique_key = case when unique_until > $4 then unique_key end "
                "where id = $1 and worker = $2 and attempt = $3 and state = 1 "
                "returning followers, limit_key",
                c.id, c.worker, c.attempt, now, now + keep, output)
          : tx.find<ended_row>(
                "delete from aft_job where id = $1 and worker = $2 and attempt = $3 and state = 1 "
                "and (unique_key is null or unique_until <= $4) returning followers, limit_key",
                c.id, c.worker, c.attempt, now);
  if (!row) {
    if (keep > duration()) return false;
    // It may have to stay for its unique key.
    const auto until = tx.find<std::optional<time_point>>(
        "select unique_until from aft_job where id = $1 and unique_key is not null", c.id);
    if (!until || !*until || **until <= now) return false;
    return complete(tx, c, now, **until - now, output);
  }
  if (row->limit_key) release(tx, *row->limit_key);
  if (row->followers) free_followers(tx, c.id, true);
  return true;
}

namespace {

void complete_one(transaction& tx, std::int64_t worker, std::int64_t id,
                  std::vector<std::int64_t>& deleted) {
  if (tx.execute("delete from aft_job where id = $1 and worker = $2 and state = 1 "
                 "and unique_key is null and limit_key is null and followers = 0",
                 id, worker)) {
    deleted.push_back(id);
  }
}

// Of ids without a gap between them, in few statements. The "+" keeps SQLite from other ways than
// from row to row. False: some rows were gone before, and nobody knows which.
bool complete_run(transaction& tx, std::int64_t worker, const id_run& run,
                  std::vector<std::int64_t>& deleted) {
  const auto count = tx.execute(
      "delete from aft_job where id between $1 and $2 and +worker = $3 and +state = 1 "
      "and +unique_key is null and +limit_key is null and +followers = 0",
      run.first, run.last, worker);
  std::vector<std::int64_t> left;
  if (count < run.size()) {
    left = tx.all<std::int64_t>("select id from aft_job where id between $1 and $2 order by id",
                                run.first, run.last);
    if (count + std::int64_t(left.size()) < run.size()) return false;
  }
  for (auto id = run.first; id <= run.last; ++id) {
    if (!std::binary_search(left.begin(), left.end(), id)) deleted.push_back(id);
  }
  return true;
}

}  // namespace

std::optional<std::vector<std::int64_t>> complete_plain(transaction& tx, std::int64_t worker,
                                                        const std::vector<std::int64_t>& ids) {
  if (is_on_postgres(tx)) {
    return tx.all<std::int64_t>(
        "delete from aft_job where worker = $1 and state = 1 and unique_key is null "
        "and limit_key is null and followers = 0 and id in "
        "(select cast(value as bigint) from json_array_elements_text($2::json) t(value)) "
        "returning id",
        worker, json::write(ids));
  }
  std::vector<std::int64_t> deleted;
  for (const auto& run : runs_of(ids)) {
    if (run.size() == 1) complete_one(tx, worker, run.first, deleted);
    else if (!complete_run(tx, worker, run, deleted)) return {};
  }
  return deleted;
}

bool retry(transaction& tx, const job_claim& c, time_point now, time_point run_at,
           std::string_view error) {
  const auto row = row_of(tx, c);
  if (!row) return false;
  if (row->stop_asked) return end_cancelled(tx, c, now, keep_cancelled, asked);
  tx.execute(
      "update aft_job set state = 5, worker = null, run_at = $2, error = $3, history = $4, "
      "stop_asked = 0 where id = $1",
      c.id, run_at, error, with_failure(*row, c, now, error));
  if (row->limit_key) release(tx, *row->limit_key);
  return true;
}

bool bury(transaction& tx, const job_claim& c, time_point now, duration keep,
          std::string_view error) {
  const auto row = row_of(tx, c);
  if (!row) return false;
  tx.execute(
      "update aft_job set state = 2, worker = null, finished_at = $2, keep_until = $3, "
      "error = $4, history = $5, stop_asked = 0, "
      "unique_key = case when unique_until > $2 then unique_key end where id = $1",
      c.id, now, now + keep, error, with_failure(*row, c, now, error));
  if (row->limit_key) release(tx, *row->limit_key);
  if (row->followers) free_followers(tx, c.id, false);
  return true;
}

bool end_cancelled(transaction& tx, const job_claim& c, time_point now, duration keep,
                   std::string_view why) {
  const auto row = row_of(tx, c);
  if (!row) return false;
  tx.execute(
      "update aft_job set state = 4, worker = null, finished_at = $2, keep_until = $3, "
      "error = $4, stop_asked = 0, "
      "unique_key = case when unique_until > $2 then unique_key end where id = $1",
      c.id, now, now + keep, why);
  if (row->limit_key) release(tx, *row->limit_key);
  cancel_followers(tx, c.id, now);
  return true;
}

bool put_back(transaction& tx, const job_claim& c, time_point now, time_point run_at) {
  const auto row = row_of(tx, c);
  if (!row) return false;
  if (row->stop_asked) return end_cancelled(tx, c, now, keep_cancelled, asked);
  tx.execute(
      "update aft_job set state = 5, worker = null, attempt = attempt - 1, run_at = $2, "
      "stop_asked = 0 where id = $1",
      c.id, run_at);
  if (row->limit_key) release(tx, *row->limit_key);
  return true;
}

void put_all_back(transaction& tx, std::int64_t worker, time_point now) {
  take_apart(tx, bundles_of(tx, worker));
  const auto held = tx.all<job_claim>(
      "select id, worker, attempt from aft_job where worker = $1 and state = 1 "
      "and (limit_key is not null or stop_asked = 1)",
      worker);
  for (const auto& c : held) put_back(tx, c, now, now);
  tx.execute(
      "update aft_job set state = 0, worker = null, attempt = attempt - 1 "
      "where worker = $1 and state = 1",
      worker);
  tx.notify(topic);
}

void cancel_followers(transaction& tx, std::int64_t parent, time_point now) {
  std::vector<std::int64_t> cancelled{parent};
  while (!cancelled.empty()) {
    const auto next = cancelled.back();
    cancelled.pop_back();
    free_followers(tx, next, false);
    for (const auto job :
         tx.all<std::int64_t>("select job from aft_job_after where parent = $1", next)) {
      tx.execute(
          "update aft_job set state = 4, finished_at = $2, keep_until = $3, unique_key = null, "
          "error = 'a job that it waited for was cancelled' where id = $1 and state = 7",
          job, now, now + keep_cancelled);
      cancelled.push_back(job);
    }
    tx.execute("delete from aft_job_after where parent = $1", next);
  }
}

}  // namespace aft::jobs

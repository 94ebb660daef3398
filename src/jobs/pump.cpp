// What the runner's own thread does: it claims, and beats the heart.

#include <algorithm>
#include <chrono>
#include <set>
#include <utility>

#include <fmt/format.h>

#include <aft/jobs/control.hpp>

#include "bundles.hpp"
#include "held_job.hpp"
#include "limits.hpp"
#include "periodic.hpp"
#include "runner.hpp"
#include "second_claim.hpp"
#include "workers.hpp"

namespace aft::jobs {
namespace {

using steady = std::chrono::steady_clock;

steady::time_point after(duration d) {
  return steady::now() + std::chrono::microseconds(d.in_microseconds());
}

constexpr std::int64_t most_swept = 500;  // in one transaction

// Deletes jobs that were kept for long enough; how many.
std::int64_t sweep(transaction& tx, time_point now) {
  std::int64_t count = 0;
  for (const int ended : {2, 3, 4}) {
    const auto old = tx.all<std::int64_t>(
        "select id from aft_job where state = $1 and state > 1 "
        "and coalesce(keep_until, run_at) <= $2 order by coalesce(keep_until, run_at) limit $3",
        ended, now, most_swept - count);
    for (const auto id : old) {
      // Unless somebody else has just let it run again.
      const auto followers = tx.find<int>(
          "delete from aft_job where id = $1 and state = $2 "
          "and coalesce(keep_until, run_at) <= $3 returning followers",
          id, ended, now);
      if (followers.value_or(0)) cancel_followers(tx, id, now);
    }
    count += std::int64_t(old.size());
  }
  return count;
}

struct stray {
  std::int64_t id, worker;
  int attempt;
  time_point run_at;
};

}  // namespace

// A worker that was silent for too long has been taken for dead, and others have its jobs. It goes
// on as a new one.
void runner::beat_or_begin_anew(transaction& tx) {
  if (!beat(tx, worker_.load(), tx.now())) worker_ = add_worker(tx, tx.now());
}

void runner::beat_heart() {
  const auto count = db_.write([this](transaction& tx) {
    return recover(tx, silence_, {db_.time().steady(), options_.lease});
  });
  // By itself, so that nobody who stores a job is in the way of it, nor it of them.
  db_.write([this](transaction& tx) { beat_or_begin_anew(tx); }, {.level = enough});
  if (count) note(log_level::warning, fmt::format("{} jobs of dead workers start again", count));
}

// What nobody waits for, in small transactions.
void runner::tidy() {
  constexpr write_options behind_others{.low_priority = true};
  constexpr write_options beside_others{.low_priority = true, .level = enough};
  db_.write([this](transaction& tx) { mark_full_queues(tx, options_.max_waiting); }, beside_others);
  while (db_.write([](transaction& tx) { return sweep(tx, tx.now()); }, beside_others) ==
         most_swept) {}
  last_limit_ = db_.write(
      [this](transaction& tx) { return forget_limits(tx, last_limit_, tx.now()); }, behind_others);
}

// All with something that is ready; or for a moment, while much waits, those that had more than
// there was room for.
runner::found_queues runner::queues_to_claim(transaction& tx) {
  if (!cut_short_.empty() && steady::now() - looked_ < std::chrono::milliseconds(100)) {
    for (const auto& name : paused(tx)) std::erase(cut_short_, name);
    if (!cut_short_.empty()) return {cut_short_, false};
  }
  looked_ = steady::now();
  places_.forget();
  auto queues = ready_queues(tx, known_);
  if (!queues.empty()) {
    std::rotate(queues.begin(), queues.begin() + std::ptrdiff_t(turn_ % queues.size()),
                queues.end());
  }
  return {std::move(queues)};
}

// Without a promise one for each crew.
runner::round runner::claim_round(transaction& tx, room_promise* promise) {
  const auto now = tx.now();
  round r;
  const auto start = begin_claim(tx, worker_);
  if (!start.is_worker) beat_or_begin_anew(tx);
  if (start.due && *start.due <= now) {
    cut_short_.clear();  // there may be others now
    r.more = enqueue_due(tx, known_.json, now);
    r.more = promote(tx, now) || r.more;
  }
  const auto queues = queues_to_claim(tx);
  // As late as can be: meanwhile jobs that are stored here find no room.
  if (promise) r.rooms = promise->renew();
  else r.rooms.assign(crews_.size(), crew_room{1, 0, {}});
  take(tx, queues.names, worker_, r);
  if (promise) promise->settle(r.claimed);
  r.more = r.more || (!queues.are_all && r.cut_short.empty());
  return r;
}

// The queues of a crew share what is left of its room.
void runner::take(transaction& tx, const std::vector<std::string>& queues, std::int64_t worker,
                  round& r) {
  std::vector<std::size_t> sharers(crews_.size());
  std::vector<bool> cut_short(crews_.size());
  for (const auto& queue : queues) ++sharers[crew_number(queue)];
  for (const auto& queue : queues) {
    const auto which = crew_number(queue);
    auto& room = r.rooms[which];
    auto& others = sharers[which];
    auto most = (room.left + others - 1) / others;
    --others;
    if (!std::binary_search(room.held.begin(), room.held.end(), queue)) {
      most = std::max(most, room.least);
    }
    if (!most) {
      r.cut_short.push_back(queue);
      continue;
    }
    auto some = claim(tx, worker, known_, {queue, std::int64_t(most)}, tx.now(), places_);
    r.more = r.more || some.held_back;
    if (some.jobs.size() == most) {
      cut_short[which] = true;
      r.cut_short.push_back(queue);
    }
    room.left -= std::min(room.left, some.jobs.size());
    std::move(some.jobs.begin(), some.jobs.end(), std::back_inserter(r.claimed));
  }
  for (std::size_t i = 0; i < crews_.size(); ++i) {
    r.more = r.more || (cut_short[i] && r.rooms[i].left > 0);
  }
}

// True: there may be more.
bool runner::claim_some(bool all_queues) {
  if (all_queues) cut_short_.clear();
  ++turn_;
  room_promise promise(*this);
  auto found =
      db_.write([&](transaction& tx) { return claim_round(tx, &promise); }, {.level = enough});
  cut_short_ = std::move(found.cut_short);
  dispatch(std::move(found.claimed), worker_, promise);
  if (claims_beside_ && !cut_short_.empty()) begin_second_claim();
  std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < crews_.size(); ++i) {
    auto& c = *crews_[i];
    c.is_hungry = !found.rooms[i].left;
    // It takes more when there is room again, which may be so already.
    c.has_asked = c.is_hungry && c.held <= c.room() / 2;
    found.more = found.more || c.has_asked;
  }
  return found.more;
}

void runner::dispatch(std::vector<stored_job>&& claimed, std::int64_t worker,
                      room_promise& promise) {
  std::vector<held_job*> jobs;
  for (auto& stored : claimed) {
    const auto& kind = kinds_.find(stored.kind)->second;
    auto& of = crew_of(stored.queue);
    jobs.push_back(new held_job(*this, worker, std::move(stored), kind, of));
  }
  {
    std::lock_guard lock(mutex_);
    promise.give_back();
    for (auto* job : jobs) {
      all_.add(*job);
      job->its_crew().hold(job->stored().queue);
    }
  }
  begin(jobs);
}

// What it holds.
void runner::begin(const std::vector<held_job*>& jobs) {
  std::vector<held_job*> for_writer;
  {
    std::lock_guard lock(mutex_);
    for (auto* job : jobs) {
      if (job->takes_transaction()) {
        for_writer.push_back(job);
      } else if (stopping_) {  // nobody would take it any more; it goes back with the worker
        forget(job);
        delete job;
      } else {
        job->its_crew().wait(job->stored().queue, job);
      }
    }
    for (auto& c : crews_) c->wake_idle();
    if (stopping_) pump_wake_.notify_all();
  }
  for (auto* job : for_writer) {
    if (job->read()) job->begin_on_writer();
    job->tell();
  }
}

// Where a commit was in doubt, or a place was taken, there are rows of jobs that are held to run
// here, and do not.
void runner::put_back_strays() {
  // What others have claimed is not held, or not yet; also if they began while rows were read.
  const auto must_wait = [this] {
    strays_later_ = is_claiming_beside_ || lone_runs_;
    return strays_later_;
  };
  {
    std::lock_guard lock(mutex_);
    if (must_wait()) return;
  }
  take_strays_apart();
  auto rows = db_.read([this](reader& db) {
    return db.all<stray>(
        "select id, worker, attempt, run_at from aft_job where worker = $1 and state = 1",
        worker_.load());
  });
  {
    std::lock_guard lock(mutex_);
    if (must_wait()) return;
    std::set<std::int64_t> held;
    for (const auto* job : all_) held.insert(job->stored().id);
    std::erase_if(rows, [&](const stray& s) { return held.contains(s.id); });
  }
  if (rows.empty()) return;
  db_.write([&rows](transaction& tx) {
    for (const auto& s : rows) put_back(tx, {s.id, s.worker, s.attempt}, tx.now(), s.run_at);
    tx.notify(topic);
  });
}

void runner::take_strays_apart() {
  auto bundles = db_.read([this](reader& db) { return bundles_of(db, worker_); });
  {
    std::lock_guard lock(mutex_);
    if (is_claiming_beside_ || lone_runs_) return;
    std::set<std::int64_t> held;
    for (const auto* job : all_) held.insert(job->stored().bundle);
    std::erase_if(bundles, [&](std::int64_t b) { return held.contains(b); });
  }
  if (!bundles.empty()) db_.write([&](transaction& tx) { take_apart(tx, bundles); });
}

void runner::pass_stop_requests() {
  const auto those_asked = db_.read([this](reader& db) {
    return db.all<std::int64_t>(
        "select id from aft_job where worker = $1 and state = 1 and stop_asked = 1",
        worker_.load());
  });
  std::lock_guard lock(mutex_);
  for (auto* job : all_) {
    const bool is_asked =
        std::find(those_asked.begin(), those_asked.end(), job->stored().id) != those_asked.end();
    if (is_asked) job->its_run().stop(stop_reason::cancelled);
  }
}

// A job that does not stop when it is asked to is reported once, and its thread replaced.
void runner::look_for_stuck() {
  const auto now = db_.time().steady();
  std::vector<std::string> names;
  {
    std::lock_guard lock(mutex_);
    for (auto* job : all_) {
      if (job->reported || !job->is_on_thread) continue;
      const auto since = job->its_run().stopped_at();
      if (!since || now < *since + options_.stuck_after) continue;
      job->reported = true;
      names.push_back(fmt::format("{} ({})", job->stored().id, job->stored().kind));
      auto& c = job->its_crew();
      if (c.replaced >= c.threads) continue;
      ++c.replaced;
      add_thread(c);
      wanted_ = heard_ = true;
    }
  }
  for (const auto& name : names) {
    note(log_level::error,
         fmt::format("job {} was asked to stop and goes on; another thread takes its place", name));
  }
}

// By a look alone, which costs others nothing.
bool runner::is_something_due() {
  return db_.read([this](reader& db) {
    if (!is_worker(db, worker_) || !ready_queues(db, known_).empty()) return true;
    const auto due = next_due(db);
    return due && *due <= db_.time().now();
  });
}

void runner::pump() {
  auto next_beat = steady::now(), next_look = next_beat;
  bool strays = false;
  while (true) {
    std::vector<held_job*> untold;
    bool look = false, told = false, heard = false, stops = false;
    {
      std::unique_lock lock(mutex_);
      pump_wake_.wait_until(lock, std::min(next_beat, next_look), [this] {
        return stopping_ || wanted_ || stops_wanted_ || strays_wanted_;
      });
      if (stopping_) return;
      untold.swap(untold_);
      stops = std::exchange(stops_wanted_, false);
      strays = std::exchange(strays_wanted_, false) || strays;
      told = std::exchange(wanted_, false);
      heard = std::exchange(heard_, false);
      look = told || steady::now() >= next_look;
      if (look) next_look = after(options_.poll);
    }
    for (auto* job : untold) job->tell();
    try {
      look_for_stuck();
      if (steady::now() >= next_beat) {
        next_beat = after(options_.heartbeat);
        beat_heart();
        tidy();
        stops = strays = true;
      }
      if (stops) pass_stop_requests();
      if (strays) put_back_strays();
      strays = false;
      if (!look) continue;
      if ((told || is_something_due()) && claim_some(heard || !told)) {
        std::lock_guard lock(mutex_);
        wanted_ = true;
      } else if (const auto due = db_.read([](reader& db) { return next_due(db); })) {
        const auto left = *due - db_.time().now();
        if (left < options_.poll) {
          next_look = std::min(next_look, after(std::max(left, milliseconds(1))));
        }
      }
    } catch (const std::exception& e) {
      strays = true;  // the commit of a claim may have been in doubt
      note(log_level::error, fmt::format("jobs cannot be claimed: {}", e.what()));
    }
  }
}

}  // namespace aft::jobs

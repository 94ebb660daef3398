#include "runner.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/format.h>

#include <aft/ground/error.hpp>

#include "../ground/may_wait.hpp"
#include "../ground/quiet_thread.hpp"
#include "../storage/database.hpp"
#include "gathered_ends.hpp"
#include "held_job.hpp"
#include "workers.hpp"

namespace aft::jobs {

runner::runner(database& db, const logger& log, jobs_options options)
    : db_(db), log_(log), options_(std::move(options)) {
  const bool has_server = db.read([](reader& r) { return is_on_postgres(r); });
  claims_beside_ = has_server;
  if (options_.poll <= duration()) options_.poll = has_server ? seconds(1) : milliseconds(100);
  // A claim by way of a server costs more, and holds up nobody else.
  if (!options_.prefetch) options_.prefetch = has_server ? 1000 : 600;
  auto rest = std::make_unique<crew>();
  rest->threads = options_.threads;
  rest->prefetch = options_.prefetch;
  crews_.push_back(std::move(rest));
  if (options_.heartbeat <= duration() || options_.lease < options_.heartbeat * 2) {
    throw configuration_error(
        "jobs_options::lease is less than two heartbeats: a worker would be taken for dead");
  }
  for (const auto& q : options_.queues) {
    if (q.name.empty() || crews_.front().get() != &crew_of(q.name)) {
      throw configuration_error(
          fmt::format("the queue \"{}\" of jobs_options has no name, or is there twice", q.name));
    }
    auto own = std::make_unique<crew>();
    own->queue = q.name;
    own->threads = q.threads;
    own->prefetch = q.prefetch ? q.prefetch : options_.prefetch;
    crews_.push_back(std::move(own));
  }
}

runner::~runner() {
  stop();
  for (auto& t : threads_) t.thread.join();  // left behind
  std::unique_lock lock(mutex_);
  pump_wake_.wait(lock, [this] { return !reserved_; });
}

std::size_t runner::crew_number(std::string_view queue) const {
  for (std::size_t i = 1; i < crews_.size(); ++i) {
    if (crews_[i]->queue == queue) return i;
  }
  return 0;
}

crew& runner::crew_of(std::string_view queue) { return *crews_[crew_number(queue)]; }

void runner::add(handler&& h) {
  std::string kind(h.info().kind);
  if (kinds_.contains(kind)) {
    throw configuration_error(fmt::format(
        "two handlers for the job {}; give one of the structs a job_name of its own", kind));
  }
  if (h.policy().max_attempts < 1 || h.policy().max_attempts > 1000) {
    throw configuration_error(fmt::format("the job_policy of {} has {} attempts; 1 to 1000 can be",
                                          kind, h.policy().max_attempts));
  }
  kinds_.emplace(kind, kind_entry(std::move(h)));
}

bool runner::keeps_nothing(const kind_entry& kind) const {
  return kind.handler_of.policy().keep <= duration() && options_.keep <= duration();
}

void runner::resolve(const find_state& find) {
  known_ = {};
  for (auto& [kind, entry] : kinds_) {
    const auto& info = entry.handler_of.info();
    known_.names.push_back(kind);
    known_.fit_bundles.push_back(!info.takes_transaction && keeps_nothing(entry));
    entry.states.clear();
    for (std::uint32_t i = 0; i < info.state_count; ++i) {
      void* state = find(info.states[i]);
      if (!state) {
        throw configuration_error(
            fmt::format("the handler of the job {} takes {}&, which nobody provides; give it to "
                        "app.state()",
                        kind, info.state_names[i]));
      }
      entry.states.push_back(state);
    }
  }
  known_.json = json::write(known_.names);
}

void runner::start() {
  if (running_ || kinds_.empty() || options_.threads == 0) return;
  worker_ = db_.write([&](transaction& tx) { return add_worker(tx, tx.now()); });
  {
    std::lock_guard lock(mutex_);
    running_ = true;
    stopping_ = false;
    wanted_ = heard_ = true;
    ++generation_;
    for (auto& c : crews_) {
      c->replaced = 0;
      for (unsigned i = 0; i < c->threads; ++i) add_thread(*c);
    }
  }
  listener_ = db_.listen(topic, [this] {
    std::lock_guard lock(mutex_);
    wanted_ = heard_ = true;
    pump_wake_.notify_all();
  });
  stop_listener_ = db_.listen(stop_topic, [this] {
    std::lock_guard lock(mutex_);
    stops_wanted_ = true;
    pump_wake_.notify_all();
  });
  pump_thread_ = detail::quiet_thread("aft jobs", [this] { pump(); });
  db_.inside().engine().work_jobs_with(this);
}

void runner::add_thread(crew& of) {
  auto& self = threads_.emplace_back();
  self.thread = detail::quiet_thread(
      "aft job", [this, &of, &self, generation = generation_] { work(of, self, generation); });
}

void runner::stop() {
  if (!running_) return;
  running_ = false;
  db_.inside().engine().work_jobs_with(nullptr);
  db_.unlisten(listener_);
  db_.unlisten(stop_listener_);
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    for (auto& c : crews_) c->wake.notify_all();
    for (auto* job : all_) job->its_run().stop(stop_reason::stopping);
  }
  pump_wake_.notify_all();
  pump_thread_.join();  // it may have claimed some more
  {
    std::unique_lock lock(mutex_);
    pump_wake_.wait(lock, [this] { return !is_claiming_beside_; });
  }
  drop_waiting();
  leave_behind();
  std::vector<held_job*> untold;
  {
    std::unique_lock lock(mutex_);
    pump_wake_.wait(lock, [this] { return all_.size() == untold_.size() && !is_gathering_; });
    untold.swap(untold_);
    for (auto* job : untold) forget(job);  // they will run again
  }
  for (auto* job : untold) delete job;
  try {
    db_.write([&](transaction& tx) {
      put_all_back(tx, worker_, tx.now());
      remove_worker(tx, worker_);
    });
  } catch (const std::exception& e) {
    note(log_level::error, fmt::format("the worker could not sign off: {}", e.what()));
  }
  worker_ = 0;
}

// What was not begun is given back with the worker.
void runner::drop_waiting() {
  std::vector<held_job*> not_begun;
  {
    std::lock_guard lock(mutex_);
    for (auto& c : crews_) {
      const auto its_own = c->take_all();
      not_begun.insert(not_begun.end(), its_own.begin(), its_own.end());
    }
    for (auto* job : not_begun) forget(job);
  }
  for (auto* job : not_begun) delete job;
}

// Waits for the threads, and for jobs that are being stored; no longer than `drain`.
void runner::leave_behind() {
  std::list<worker_thread> over;
  std::vector<std::string> names;
  {
    std::unique_lock lock(mutex_);
    const auto all_ended = [this] {
      return !reserved_ && std::all_of(threads_.begin(), threads_.end(),
                                       [](const worker_thread& t) { return t.has_ended; });
    };
    pump_wake_.wait_for(lock, std::chrono::microseconds(options_.drain.in_microseconds()),
                        all_ended);
    for (auto t = threads_.begin(); t != threads_.end();) {
      const auto next = std::next(t);
      if (t->has_ended) over.splice(over.end(), threads_, t);
      t = next;
    }
    for (auto* job : std::vector(all_.begin(), all_.end())) {
      if (job->is_reserved) {
        job->left_behind = true;
        all_.remove(*job);
      }
      // What has run and is being told of is waited for.
      if (!job->is_on_thread) continue;
      job->left_behind = true;
      names.push_back(fmt::format("{} ({})", job->stored().id, job->stored().kind));
      forget(job);
    }
  }
  for (auto& t : over) t.thread.join();
  for (const auto& name : names) {
    note(log_level::error,
         fmt::format("job {} did not end when it was asked to; it is left behind", name));
  }
}

void runner::work(crew& of, worker_thread& self, std::uint64_t generation) {
  detail::serving_for serving(this);
  std::unique_lock lock(mutex_);
  while (true) {
    ++of.idle;
    of.wake.wait(lock, [&] { return stopping_ || generation != generation_ || of.has_waiting(); });
    --of.idle;
    if (stopping_ || generation != generation_) break;
    auto* job = of.take_next();
    job->is_on_thread = true;
    lock.unlock();
    job->run_here();
    lock.lock();
    job->is_on_thread = false;
    const bool was_stuck = job->reported;
    if (job->left_behind) {  // others have it
      lock.unlock();
      delete job;
      lock.lock();
      break;
    }
    ran(job, lock);
    if (was_stuck && of.replaced) {  // another one has its place
      --of.replaced;
      break;
    }
  }
  self.has_ended = true;
  pump_wake_.notify_all();
}

// Of jobs that end at the same time the database is told together.
void runner::ran(held_job* job, std::unique_lock<std::mutex>& lock) {
  leave_crew(job);
  if (!job->ends_plainly()) {
    lock.unlock();
    job->tell();
    lock.lock();
    return;
  }
  plain_ends_.push_back(job);
  if (std::exchange(is_gathering_, true)) return;
  auto* told = new gathered_ends(*this, std::exchange(plain_ends_, {}));
  lock.unlock();
  if (!db_.inside().submit(*told)) gathered(told, true);
  lock.lock();
}

void runner::gathered(gathered_ends* told, bool failed) {
  std::vector<held_job*> over;
  for (auto* job : told->jobs()) {
    if (failed) try_again_later(job);
    else if (told->has_told(job)) over.push_back(job);
    else job->tell();  // there is more to it
  }
  ended(over);
  delete told;
  std::unique_lock lock(mutex_);
  if (!plain_ends_.empty()) {
    auto* next = new gathered_ends(*this, std::exchange(plain_ends_, {}));
    lock.unlock();
    if (db_.inside().submit(*next)) return;
    for (auto* job : next->jobs()) try_again_later(job);
    delete next;
    lock.lock();
    // What has come meanwhile is told of one by one, by the pump.
    for (auto* job : std::exchange(plain_ends_, {})) untold_.push_back(job);
  }
  is_gathering_ = false;
  if (stopping_) pump_wake_.notify_all();
}

// Makes room for another one: the next are claimed while the database is told of this one.
void runner::leave_crew(held_job* job) {
  if (std::exchange(job->has_left, true)) return;
  auto& c = job->its_crew();
  c.leave(job->stored().queue);
  // With half of its room empty a crew asks for more, not for each job.
  if (const auto took = job->took()) c.took(*took);
  if (!c.is_hungry || c.has_asked || c.held > c.room() / 2) return;
  c.has_asked = true;
  wanted_ = true;
  pump_wake_.notify_all();
}

void runner::forget(held_job* job) {
  all_.remove(*job);
  leave_crew(job);
}

// A runner that stops goes on once it knows of no job any more.
void runner::ended(const std::vector<held_job*>& jobs) {
  for (auto* job : jobs) {
    job->told();
    job->drop_arguments();
  }
  {
    std::lock_guard lock(mutex_);
    for (auto* job : jobs) forget(job);
    if (stopping_) pump_wake_.notify_all();
  }
  for (auto* job : jobs) delete job;  // without a look at the runner, which may be gone
}

void runner::try_again_later(held_job* job) {
  std::lock_guard lock(mutex_);
  untold_.push_back(job);
  if (stopping_) pump_wake_.notify_all();
}

void runner::measure(metrics& all) {
  const metric runs{"messaging.process.duration", "Time that the handlers of jobs ran.", "s"};
  const metric attempts{
      "aft.jobs.attempts",
      "Attempts of jobs by how they ended: done, failed (to be tried again), dead "
      "(failed for the last time), cancelled, returned (to wait for its time).",
      "{attempt}"};
  for (auto& [name, kind] : kinds_) {
    kind.runs = &all.distribution(
        runs, http_buckets(), {{"messaging.system", "aft"}, {"messaging.destination.name", name}});
    for (std::size_t i = 0; i < outcome_count; ++i) {
      kind.attempts[i] =
          &all.count(attempts, {{"kind", name}, {"outcome", std::string(to_string(outcome(i)))}});
    }
  }
}

void runner::note(log_level level, const std::string& text) const {
  log_.write(level, "jobs", text);
}

std::string_view to_string(outcome o) {
  switch (o) {
    case outcome::done: return "done";
    case outcome::failed: return "failed";
    case outcome::dead: return "dead";
    case outcome::cancelled: return "cancelled";
    case outcome::returned: return "returned";
  }
  return "";
}

// On this thread, until the database knows.
void runner::run_to_its_end(held_job& job) {
  if (job.read()) {
    if (job.takes_transaction()) {
      job.begin_on_writer();
      try {
        db_.write([&](transaction& tx) { job.run(tx); });
        return;
      } catch (...) {
        job.failed(std::current_exception());
      }
    } else {
      job.run_here();
    }
  }
  db_.write([&](transaction& tx) { job.run(tx); });
}

std::size_t runner::run_due() {
  if (kinds_.empty()) return 0;
  const bool own = !worker_;
  if (own) worker_ = db_.write([&](transaction& tx) { return add_worker(tx, tx.now()); });
  tidy();
  ++lone_runs_;
  struct at_end {
    runner& of;
    ~at_end() {
      std::lock_guard lock(of.mutex_);
      if (--of.lone_runs_ || !std::exchange(of.strays_later_, false)) return;
      of.strays_wanted_ = true;
      of.pump_wake_.notify_all();
    }
  } one_less{*this};
  std::size_t runs = 0;
  while (true) {
    auto found = db_.write([&](transaction& tx) { return claim_round(tx, nullptr); });
    if (found.claimed.empty() && !found.more) break;
    for (auto& stored : found.claimed) {
      ++runs;
      const auto& kind = kinds_.find(stored.kind)->second;
      auto& of = crew_of(stored.queue);
      held_job job(*this, worker_, std::move(stored), kind, of);
      run_to_its_end(job);
      job.told();
    }
  }
  if (own) {
    db_.write([&](transaction& tx) { remove_worker(tx, worker_); });
    worker_ = 0;
  }
  return runs;
}

}  // namespace aft::jobs

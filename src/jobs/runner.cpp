#include "runner.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/format.h>

#include <aft/ground/error.hpp>
#include <aft/ground/random.hpp>

#include "../ground/may_wait.hpp"
#include "../ground/quiet_thread.hpp"
#include "../storage/database.hpp"

namespace aft::jobs {
namespace {

using steady = std::chrono::steady_clock;

constexpr std::size_t longest_error = 1000;  // bytes kept of what a job threw

std::string describe(const std::exception_ptr& thrown) {
  std::string text;
  try {
    std::rethrow_exception(thrown);
  } catch (const std::exception& e) {
    text = e.what();
  } catch (...) {
    text = "it threw something that is no std::exception";
  }
  if (text.size() > longest_error) text.resize(longest_error);
  return text;
}

}  // namespace

// One claimed job, until the database knows how it ended. Also the transaction that tells it.
class held_job final : public storage::unit {
 public:
  held_job(runner& owner, std::int64_t worker, stored_job&& stored, const runner::kind_entry& kind)
      : owner_(owner), worker_(worker), stored_(std::move(stored)), kind_(kind) {}
  ~held_job() {
    if (job_) info().destroy(job_);
  }

  const handler_info& info() const { return kind_.run.info(); }
  const stored_job& stored() const { return stored_; }

  // False where the arguments no longer fit: what is to be told is that.
  bool read() {
    field_errors errors;
    job_ = info().read(stored_.arguments, errors);
    if (job_) return true;
    error_ = "its arguments do not fit:";
    for (const auto& e : errors) error_ += fmt::format(" {} {};", e.pointer, e.detail);
    step_ = step::bury;
    return false;
  }

  void call(transaction* tx, reader* db) const {
    job_context context(stored_.id, stored_.attempt, stored_.max_attempts, stored_.created_at);
    info().run(kind_.run.callable(), job_, context, tx, db, kind_.states.data());
  }

  void begin_on_writer() { step_ = step::run; }
  void succeeded() { step_ = step::complete; }
  void failed(const std::exception_ptr& why) {
    error_ = describe(why);
    const bool last = stored_.attempt >= stored_.max_attempts;
    step_ = last ? step::bury : step::retry;
    owner_.note(
        last ? log_level::error : log_level::warning,
        fmt::format("job {} ({}) failed in attempt {} of {}{}: {}", stored_.id, stored_.kind,
                    stored_.attempt, stored_.max_attempts, last ? ", the last" : "", error_));
  }

  bool run(transaction& tx) override {
    const auto& s = stored_;
    switch (step_) {
      case step::run:
        call(&tx, &tx);
        // Both or neither: a worker that was taken for dead leaves no effect.
        return complete(tx, s.id, worker_, s.attempt);
      case step::complete: return complete(tx, s.id, worker_, s.attempt);
      case step::retry: {
        const auto at = tx.now() + owner_.delay_after(s.attempt);
        return retry(tx, s.id, worker_, s.attempt, at, error_);
      }
      case step::bury: return bury(tx, s.id, worker_, s.attempt, tx.now(), error_);
    }
    return false;
  }

  bool may_run_again() const override { return true; }

  waker* done(std::exception_ptr failure) noexcept override {
    if (failure && step_ == step::run) {
      failed(failure);
      tell();
    } else if (failure) {
      owner_.note(log_level::error, fmt::format("the end of job {} could not be noted: {}",
                                                stored_.id, describe(failure)));
      owner_.try_again_later(this);
    } else {
      owner_.ended(this);
    }
    return nullptr;
  }

  void tell() {
    if (!owner_.db_.inside().submit(*this)) owner_.try_again_later(this);
  }

 private:
  enum class step { run, complete, retry, bury };

  runner& owner_;
  const std::int64_t worker_;  // that claimed it
  stored_job stored_;
  const runner::kind_entry& kind_;
  void* job_ = nullptr;
  std::string error_{};
  step step_ = step::complete;
};

runner::runner(database& db, const logger& log, jobs_options options)
    : db_(db), log_(log), options_(std::move(options)) {}

runner::~runner() { stop(); }

void runner::add(handler&& h) {
  std::string kind(h.info().kind);
  if (kinds_.contains(kind)) {
    throw configuration_error(fmt::format(
        "two handlers for the job {}; give one of the structs a job_name of its own", kind));
  }
  kinds_.emplace(kind, kind_entry(std::move(h)));
}

void runner::resolve(const find_state& find) {
  std::vector<std::string> names;
  for (auto& [kind, entry] : kinds_) {
    const auto& info = entry.run.info();
    names.push_back(kind);
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
  kind_list_ = json::write(names);
}

void runner::start() {
  if (running_ || kinds_.empty() || options_.threads == 0) return;
  worker_ = db_.write([&](transaction& tx) { return add_worker(tx, tx.now()); });
  running_ = true;
  stopping_ = false;
  wanted_ = true;
  listener_ = db_.listen(topic, [this] {
    std::lock_guard lock(mutex_);
    wanted_ = true;
    pump_wake_.notify_one();
  });
  for (unsigned i = 0; i < options_.threads; ++i) {
    threads_.push_back(detail::quiet_thread("aft job", [this] { work(); }));
  }
  pump_thread_ = detail::quiet_thread("aft jobs", [this] { pump(); });
}

void runner::stop() {
  if (!running_) return;
  running_ = false;
  db_.unlisten(listener_);
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    held_ -= queue_.size();
    for (auto* job : queue_) delete job;  // not begun: given back below
    queue_.clear();
  }
  pump_wake_.notify_all();
  work_wake_.notify_all();
  pump_thread_.join();
  for (auto& thread : threads_) thread.join();
  threads_.clear();
  {
    std::unique_lock lock(mutex_);
    pump_wake_.wait(lock, [this] { return held_ == untold_.size(); });
    for (auto* job : untold_) delete job;  // they will run again
    held_ = 0;
    untold_.clear();
  }
  try {
    db_.write([&](transaction& tx) {
      give_back(tx, worker_);
      remove_worker(tx, worker_);
    });
  } catch (const std::exception& e) {
    note(log_level::error, fmt::format("the worker could not sign off: {}", e.what()));
  }
}

void runner::recover_dead() {
  const auto count = db_.write([&](transaction& tx) {
    if (worker_) keep_alive(tx);
    return recover(tx, tx.now() - options_.lease, tx.now());
  });
  if (count) note(log_level::warning, fmt::format("{} jobs of dead workers start again", count));
}

// A worker that was silent for too long has been taken for dead, and others have its jobs. It goes
// on as a new one.
void runner::keep_alive(transaction& tx) {
  if (!beat(tx, worker_, tx.now())) worker_ = add_worker(tx, tx.now());
}

std::size_t runner::claim_some(std::size_t most) {
  auto claimed = db_.write([&](transaction& tx) {
    keep_alive(tx);
    return claim(tx, worker_, kind_list_, std::int64_t(most), tx.now());
  });
  return dispatch(std::move(claimed));
}

std::size_t runner::dispatch(std::vector<stored_job>&& claimed) {
  const auto count = claimed.size();
  {
    std::lock_guard lock(mutex_);
    held_ += count;
  }
  for (auto& stored : claimed) {
    const auto& kind = kinds_.find(stored.kind)->second;
    auto* job = new held_job(*this, worker_, std::move(stored), kind);
    if (!job->read()) {
      note(log_level::error, fmt::format("job {} ({}) is given up: its arguments do not fit",
                                         job->stored().id, job->stored().kind));
      job->tell();
    } else if (job->info().takes_transaction) {
      job->begin_on_writer();
      job->tell();
    } else {
      std::lock_guard lock(mutex_);
      queue_.push_back(job);
      work_wake_.notify_one();
    }
  }
  return count;
}

// The thread that claims, and beats the heart.
void runner::pump() {
  const auto later = [](duration d) {
    return steady::now() + std::chrono::microseconds(d.in_microseconds());
  };
  auto next_beat = steady::now(), next_look = next_beat;
  while (true) {
    std::vector<held_job*> untold;
    std::size_t room = 0;
    {
      std::unique_lock lock(mutex_);
      pump_wake_.wait_until(lock, std::min(next_beat, next_look),
                            [this] { return stopping_ || (wanted_ && held_ < options_.prefetch); });
      if (stopping_) return;
      untold.swap(untold_);
      const bool look = wanted_ || steady::now() >= next_look;
      if (look && held_ < options_.prefetch) room = options_.prefetch - held_;
      if (look) {
        wanted_ = !room;  // without room: as soon as there is some
        next_look = later(options_.poll);
      }
    }
    for (auto* job : untold) job->tell();
    try {
      if (steady::now() >= next_beat) {
        next_beat = later(options_.heartbeat);
        recover_dead();
      }
      if (!room) continue;
      if (claim_some(room) == room) {
        std::lock_guard lock(mutex_);
        wanted_ = true;
      } else if (const auto due = db_.read([&](reader& db) { return next_due(db, kind_list_); })) {
        const auto left = time_point(microseconds(*due)) - db_.time().now();
        if (left < options_.poll) next_look = later(std::max(left, milliseconds(1)));
      }
    } catch (const std::exception& e) {
      note(log_level::error, fmt::format("jobs cannot be claimed: {}", e.what()));
    }
  }
}

void runner::work() {
  detail::serving_for serving(this);
  while (true) {
    held_job* job;
    {
      std::unique_lock lock(mutex_);
      work_wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (stopping_) return;
      job = queue_.front();
      queue_.pop_front();
    }
    run_here(*job);
    job->tell();
  }
}

void runner::run_here(held_job& job) {
  try {
    if (job.info().takes_reader) db_.read([&](reader& db) { job.call(nullptr, &db); });
    else job.call(nullptr, nullptr);
    job.succeeded();
  } catch (...) {
    job.failed(std::current_exception());
  }
}

void runner::ended(held_job* job) {
  delete job;
  std::lock_guard lock(mutex_);
  --held_;
  if (stopping_ || wanted_) pump_wake_.notify_all();
}

void runner::try_again_later(held_job* job) {
  std::lock_guard lock(mutex_);
  untold_.push_back(job);
  if (stopping_) pump_wake_.notify_all();
}

duration runner::delay_after(int attempt) const {
  if (options_.retry_delay) return options_.retry_delay(attempt);
  const auto n = std::int64_t(std::min(attempt, 100));
  const auto base = seconds(n * n * n * n);
  return base +
         microseconds(std::int64_t(random_number(std::uint64_t(base.in_microseconds() / 10 + 1))));
}

void runner::note(log_level level, const std::string& text) const {
  log_.write(level, "jobs", text);
}

std::size_t runner::run_due() {
  if (kinds_.empty()) return 0;
  const bool own = !worker_;
  if (own) worker_ = db_.write([&](transaction& tx) { return add_worker(tx, tx.now()); });
  std::size_t runs = 0;
  while (true) {
    auto claimed =
        db_.write([&](transaction& tx) { return claim(tx, worker_, kind_list_, 1, tx.now()); });
    if (claimed.empty()) break;
    ++runs;
    const auto& kind = kinds_.find(claimed.front().kind)->second;
    held_job job(*this, worker_, std::move(claimed.front()), kind);
    if (job.read()) {
      if (job.info().takes_transaction) {
        job.begin_on_writer();
        try {
          db_.write([&](transaction& tx) { job.run(tx); });
          continue;
        } catch (...) {
          job.failed(std::current_exception());
        }
      } else {
        run_here(job);
      }
    }
    db_.write([&](transaction& tx) { job.run(tx); });
  }
  if (own) {
    db_.write([&](transaction& tx) { remove_worker(tx, worker_); });
    worker_ = 0;
  }
  return runs;
}

}  // namespace aft::jobs

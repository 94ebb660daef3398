#include "job_start.hpp"

#include <utility>

namespace aft::jobs {

job_start::job_start(runner& owner, const kind_entry& kind, crew& of, std::string_view queue,
                     std::int64_t worker)
    : owner_(owner), kind_(kind), crew_(of), queue_(queue), worker_(worker) {}

job_start::~job_start() {
  if (!is_over_) owner_.withdraw(*this);
}

void job_start::stored(stored_job&& job) {
  job_ = new held_job(owner_, worker_, std::move(job), kind_, crew_);
  owner_.keep(*this);
}

void job_start::committed() noexcept {
  is_over_ = true;
  owner_.begin(*this);
}

void job_start::in_doubt() noexcept {
  is_over_ = true;
  owner_.withdraw(*this);
  owner_.look_for_strays();
}

// ---- the runner's part

// None where others are to begin first, or there is no room.
std::unique_ptr<job_start> runner::reserve(std::string_view kind, std::string_view queue) {
  const auto known = kinds_.find(kind);
  if (known == kinds_.end()) return nullptr;
  auto& of = crew_of(queue);
  std::lock_guard lock(mutex_);
  if (stopping_ || wanted_ || of.is_hungry || of.held + of.arriving >= of.room()) return nullptr;
  of.hold(queue);
  ++reserved_;
  return std::make_unique<job_start>(*this, known->second, of, queue, worker_.load());
}

void runner::keep(job_start& start) {
  std::lock_guard lock(mutex_);
  start.job_->is_reserved = true;
  all_.insert(start.job_);
}

void runner::withdraw(job_start& start) {
  auto* const job = std::exchange(start.job_, nullptr);
  std::lock_guard lock(mutex_);
  if (!job) start.crew_.leave(start.queue_);
  else if (!job->left_behind) forget(job);
  delete job;
  --reserved_;
  if (stopping_) pump_wake_.notify_all();
}

void runner::begin(job_start& start) {
  auto* const job = std::exchange(start.job_, nullptr);
  {
    std::lock_guard lock(mutex_);
    --reserved_;
    if (stopping_) {  // it goes back with the worker
      if (!job->left_behind) forget(job);
      delete job;
      pump_wake_.notify_all();
      return;
    }
    job->is_reserved = false;
  }
  begin(job);
}

void runner::look_for_strays() {
  std::lock_guard lock(mutex_);
  strays_wanted_ = true;
  pump_wake_.notify_all();
}

}  // namespace aft::jobs

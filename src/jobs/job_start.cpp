#include "job_start.hpp"

#include <utility>

namespace aft::jobs {

job_start::job_start(runner& owner, const kind_entry& kind, crew& of, std::int64_t worker)
    : owner_(owner), kind_(kind), crew_(of), worker_(worker) {}

job_start::~job_start() {
  if (!is_over_) owner_.withdraw(*this, false);
}

void job_start::stored(stored_job&& job) {
  id_ = job.id;
  job_ = new held_job(owner_, worker_, std::move(job), kind_, crew_);
  owner_.keep(*this);
}

void job_start::committed() noexcept { owner_.begin(*this); }

void job_start::in_doubt() noexcept {
  is_over_ = true;
  owner_.withdraw(*this, true);
}

// ---- the runner's part

// None where others are to begin first, or there is no room.
std::unique_ptr<job_start> runner::reserve(std::string_view kind, std::string_view queue) {
  const auto known = kinds_.find(kind);
  if (known == kinds_.end()) return nullptr;
  auto& of = crew_of(queue);
  std::lock_guard lock(mutex_);
  if (stopping_ || wanted_ || of.is_hungry) return nullptr;
  if (of.held + of.promised + of.reserved >= of.room()) return nullptr;
  ++of.reserved;
  ++reserved_;
  return std::make_unique<job_start>(*this, known->second, of, worker_.load());
}

void runner::keep(job_start& start) {
  std::lock_guard lock(mutex_);
  start.job_->is_reserved = true;
  all_.add(*start.job_);
}

// To the end under the lock: a runner that ends waits for it.
void runner::withdraw(job_start& start, bool in_doubt) {
  auto* const job = std::exchange(start.job_, nullptr);
  std::lock_guard lock(mutex_);
  if (job && !job->left_behind) all_.remove(*job);
  delete job;
  --start.crew_.reserved;
  --reserved_;
  if (in_doubt) strays_wanted_ = true;
  if (in_doubt || stopping_) pump_wake_.notify_all();
}

void runner::begin(job_start& first) {
  std::vector<held_job*> jobs;
  {
    std::lock_guard lock(mutex_);
    for (auto* s = &first; s; s = static_cast<job_start*>(s->next)) {
      s->is_over_ = true;
      if (may_begin(*s)) jobs.push_back(s->job_);
    }
  }
  begin(jobs);
}

// With mutex_ held. False: it goes back with its worker, or as a stray.
bool runner::may_begin(job_start& start) {
  auto* const job = start.job_;
  --start.crew_.reserved;
  --reserved_;
  // Claims do not wait for open transactions, and may have filled the room.
  const bool is_late = !job->takes_transaction() && job->its_crew().is_slow_and_full();
  if (stopping_ || job->left_behind || start.worker_ != worker_ || is_late) {
    if (!job->left_behind) all_.remove(*job);
    delete job;
    strays_wanted_ = true;
    pump_wake_.notify_all();
    return false;
  }
  job->is_reserved = false;
  job->its_crew().hold(job->stored().queue);
  return true;
}

}  // namespace aft::jobs

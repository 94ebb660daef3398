#pragma once
// A job that begins in the process that stores it: its row is that of a running one from the
// beginning, so that nothing has to look for it.

#include <cstdint>

#include "../storage/commit_effect.hpp"
#include "held_job.hpp"

namespace aft::jobs {

// From the runner's reserve(). Keeps a place in a crew, and gives it back where the transaction
// leaves nothing.
class job_start final : public storage::commit_effect {
 public:
  job_start(runner& owner, const kind_entry& kind, crew& of, std::int64_t worker);
  ~job_start() override;

  std::int64_t worker() const { return worker_; }
  void stored(stored_job&& job);  // its row is there, as that of a job which `worker` runs

  bool is_of(std::int64_t job) const override { return id_ == job; }
  const void* whose() const override { return &owner_; }
  void committed() noexcept override;
  void in_doubt() noexcept override;

 private:
  friend class runner;

  runner& owner_;
  const kind_entry& kind_;
  crew& crew_;
  const std::int64_t worker_;
  std::int64_t id_ = 0;  // of the job, once it is stored
  held_job* job_ = nullptr;
  bool is_over_ = false;
};

}  // namespace aft::jobs

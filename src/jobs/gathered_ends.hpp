#pragma once
// Tells the database of many jobs that are done, in one transaction.

#include <cstdint>
#include <string>
#include <vector>

#include "../storage/unit.hpp"
#include "held_job.hpp"

namespace aft::jobs {

class gathered_ends final : public storage::unit {
 public:
  gathered_ends(runner& owner, std::vector<held_job*>&& jobs);
  gathered_ends(const gathered_ends&) = delete;
  gathered_ends& operator=(const gathered_ends&) = delete;

  bool run(transaction& tx) override;
  bool may_run_again() const override { return true; }
  waker* done(std::exception_ptr failure) noexcept override;

  const std::vector<held_job*>& jobs() const { return jobs_; }
  bool has_told(const held_job* job) const;  // else it is to be told by itself

 private:
  runner& owner_;
  std::vector<held_job*> jobs_;
  std::vector<std::int64_t> deleted_{};  // rows, by their ids
};

}  // namespace aft::jobs

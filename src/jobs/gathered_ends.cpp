#include "gathered_ends.hpp"

#include <algorithm>
#include <map>

#include <aft/ground/json.hpp>

namespace aft::jobs {

gathered_ends::gathered_ends(runner& owner, std::vector<held_job*>&& jobs)
    : owner_(owner), jobs_(std::move(jobs)) {
  isolated = runner::enough;
}

bool gathered_ends::run(transaction& tx) {
  // Those of one worker: it changes where it was taken for dead.
  std::map<std::int64_t, std::vector<std::int64_t>> by_worker;
  for (auto* job : jobs_) {
    by_worker[job->its_run().of().claim.worker].push_back(job->stored().id);
  }
  deleted_.clear();
  for (const auto& [worker, ids] : by_worker) {
    const auto some = complete_plain(tx, worker, ids);
    deleted_.insert(deleted_.end(), some.begin(), some.end());
  }
  std::sort(deleted_.begin(), deleted_.end());
  return true;
}

bool gathered_ends::has_told(const held_job* job) const {
  return std::binary_search(deleted_.begin(), deleted_.end(), job->stored().id);
}

waker* gathered_ends::done(std::exception_ptr failure) noexcept {
  owner_.gathered(this, failure != nullptr);
  return nullptr;
}

}  // namespace aft::jobs

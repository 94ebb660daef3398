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
  std::vector<std::int64_t> deleted;
  for (const auto& [worker, ids] : by_worker) {
    const auto some = complete_plain(tx, worker, ids);
    deleted.insert(deleted.end(), some.begin(), some.end());
  }
  if (deleted.size() == jobs_.size()) return true;
  std::sort(deleted.begin(), deleted.end());
  for (auto* job : jobs_) {
    if (!std::binary_search(deleted.begin(), deleted.end(), job->stored().id)) job->run(tx);
  }
  return true;
}

waker* gathered_ends::done(std::exception_ptr failure) noexcept {
  owner_.gathered(this, failure != nullptr);
  return nullptr;
}

}  // namespace aft::jobs

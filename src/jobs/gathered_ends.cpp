#include "gathered_ends.hpp"

#include <algorithm>
#include <map>

#include <aft/ground/json.hpp>

#include "bundles.hpp"

namespace aft::jobs {

gathered_ends::gathered_ends(runner& owner, std::vector<held_job*>&& jobs)
    : owner_(owner), jobs_(std::move(jobs)) {
  isolated = runner::enough;
}

bool gathered_ends::run(transaction& tx) {
  // Those of one worker, which changes where it was taken for dead, and of one bundle.
  struct holder {
    std::int64_t worker, bundle;
    auto operator<=>(const holder&) const = default;
  };
  std::map<holder, std::vector<std::int64_t>> by_holder;
  for (auto* job : jobs_) {
    by_holder[{job->its_run().of().claim.worker, job->stored().bundle}].push_back(job->stored().id);
  }
  deleted_.clear();
  for (const auto& [by, ids] : by_holder) {
    const auto some = by.bundle ? std::optional(complete_bundled(tx, by.worker, by.bundle, ids))
                                : complete_plain(tx, by.worker, ids);
    if (!some) {
      deleted_.clear();
      return false;
    }
    deleted_.insert(deleted_.end(), some->begin(), some->end());
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

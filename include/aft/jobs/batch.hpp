#pragma once
// Jobs that belong together, and what runs once all of them are through.

#include <cstdint>
#include <utility>
#include <vector>

#include <aft/jobs/job.hpp>
#include <aft/storage/transaction.hpp>

namespace aft {

//   aft::job_batch thumbnails(tx);
//   for (const auto& image : images) thumbnails.add(shrink{image.id});
//   thumbnails.when_done(publish{album.id});
//
// A value for one transaction, on its thread. What runs last is a job as any other: it may be added
// to another batch, so batches nest.
class job_batch {
 public:
  explicit job_batch(transaction& tx) : tx_(tx) {}

  template <class Job>
  std::int64_t add(const Job& job, const job_options& options = {}) {
    ids_.push_back(enqueue(tx_, job, options));
    return ids_.back();
  }
  const std::vector<std::int64_t>& jobs() const { return ids_; }

  // Enqueues what runs when all jobs that were added are done: at once, where there are none. While
  // one of them is given up, it waits for somebody to retry that; if one is cancelled or dropped,
  // so is it. Returns its id.
  template <class Job>
  std::int64_t when_done(const Job& last, job_options options = {}) {
    return enqueue_last(last, std::move(options), job_after::done);
  }

  // The same when all have ended, in whatever way; jobs::find tells of those that were given up.
  template <class Job>
  std::int64_t when_ended(const Job& last, job_options options = {}) {
    return enqueue_last(last, std::move(options), job_after::ended);
  }

 private:
  template <class Job>
  std::int64_t enqueue_last(const Job& last, job_options&& options, job_after what) {
    options.after.insert(options.after.end(), ids_.begin(), ids_.end());
    options.after_what = what;
    return enqueue(tx_, last, options);
  }

  transaction& tx_;
  std::vector<std::int64_t> ids_{};
};

namespace jobs {

// All that waits for one job waits for another one, too: so a running job of a batch adds to it.
//   jobs::join(tx, context.id(), enqueue(tx, shrink{another}));
// How many jobs those are.
std::int64_t join(transaction& tx, std::int64_t member, std::int64_t joins);

}  // namespace jobs
}  // namespace aft

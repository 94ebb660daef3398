#pragma once
// Work that is done later, and is not lost.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <aft/ground/error.hpp>
#include <aft/ground/json.hpp>
#include <aft/ground/time.hpp>
#include <aft/ground/type.hpp>
#include <aft/jobs/context.hpp>
#include <aft/storage/transaction.hpp>

namespace aft {

// The stable name under which a job is stored: T::job_name where there is one, else the name of the
// struct. Renaming the struct of a stored job needs a job_name.
template <class T>
constexpr std::string_view job_name() {
  if constexpr (requires { std::string_view(T::job_name); }) return T::job_name;
  else return reflect::unqualified(reflect::qualified_name<T>);
}

// What becomes of a job whose unique key another job of its kind has.
enum class job_conflict : std::uint8_t {
  keep,     // the one that is there stays as it is
  replace,  // one that waits gets the new arguments, time and priority; one that runs gets a
            // successor, which has the key from then on
};

// What a job waits for of those that it comes after.
enum class job_after : std::uint8_t {
  done,   // While one is given up, it waits for somebody to retry that; if one is cancelled or
          // dropped, so is it.
  ended,  // Given up, cancelled and dropped are as good as done.
};

struct job_options {
  std::string queue = "default";
  int priority = 0;      // greater ones first, within a queue
  duration delay{};      // from now
  int max_attempts = 0;  // up to 1000; 0: as the handler's job_policy says

  // At most one job of a kind has a key at a time: until it has ended, or for `unique_for` from
  // now, whichever is later. Empty: none.
  std::string unique{};
  duration unique_for{};
  job_conflict on_conflict = job_conflict::keep;

  // Of all jobs with this key, of whatever kind, at most `limit` run at once, and at most
  // `rate` start in each `rate_period`. 0: no limit of that sort. The numbers of the last job that
  // was enqueued with the key hold. Empty: none.
  std::string limit_key{};
  int limit = 0;
  int rate = 0;
  duration rate_period{};

  // It waits until all of these are done, or have ended. A job that is not there (any more) counts
  // as done. See also aft::job_batch.
  std::vector<std::int64_t> after{};
  job_after after_what = job_after::done;
};

// Thrown by enqueue: the queue has more jobs that are ready than jobs_options::max_waiting.
class queue_full : public error {
 public:
  using error::error;
};

namespace jobs {
// Stores a job and returns its id. `arguments` is JSON.
std::int64_t store(transaction& tx, std::string_view kind, std::string_view arguments,
                   const job_options& options);

// As JSON. Throws error where the type holds a secret, which is not stored.
std::string write_arguments(const void* job, const type_info& type);
}  // namespace jobs

// Stores a job in the caller's transaction: it exists when that commits, and never if it does not.
// Returns its id; that of the job which has the key, where `unique` says so. Where a worker of this
// process has room for it and nothing waits before it, it begins there right after the commit;
// otherwise workers hear of it. Throws queue_full, and error where the options make no sense or the
// job holds an aft::secret.
template <class Job>
std::int64_t enqueue(transaction& tx, const Job& job, const job_options& options = {}) {
  return jobs::store(tx, job_name<Job>(), jobs::write_arguments(&job, type_of<Job>()), options);
}

}  // namespace aft

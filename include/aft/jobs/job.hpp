#pragma once
// Work that is done later, and is not lost.

#include <cstdint>
#include <string>
#include <string_view>

#include <aft/ground/json.hpp>
#include <aft/ground/time.hpp>
#include <aft/ground/type.hpp>
#include <aft/storage/transaction.hpp>

namespace aft {

// The stable name under which a job is stored: T::job_name where there is one, else the name of the
// struct. Renaming the struct of a stored job needs a job_name.
template <class T>
constexpr std::string_view job_name() {
  if constexpr (requires { std::string_view(T::job_name); }) return T::job_name;
  else return reflect::unqualified(reflect::qualified_name<T>);
}

struct job_options {
  std::string queue = "default";
  int priority = 0;       // greater ones first
  duration delay{};       // from now
  int max_attempts = 25;  // with the default back-off about three weeks
};

namespace jobs {
// Stores a job and returns its id. `arguments` is JSON.
std::int64_t store(transaction& tx, std::string_view kind, std::string_view arguments,
                   const job_options& options);
}  // namespace jobs

// Stores a job in the caller's transaction: it exists when that commits, and never if it does not.
// Returns its id. A worker of this process hears of it at once.
template <class Job>
std::int64_t enqueue(transaction& tx, const Job& job, const job_options& options = {}) {
  return jobs::store(tx, job_name<Job>(), json::write(job), options);
}

// What a job's handler may know of its run.
class job_context {
 public:
  job_context(std::int64_t id, int attempt, int max_attempts, time_point enqueued_at)
      : id_(id), attempt_(attempt), max_attempts_(max_attempts), enqueued_at_(enqueued_at) {}

  std::int64_t id() const { return id_; }
  int attempt() const { return attempt_; }  // from 1
  int max_attempts() const { return max_attempts_; }
  time_point enqueued_at() const { return enqueued_at_; }

 private:
  std::int64_t id_;
  int attempt_, max_attempts_;
  time_point enqueued_at_;
};

}  // namespace aft

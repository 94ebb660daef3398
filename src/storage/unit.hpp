#pragma once
// What waits for the writer.

#include <chrono>
#include <cstdint>
#include <exception>
#include <optional>

#include <aft/storage/database.hpp>
#include <aft/storage/transaction.hpp>

#include "../ground/coarse_clock.hpp"
#include "../ground/waker.hpp"
#include "connection.hpp"

namespace aft::storage {

// One transaction to be run. It belongs to whoever submitted it, and lives until done() has begun.
class unit {
 public:
  // On the writer. False, or an exception, undoes what it wrote.
  virtual bool run(transaction& tx) = 0;

  // Whether run() may be called once more, where all that it wrote was undone because of others.
  virtual bool may_run_again() const { return false; }

  // On the writer, after the commit: null, or why nothing of it was kept (its own exception, or a
  // commit that failed). Returns who is to be woken, if anybody; waking is gathered for a whole
  // batch.
  virtual waker* done(std::exception_ptr failure) noexcept = 0;

  // Instead of run(), between transactions: for work on the write connection that has its own.
  virtual bool wants_connection() const { return false; }
  virtual void run_on(schema_connection&) {}

  void set(const write_options& how) {
    low_priority = how.low_priority;
    isolated = how.level;
    const auto now = detail::coarse_milliseconds();
    if (how.max_wait > duration()) give_up_at = now + how.max_wait.in_milliseconds();
    if (how.timeout > duration()) limit.at = now + how.timeout.in_milliseconds();
    limit.cancel = how.cancel;
  }
  bool late() const {
    return (give_up_at && detail::coarse_milliseconds() > give_up_at) || limit.is_over();
  }
  // Why it is not run.
  void turn_away() {
    const storage_error why =
        limit.is_cancelled()
            ? storage_error(storage_fault::cancelled, "cancelled before its turn had come")
            : storage_error(storage_fault::late, "the transaction waited for longer than it may");
    thrown = std::make_exception_ptr(why);
  }

  bool low_priority = false;
  std::optional<isolation> isolated{};              // nothing: as the database's options say
  std::int64_t give_up_at = 0;                      // of coarse_milliseconds(); 0: it can wait
  std::chrono::steady_clock::time_point entered{};  // the queue, where the engine says it

  time_limit limit{};

  unit* next = nullptr;
  std::exception_ptr thrown{};
  bool kept = false;
  bool begun = false;    // it has had its turn, and perhaps will have another
  bool settled = false;  // it has failed and nothing of it is left

 protected:
  ~unit() = default;
};

}  // namespace aft::storage

#pragma once
// The one thread that writes, and its queue: many transactions, one commit, one sync.

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string_view>
#include <thread>
#include <vector>

#include <aft/ground/log.hpp>
#include <aft/storage/database.hpp>

#include "../topics.hpp"
#include "../unit_queue.hpp"
#include "../write_counters.hpp"
#include "connection.hpp"
#include "log_archive.hpp"
#include "readers.hpp"

namespace aft::storage {

class sqlite_writer {
 public:
  // `whose` is what its thread serves, see detail::serving. The archive may be null.
  sqlite_writer(sqlite_connection& connection, readers& all_readers, topics& all_topics,
                write_counters& counters, const storage_options& options, const logger& log,
                const void* whose, log_archive* archive);
  sqlite_writer(const sqlite_writer&) = delete;
  sqlite_writer& operator=(const sqlite_writer&) = delete;
  ~sqlite_writer();  // runs what waits

  // Any thread. Takes a list (by unit::next) with one wake, so that it can be committed at once.
  // Returns what the queue had no room for. Units are run in the order they come, those of low
  // priority after all others.
  unit* submit(unit* first) noexcept;

  std::size_t waiting() const { return waiting_.load(std::memory_order_relaxed); }

 private:
  void work();
  std::chrono::steady_clock::time_point stay_awake();
  void run_on_connection(unit& u);
  void begin();
  void roll_back();
  unit* run_some(unit* first);
  void run_round(unit* first, unit*& end);
  [[noreturn]] void fail_round() const;
  unit* take_more(unit& last, std::size_t ran);
  unit* take_patient(unit& last);
  // How one that fails is undone: with all of the transaction, in which it is the first; to a
  // savepoint before it; or with all of the transaction, which must then be run once more without
  // it.
  enum class undo { alone, to_savepoint, together };
  bool run_one(unit& u, undo how);  // false: it failed and has to be undone together
  void run_unit(unit& u, undo how);
  bool leave_queue(unit& u);
  void commit(const unit* first, const unit* end);
  void keep_log_short();
  void finish(unit* first, const unit* end, const std::exception_ptr& failure);
  void keep_notes(const std::vector<std::string>& notes);
  void drop_notes();

  sqlite_connection& connection_;
  readers& readers_;
  topics& topics_;
  write_counters& counters_;
  const storage_options& options_;
  const logger& log_;
  const void* const whose_;
  log_archive* const archive_;

  bool comes_soon_ = false;                               // the next, after a commit
  std::chrono::steady_clock::time_point sleeps_until_{};  // when nothing waits
  bool archive_hurries_ = false;
  int rounds_with_savepoints_ = 0;       // to come
  static constexpr int long_log = 1000;  // pages
  int next_checkpoint_at_ = long_log;    // pages of the log
  int checkpoint_step_ = long_log / 8;
  int pages_before_ = 0;
  std::chrono::steady_clock::time_point now_{};  // at the end of the last transaction
  // Of the last commit.
  std::size_t units_before_ = 0;
  std::chrono::steady_clock::duration commit_took_{};
  // Of the transactions of this commit.
  std::vector<std::string> noted_;
  commit_effects effects_;

  std::atomic<std::size_t> waiting_{0};
  std::mutex mutex_;
  std::condition_variable wake_;
  unit_queue queue_;  // guarded by mutex_, as are the next two
  bool asleep_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace aft::storage

#pragma once
// Read connections, each with a snapshot that is kept for as long as nothing has been committed.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include <aft/storage/database.hpp>

#include "../engine.hpp"
#include "connection.hpp"

namespace aft::storage {

// Tells readers whether there is something new. Odd while a commit is on its way: a reader may or
// may not see it then, and none may keep a view, or a later one would see less than an earlier one.
class commit_counter {
 public:
  void begin() { value_.fetch_add(1, std::memory_order_acq_rel); }
  void end() { value_.fetch_add(1, std::memory_order_release); }  // before anybody hears of it
  std::uint64_t now() const { return value_.load(std::memory_order_acquire); }
  static bool on_its_way(std::uint64_t value) { return value & 1; }

 private:
  std::atomic<std::uint64_t> value_{0};
};

// One read connection. Outside begin() and end() the writer may take its snapshot away.
class sqlite_reading final : public reading {
 public:
  sqlite_reading(const std::string& file, const storage_options& options,
                 const commit_counter& commits, const clock& time);

  reader& begin(std::int64_t deadline) override;
  void end() override;

  // By the writer, any thread: lets go of the snapshot, now if nobody reads, else at end().
  void let_go();
  bool is_to_let_go() const { return let_go_.load(std::memory_order_relaxed); }

 private:
  void drop_snapshot();

  sqlite_connection connection_;
  storage_access::plain_reader reader_;
  const commit_counter& commits_;
  std::uint64_t seen_ = 0;
  std::int64_t since_ = 0;  // milliseconds
  bool has_snapshot_ = false;
  std::atomic<bool> busy_{false};
  std::atomic<bool> let_go_{false};
};

// Any thread.
class readers {
 public:
  readers(std::string file, const storage_options& options, const commit_counter& commits,
          const clock& time)
      : file_(std::move(file)), options_(options), commits_(commits), clock_(time) {}

  sqlite_reading* take();
  void give_back(sqlite_reading*);
  // All of them. Waits this long at most for those in the middle of a query; whether none is left.
  bool let_go(std::chrono::microseconds patience);

 private:
  std::string file_;
  const storage_options& options_;
  const commit_counter& commits_;
  const clock& clock_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<sqlite_reading>> all_;  // guarded by mutex_, as is the next
  std::vector<sqlite_reading*> free_;
};

}  // namespace aft::storage

#pragma once
// Read connections, each with a snapshot that is kept for as long as nothing has been committed.

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include <aft/storage/database.hpp>

#include "../engine.hpp"
#include "connection.hpp"
#include "log_index.hpp"

namespace aft::storage {

// One read connection. Outside begin() and end() the writer may take its snapshot away.
class sqlite_reading final : public reading {
 public:
  sqlite_reading(const std::string& file, const storage_options& options, const clock& time);

  reader& begin(const time_limit& limit) override;
  void end() override;

  // By the writer, any thread: lets go of the snapshot, now if nobody reads, else at end().
  void let_go();
  bool is_to_let_go() const { return let_go_.load(std::memory_order_relaxed); }

 private:
  using log_head = std::array<std::uint64_t, sqlite::log_head_size>;

  void drop_snapshot();
  bool read_log_head(log_head& to);  // false where there is none

  sqlite_connection connection_;
  storage_access::plain_reader reader_;
  const volatile std::uint64_t* log_head_ = nullptr;  // null: not found yet
  log_head seen_head_{};
  bool has_snapshot_ = false;
  std::atomic<bool> busy_{false};
  std::atomic<bool> let_go_{false};
};

// Any thread.
class readers {
 public:
  readers(std::string file, const storage_options& options, const clock& time)
      : file_(std::move(file)), options_(options), clock_(time) {}

  sqlite_reading* take();
  void give_back(sqlite_reading*);
  // All of them. Waits this long at most for those in the middle of a query; whether none is left.
  bool let_go(std::chrono::microseconds patience);

 private:
  std::string file_;
  const storage_options& options_;
  const clock& clock_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<sqlite_reading>> all_;  // guarded by mutex_, as is the next
  std::vector<sqlite_reading*> free_;
};

}  // namespace aft::storage

#pragma once
// Ships the log of a database to an archive, on a thread of its own.

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include <aft/ground/clock.hpp>
#include <aft/ground/log.hpp>
#include <aft/ground/secret.hpp>
#include <aft/storage/archive.hpp>

#include "../durable_file.hpp"
#include "../paced_copy.hpp"

namespace aft::storage {

class log_archive {
 public:
  // Throws configuration_error where the directory cannot be used, or the log not be copied.
  log_archive(std::string database, const secret& key, const archive_options& options,
              const logger& log, const clock& time);
  log_archive(const log_archive&) = delete;
  log_archive& operator=(const log_archive&) = delete;
  ~log_archive();  // ships what there is, and ends a copy that was begun

  // For the writer. Before it lets the log begin anew: returns when everything that is committed
  // has been shipped, or the archive has failed, or was given up.
  void catch_up() noexcept;
  // Soon it will; there should be little to ship then.
  void hurry() noexcept;
  // A commit failed, whose frames may have been shipped.
  void lost_track() noexcept;

  archive_status status() const;

 private:
  class generation;

  void work();
  void begin_copy();
  void take_turn(bool lost, bool hurried, bool stopping);
  void ship();
  void copy_base(bool all);
  void use_copy();
  void fail(const char* why) noexcept;

  const std::string database_;
  const secret key_;
  const archive_options options_;
  const logger& log_;
  const clock& time_;
  durable_file lock_;

  // The thread's own.
  std::unique_ptr<generation> current_;  // with its base
  std::unique_ptr<generation> next_;     // whose base is being copied
  time_point marked_until_{};            // by all that was shipped
  pace pace_;
  std::chrono::steady_clock::time_point ship_at_{}, retry_at_{}, copy_at_{};
  std::chrono::microseconds pause_{0};
  std::chrono::seconds patience_with_failure_{1};
  bool failed_ = false;

  mutable std::mutex mutex_;
  std::condition_variable wake_, served_now_;
  archive_status status_{};    // guarded by mutex_, as are the next
  bool nobody_waits_ = false;  // it has failed
  bool hurried_ = false;
  bool lost_ = false;
  bool stopping_ = false;
  std::uint64_t asked_ = 0;   // catch_up() calls
  std::uint64_t served_ = 0;  // those that were known when the last turn began
  std::thread thread_;
};

}  // namespace aft::storage

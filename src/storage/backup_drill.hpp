#pragma once
// Does by the clock what drill_options say.

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

#include <aft/ground/log.hpp>
#include <aft/storage/drill.hpp>

namespace aft::storage {

class backup_drill {
 public:
  // Throws configuration_error where the database has no file, or an option makes no sense. The
  // options, the database and the log must outlive it.
  backup_drill(database& db, const drill_options& options, const logger& log);
  backup_drill(const backup_drill&) = delete;
  backup_drill& operator=(const backup_drill&) = delete;
  ~backup_drill() { stop(); }

  // A thread that does what is due. One thread at a time, both.
  void start();
  void stop();  // breaks off a backup, and waits for a verification

  // Does what is due, on this thread; how many steps. Any thread.
  std::size_t run_due();
  drill_status status() const;  // any thread

 private:
  template <class F>
  bool attempt(const char* doing, time_point& next, duration every, F&& step);
  void look();
  void verify();
  void fail(const std::string& what);
  void work();

  database& db_;
  const drill_options& options_;
  const logger& log_;
  std::atomic<bool> stopping_{false};

  std::mutex turn_;           // of run_due; guards the next two
  time_point next_backup_{};  // both are due at first
  time_point next_verified_{};

  mutable std::mutex mutex_;
  std::optional<time_point> last_backup_;  // guarded by mutex_, as are the next two
  std::optional<time_point> last_verified_;
  std::string failure_;

  std::mutex sleep_mutex_;
  std::condition_variable woken_;
  std::thread thread_;
};

}  // namespace aft::storage

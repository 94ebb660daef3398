#pragma once
// Works jobs off.

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <aft/ground/function.hpp>
#include <aft/ground/log.hpp>
#include <aft/jobs/handler.hpp>
#include <aft/jobs/options.hpp>
#include <aft/storage/database.hpp>

#include "store.hpp"

namespace aft::jobs {

class held_job;

// One worker: claims jobs, runs those that take a transaction on the writer and the others on
// threads of its own, and notes how each ended.
class runner {
 public:
  using find_state = function<void*(resource_key)>;  // null where there is none

  runner(database& db, const logger& log, jobs_options options);
  runner(const runner&) = delete;
  runner& operator=(const runner&) = delete;
  ~runner();  // stop()

  // Before the start, on one thread. Throws configuration_error on a second handler for one kind.
  void add(handler&& h);
  bool empty() const { return kinds_.empty(); }

  // Finds the states that handlers take; throws configuration_error that names what is missing.
  void resolve(const find_state& find);

  // Any thread. After resolve().
  void start();
  // Lets running jobs end; those not begun go back, their attempt not counted.
  void stop();

  // Without threads: runs what is due, on this thread, until nothing is; how many runs that were.
  std::size_t run_due();

 private:
  friend class held_job;
  struct kind_entry {
    explicit kind_entry(handler&& h) : run(std::move(h)) {}
    handler run;
    std::vector<void*> states{};
  };

  void pump();
  void work();
  void recover_dead();
  void keep_alive(transaction& tx);
  std::size_t claim_some(std::size_t most);
  std::size_t dispatch(std::vector<stored_job>&& claimed);
  void run_here(held_job& job);
  void ended(held_job* job);            // the database knows
  void try_again_later(held_job* job);  // the database could not be told
  duration delay_after(int attempt) const;
  void note(log_level level, const std::string& text) const;

  database& db_;
  const logger& log_;
  jobs_options options_;
  std::map<std::string, kind_entry, std::less<>> kinds_;
  std::string kind_list_;    // JSON
  std::int64_t worker_ = 0;  // of the pump's thread while it runs
  std::uint64_t listener_ = 0;

  std::mutex mutex_;
  std::condition_variable pump_wake_, work_wake_;
  std::deque<held_job*> queue_;  // guarded by mutex_, as is all below
  std::vector<held_job*> untold_;
  std::size_t held_ = 0;  // claimed and not ended
  bool wanted_ = false;   // there may be something to claim
  bool stopping_ = false;
  bool running_ = false;
  std::thread pump_thread_;
  std::vector<std::thread> threads_;
};

}  // namespace aft::jobs

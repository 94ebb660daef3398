#pragma once
// Works jobs off.

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <aft/ground/context.hpp>
#include <aft/ground/function.hpp>
#include <aft/ground/log.hpp>
#include <aft/ground/metrics.hpp>
#include <aft/jobs/handler.hpp>
#include <aft/jobs/options.hpp>
#include <aft/storage/database.hpp>

#include "crew.hpp"
#include "held_jobs.hpp"
#include "store.hpp"
#include "workers.hpp"

namespace aft::jobs {

class gathered_ends;
class job_start;
class room_promise;
class second_claim;

// How an attempt ended.
enum class outcome : std::uint8_t { done, failed, dead, cancelled, returned };
inline constexpr std::size_t outcome_count = 5;
std::string_view to_string(outcome o);

// A handler, and the states it takes.
struct kind_entry {
  explicit kind_entry(handler&& h) : handler_of(std::move(h)) {}
  handler handler_of;
  std::vector<void*> states{};
  histogram* runs = nullptr;                       // how long they took; null: nobody asks
  std::array<counter*, outcome_count> attempts{};  // by how they ended; likewise
};

// One worker: claims jobs, runs those that take a transaction on the writer and the others on
// threads of its own, and notes how each ended.
class runner {
 public:
  // What its own transactions need of others, on PostgreSQL: their statements take what they change
  // by lock or by fence, whatever others do beside them.
  static constexpr isolation enough = isolation::read_committed;

  using find_state = function<void*(resource_key)>;  // null where there is none

  runner(database& db, const logger& log, jobs_options options);
  runner(const runner&) = delete;
  runner& operator=(const runner&) = delete;
  ~runner();  // stop(), and waits for what was left behind

  // Before the start, on one thread. Throws configuration_error on a second handler for one kind.
  void add(handler&& h);

  // Finds the states that handlers take; throws configuration_error that names what is missing.
  void resolve(const find_state& find);

  // From here on runs are measured; before the start.
  void measure(metrics& all);
  void trace(aft::detail::span_collector& to) { spans_ = &to; }

  // Any thread. After resolve().
  void start();
  // Asks running jobs to stop and lets them end; what has not ended in time is left behind. Those
  // not begun go back, their attempt not counted.
  void stop();

  // For one who stores a job, on its writer: a place for it here. Null where it is to wait in the
  // database as all others do.
  std::unique_ptr<job_start> reserve(std::string_view kind, std::string_view queue);

  // Without threads: runs what is due, on this thread, until nothing is; how many runs that were.
  std::size_t run_due();

 private:
  friend class held_job;
  friend class gathered_ends;
  friend class job_start;
  friend class room_promise;
  friend class second_claim;

  struct round {
    std::vector<stored_job> claimed{};
    std::vector<crew_room> rooms{};        // what is left of them
    std::vector<std::string> cut_short{};  // queues that had more than there was room for
    bool more = false;                     // there may be
  };
  struct found_queues {
    std::vector<std::string> names{};
    bool are_all = true;  // with something that is ready
  };
  struct worker_thread {
    std::thread thread{};
    bool has_ended = false;  // guarded by mutex_
  };

  crew& crew_of(std::string_view queue);

  // pump.cpp
  void pump();
  void beat_heart();
  void tidy();
  void beat_or_begin_anew(transaction& tx);
  bool is_something_due();
  found_queues queues_to_claim(transaction& tx);
  round claim_round(transaction& tx, room_promise* promise);
  std::size_t crew_number(std::string_view queue) const;
  bool claim_some(bool all_queues);
  void take(transaction& tx, const std::vector<std::string>& queues, std::int64_t worker, round& r);
  void dispatch(std::vector<stored_job>&& claimed, std::int64_t worker, room_promise& promise);
  void begin(const std::vector<held_job*>& jobs);
  void pass_stop_requests();
  void look_for_stuck();
  void put_back_strays();
  void take_strays_apart();

  // second_claim.cpp
  void begin_second_claim();
  bool goes_on();
  void claim_failed(const std::exception_ptr& why);
  void second_claim_ended(const std::vector<std::string>& left);

  // job_start.cpp
  void keep(job_start& start);
  void withdraw(job_start& start, bool in_doubt);
  void begin(job_start& first);
  bool may_begin(job_start& start);

  // runner.cpp
  void add_thread(crew& of);
  void work(crew& of, worker_thread& self, std::uint64_t generation);
  void drop_waiting();
  void leave_behind();
  void leave_crew(held_job* job);  // these two with mutex_ held
  void forget(held_job* job);
  void run_to_its_end(held_job& job);
  void ran(held_job* job, std::unique_lock<std::mutex>& lock);
  void ended(const std::vector<held_job*>& jobs);  // the database knows
  void gathered(gathered_ends* told, bool failed);
  void try_again_later(held_job* job);  // the database could not be told
  bool keeps_nothing(const kind_entry& kind) const;
  void note(log_level level, const std::string& text) const;

  database& db_;
  const logger& log_;
  jobs_options options_;
  std::map<std::string, kind_entry, std::less<>> kinds_;
  aft::detail::span_collector* spans_ = nullptr;  // null: nobody wants them
  std::vector<std::unique_ptr<crew>> crews_;      // the first is that of all other queues
  known_kinds known_;                             // those of kinds_
  silence silence_{};                             // of other workers
  std::atomic<std::int64_t> worker_{0};           // changed by the pump's thread while it runs
  std::uint64_t turn_ = 0;                        // so that no queue of a crew is always the last
  std::string last_limit_{};                      // that tidy() has looked at
  std::vector<std::string> cut_short_{};          // queues of which the last claim did not take all
  std::chrono::steady_clock::time_point looked_{};  // at all queues
  std::uint64_t listener_ = 0, stop_listener_ = 0;
  claim_places places_{};
  bool claims_beside_ = false;     // others may write at the same time, as on PostgreSQL
  std::atomic<int> lone_runs_{0};  // of run_due(), which hold jobs by themselves

  std::mutex mutex_;
  std::condition_variable pump_wake_;
  held_jobs all_;  // guarded by mutex_, as is all below
  std::vector<held_job*> untold_;
  std::vector<held_job*> plain_ends_;  // to be told of together
  bool is_gathering_ = false;          // some of them are being told of
  bool is_claiming_beside_ = false;    // a second claim is under way
  bool strays_later_ = false;          // to be looked for at its end
  bool wanted_ = false;                // there may be something to claim
  bool heard_ = false;                 // of something new, in whatever queue
  bool stops_wanted_ = false;          // some job is to be asked to stop
  bool strays_wanted_ = false;         // there may be jobs of this worker that it does not hold
  std::size_t reserved_ = 0;           // places for jobs that are being stored
  bool stopping_ = false;
  bool running_ = false;
  std::uint64_t generation_ = 0;  // of threads: one for each start
  std::thread pump_thread_;
  std::list<worker_thread> threads_;
};

}  // namespace aft::jobs

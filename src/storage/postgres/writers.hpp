#pragma once
// The threads that run transactions, each on a connection of its own.

#include <condition_variable>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <aft/ground/log.hpp>

#include "../topics.hpp"
#include "../unit_queue.hpp"
#include "../write_counters.hpp"
#include "session.hpp"

namespace aft::storage::postgres {

class writers {
 public:
  // `own_name` goes with what the transactions notify; `whose` is what the threads serve, see
  // detail::serving.
  writers(const server_address& address, topics& all_topics, write_counters& counters,
          jobs_here& here, std::string own_name, const storage_options& options, const logger& log,
          const clock& time, const void* whose);
  writers(const writers&) = delete;
  writers& operator=(const writers&) = delete;
  ~writers();  // runs what waits

  // Any thread. Takes a list (by unit::next); returns what the queue had no room for. Units are
  // begun in the order they come, those of low priority after all others.
  unit* submit(unit* first) noexcept;

  std::size_t waiting() const;

 private:
  void work();
  void run(unit& u, session& s);
  bool run_once(unit& u, session& s);
  void commit(session& s, std::span<const std::string> notes);

  const server_address& address_;
  topics& topics_;
  write_counters& counters_;
  jobs_here& here_;
  const std::string own_name_;
  const storage_options& options_;
  const logger& log_;
  const clock& time_;
  const void* const whose_;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  unit_queue queue_;  // guarded by mutex_, as are the next two
  std::size_t waiting_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace aft::storage::postgres

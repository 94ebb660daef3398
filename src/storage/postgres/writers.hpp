#pragma once
// The threads that run transactions, each on a connection of its own.

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <aft/ground/log.hpp>

#include "../topics.hpp"
#include "../unit.hpp"
#include "session.hpp"

namespace aft::storage::postgres {

class writers {
 public:
  // `own_name` goes with what the transactions notify; `whose` is what the threads serve, see
  // detail::serving.
  writers(const server_address& address, topics& all_topics, std::string own_name,
          const storage_options& options, const logger& log, const clock& time, const void* whose);
  writers(const writers&) = delete;
  writers& operator=(const writers&) = delete;
  ~writers();  // runs what waits

  // Any thread. False when the queue is full. Units are begun in the order they come.
  bool submit(unit& u) noexcept;

 private:
  void work();
  void run(unit& u, session& s);
  bool run_once(unit& u, session& s);

  const server_address& address_;
  topics& topics_;
  const std::string own_name_;
  const storage_options& options_;
  const logger& log_;
  const clock& time_;
  const void* const whose_;

  std::mutex mutex_;
  std::condition_variable wake_;
  unit* first_ = nullptr;  // guarded by mutex_, as are the next three
  unit* last_ = nullptr;
  std::size_t waiting_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace aft::storage::postgres

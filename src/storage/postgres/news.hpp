#pragma once
// What other processes tell of their commits, on a connection of its own.

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

#include <aft/ground/log.hpp>

#include "../topics.hpp"
#include "bell.hpp"
#include "server_address.hpp"

namespace aft::storage::postgres {

class news {
 public:
  // Returns when it hears, or when a first attempt has failed; then it tries on. What comes from
  // `own_name` is not told.
  news(const server_address& address, topics& all_topics, std::string own_name, const logger& log);
  news(const news&) = delete;
  news& operator=(const news&) = delete;
  ~news();

 private:
  void work();
  void listen();  // until the connection is lost (throws) or the end has come
  void tell(std::string_view payload);
  bool wait(int socket, int milliseconds);  // false: the end has come
  void set_ready();

  const server_address& address_;
  topics& topics_;
  const std::string own_name_;
  const logger& log_;
  bool has_missed_ = false;
  bell ended_{};
  std::mutex mutex_;
  std::condition_variable ready_now_;
  bool ready_ = false;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace aft::storage::postgres

#pragma once
// Teaches the router what a reader, a transaction and a database are, and runs what takes a
// transaction on the writer.

#include <aft/ground/log.hpp>
#include <aft/storage/database.hpp>

#include "../http/dispatcher.hpp"
#include "idempotency.hpp"
#include "queue_watch.hpp"

namespace aft::meeting {

// The lane of handlers that take a transaction: the writer of the database.
class write_lane final : public http::lane_runner {
 public:
  write_lane(database& db, const http::dispatcher& routes, const logger& log, duration max_wait)
      : db_(db), routes_(routes), log_(log), queue_(max_wait) {}
  bool submit(http::call& c) noexcept override;
  bool wants_many() const override { return true; }
  http::call* submit_all(http::call* first) noexcept override;

 private:
  class unit;
  database& db_;
  const http::dispatcher& routes_;
  const logger& log_;
  queue_watch queue_;
  keys_in_flight keys_;
};

// Before the dispatcher starts. The database must outlive it.
void provide_storage(http::dispatcher& routes, database& db);

}  // namespace aft::meeting

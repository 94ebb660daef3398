#pragma once
// What a database asks of its engine.

#include <cstdint>
#include <string_view>

#include <aft/ground/function.hpp>
#include <aft/storage/reader.hpp>

#include "topics.hpp"
#include "unit.hpp"

namespace aft::storage {

// For those who read often. Used by one thread at a time, between begin() and end().
class reading {
 public:
  reading() = default;
  reading(const reading&) = delete;
  reading& operator=(const reading&) = delete;
  virtual ~reading() = default;

  // A view of the database that holds every commit that was answered before. To be paired with
  // end(). Deadline as of a connection.
  virtual reader& begin(std::int64_t deadline = 0) = 0;
  virtual void end() = 0;
};

// Any thread.
class engine {
 public:
  engine() = default;
  engine(const engine&) = delete;
  engine& operator=(const engine&) = delete;
  virtual ~engine() = default;  // runs what waits, then closes

  // For as long as the taker likes.
  virtual reading* take() = 0;
  virtual void give_back(reading* r) = 0;

  // False when the queue is full.
  virtual bool submit(unit& u) noexcept = 0;

  // Whether who reads waits for a server, so that it should not be done on an event loop.
  virtual bool reads_wait() const = 0;

  virtual std::uint64_t listen(std::string_view topic, function<void()> heard) {
    return topics_.listen(topic, std::move(heard));
  }
  void unlisten(std::uint64_t listener) { topics_.unlisten(listener); }

 protected:
  topics topics_;
};

}  // namespace aft::storage

#pragma once
// What a database asks of its engine.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <aft/ground/function.hpp>
#include <aft/ground/secret.hpp>
#include <aft/storage/archive.hpp>
#include <aft/storage/asked_query.hpp>
#include <aft/storage/reader.hpp>

#include "topics.hpp"
#include "unit.hpp"
#include "write_counters.hpp"

namespace aft::storage {

namespace postgres {
class server_address;
}

// For those who read often. Used by one thread at a time, between begin() and end().
class reading {
 public:
  reading() = default;
  reading(const reading&) = delete;
  reading& operator=(const reading&) = delete;
  virtual ~reading() = default;

  // A view of the database that holds every commit that was answered before. To be paired with
  // end(). Limit as of a connection.
  virtual reader& begin(const time_limit& limit = {}) = 0;
  virtual void end() = 0;

  // For one query, of which there will be no second.
  virtual reader& begin_alone() { return begin(); }
};

// Any thread.
class engine {
 public:
  explicit engine(const secret& key = {}) : key_(key) {}
  engine(const engine&) = delete;
  engine& operator=(const engine&) = delete;
  virtual ~engine() = default;  // runs what waits, then closes

  // For as long as the taker likes.
  virtual reading* take() = 0;
  virtual void give_back(reading* r) = 0;

  // Throws storage_error, busy, where too many wait.
  virtual void ask(std::unique_ptr<asked_query> q) = 0;

  // Takes a list (by unit::next), in its order. Returns what the queue had no room for.
  virtual unit* submit(unit* first) noexcept = 0;

  // Whether who reads waits for a server, so that it should not be done on an event loop.
  virtual bool reads_wait() const = 0;

  // The database, where it is a file; else null.
  virtual const std::string* file() const { return nullptr; }
  const secret& key() const { return key_; }  // of that file; empty: none
  // Where the server of the database is, if it has one; else null.
  virtual const postgres::server_address* server() const { return nullptr; }
  virtual std::optional<archive_status> archived() const { return {}; }

  void work_jobs_with(jobs::runner* who) { jobs_here_.set(who); }  // null: with nobody

  virtual std::uint64_t listen(std::string_view topic, topics::listening heard) {
    return topics_.listen(topic, std::move(heard));
  }
  void unlisten(std::uint64_t listener) { topics_.unlisten(listener); }

  write_stats writes() const { return counters_.now(waiting()); }
  void collect(metric_sink& to) const { counters_.collect(to, waiting(), file() != nullptr); }

 protected:
  virtual std::size_t waiting() const = 0;  // units

  const secret key_;
  jobs_here jobs_here_;
  topics topics_;
  write_counters counters_;
};

}  // namespace aft::storage

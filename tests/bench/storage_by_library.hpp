#pragma once
// The figures of storage, through the library.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <aft/storage/database.hpp>

#include "in_flight.hpp"
#include "steady_commits.hpp"
#include "storage/database.hpp"
#include "storage_sample.hpp"

namespace bench {

inline person find_person(aft::reader& db, std::int64_t id) {
  return db.one<person>("select id, name, email, age, bio from person where id = $1", id);
}

class library {
 public:
  explicit library(const std::string& file) : db_(file, {}, log_, time_) {
    db_.migrate("bench", {{"001_tables", schema}});
    reading_ = db_.inside().engine().take();
  }
  ~library() { db_.inside().engine().give_back(reading_); }

  // As a handler on an event loop reads: the loop's own connection, a view for each request.
  double time_point_reads(std::chrono::milliseconds at_least = read_time) {
    return time_reads(at_least, [this](std::int64_t id) {
      const view_of_request view{*reading_};
      return find_person(view.db, id);
    });
  }
  // As other threads read.
  double time_database_reads() {
    return time_reads(read_time, [this](std::int64_t id) {
      return db_.read([id](aft::reader& db) { return find_person(db, id); });
    });
  }
  double time_point_reads_under_commits() {
    random_ids ids;
    steady_commits others([&] { db_.write([&](aft::transaction& tx) { add_event(tx, ids); }); });
    return time_point_reads(read_time_beside_writer);
  }
  // While a thread keeps 64 transactions in flight, on this file or another one.
  double time_point_reads_under_load_of(library& loaded) {
    std::atomic<bool> stop{false};
    std::thread writing([&] {
      random_ids ids;
      in_flight flight(loaded.db_, 64, [&](aft::transaction& tx) { add_event(tx, ids); });
      flight.run([&] { return !stop; });
    });
    const auto took = time_point_reads(read_time_beside_writer);
    stop = true;
    writing.join();
    return took;
  }
  double time_wide_rows() {
    const view_of_request view{*reading_};
    const auto began = clock::now();
    for (int i = 0; i < 10; ++i) {
      for (const auto& w : view.db.all<wide>("select * from wide")) seen += std::uint64_t(w.id);
    }
    return since(began) * 1e9 / 10 / wide_rows;
  }
  // Many reads of one view.
  double time_view_reads() {
    const view_of_request view{*reading_};
    return time_reads(read_time, [&view](std::int64_t id) { return find_person(view.db, id); });
  }

  // Transactions that insert one row each, so many at a time; how many a second.
  double time_commits(std::size_t at_a_time, std::vector<double>& latencies) {
    random_ids ids;
    in_flight flight(db_, at_a_time, [&ids](aft::transaction& tx) { add_event(tx, ids); });
    const auto began = clock::now();
    const auto end = began + write_time;
    const auto committed = flight.run([end] { return clock::now() < end; });
    latencies = std::move(flight.latencies());
    return double(committed) / since(began);
  }

 private:
  static void add_event(aft::transaction& tx, random_ids& ids) {
    tx.execute("insert into event (person, kind, body) values ($1, $2, $3)", ids.next(), "note",
               event_body);
  }

  struct view_of_request {
    explicit view_of_request(aft::storage::reading& r) : reading(r), db(r.begin()) {}
    view_of_request(const view_of_request&) = delete;
    view_of_request& operator=(const view_of_request&) = delete;
    ~view_of_request() { reading.end(); }
    aft::storage::reading& reading;
    aft::reader& db;
  };

  aft::logger log_;
  aft::clock time_;
  aft::database db_;
  aft::storage::reading* reading_ = nullptr;
};

}  // namespace bench

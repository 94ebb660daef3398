#pragma once
// The same figures with SQLite's own C API, as a program would use it that knows it well.

#include <sqlite3.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "raw_sqlite.hpp"
#include "steady_commits.hpp"
#include "storage_sample.hpp"

namespace bench {

class raw {
 public:
  explicit raw(const std::string& file)
      : writer_((prepare_file(file), file)), reader_(file),
        find_(reader_, "select id, name, email, age, bio from person where id = ?1"),
        find_wide_(reader_, "select * from wide"), begin_read_(reader_, "begin"),
        end_read_(reader_, "commit"),
        insert_(writer_, "insert into event (person, kind, body) values (?1, ?2, ?3)"),
        begin_(writer_, "begin immediate"), commit_(writer_, "commit") {}

  double time_autocommit_reads(std::chrono::milliseconds at_least = read_time) {
    return time_reads(at_least, [this](std::int64_t id) { return find_person(id); });
  }
  double time_transaction_reads() {
    begin_read_.run();
    const auto took = time_reads(read_time, [this](std::int64_t id) { return find_person(id); });
    end_read_.run();
    return took;
  }

  double time_autocommit_reads_under_commits() {
    random_ids ids;
    steady_commits others([&] { insert(ids.next()); });
    return time_autocommit_reads(read_time_beside_writer);
  }
  // While one thread commits batches of 64.
  double time_autocommit_reads_under_load() {
    return under_load([this] { return time_autocommit_reads(read_time_beside_writer); });
  }
  // The same in a transaction that begins anew after each commit: the most that SQLite allows, as
  // it forgets its cached pages then.
  double time_transaction_reads_under_load() {
    return under_load([this] {
      auto seen_batches = batches_.load();
      begin_read_.run();
      const auto took = time_reads(read_time_beside_writer, [&](std::int64_t id) {
        if (const auto now = batches_.load(); now != std::exchange(seen_batches, now)) {
          end_read_.run();
          begin_read_.run();
        }
        return find_person(id);
      });
      end_read_.run();
      return took;
    });
  }
  double time_wide_rows() {
    const auto began = clock::now();
    for (int i = 0; i < 10; ++i) {
      std::vector<wide> all;
      while (find_wide_.step()) all.push_back(next_wide());
      find_wide_.reset();
      for (const auto& w : all) seen += std::uint64_t(w.id);
    }
    return since(began) * 1e9 / 10 / wide_rows;
  }

  double time_lone_commits() {
    random_ids ids;
    std::uint64_t count = 0;
    const auto began = clock::now();
    for (; clock::now() < began + write_time; ++count) insert(ids.next());
    return double(count) / since(began);
  }
  double time_batches() {
    random_ids ids;
    std::uint64_t count = 0;
    const auto began = clock::now();
    for (; clock::now() < began + write_time; count += batch) insert_batch(ids);
    return double(count) / since(began);
  }

 private:
  static void prepare_file(const std::string& file) { raw_connection(file).run(schema); }

  template <class F>
  double under_load(F&& measure) {
    std::atomic<bool> stop{false};
    std::thread writing([&] {
      random_ids ids;
      for (; !stop; ++batches_) insert_batch(ids);
    });
    const auto took = measure();
    stop = true;
    writing.join();
    return took;
  }

  static std::string text(raw_statement& s, int column) {
    const auto* begin = sqlite3_column_text(s.handle(), column);
    const auto size = std::size_t(sqlite3_column_bytes(s.handle(), column));
    return std::string(reinterpret_cast<const char*>(begin), size);
  }
  wide next_wide() {
    auto* s = find_wide_.handle();
    const auto number = [s](int i) { return sqlite3_column_int64(s, i); };
    const auto words = [this](int i) { return text(find_wide_, i); };
    const auto has = [s](int i) { return sqlite3_column_type(s, i) != SQLITE_NULL; };
    wide w{number(0),
           number(1),
           number(2),
           number(3),
           number(4),
           number(5),
           number(6),
           number(7),
           sqlite3_column_double(s, 8),
           sqlite3_column_double(s, 9),
           words(10),
           words(11),
           words(12),
           words(13),
           words(14),
           words(15),
           {},
           {},
           {},
           {}};
    if (has(16)) w.b7 = words(16);
    if (has(17)) w.b8 = words(17);
    if (has(18)) w.b9 = number(18);
    if (has(19)) w.c1 = number(19);
    return w;
  }
  person find_person(std::int64_t id) {
    sqlite3_bind_int64(find_.handle(), 1, id);
    if (!find_.step()) throw std::runtime_error("a person is missing");
    person found{sqlite3_column_int64(find_.handle(), 0), text(find_, 1), text(find_, 2),
                 sqlite3_column_int64(find_.handle(), 3), text(find_, 4)};
    find_.reset();
    return found;
  }
  void insert_batch(random_ids& ids) {
    begin_.run();
    for (int i = 0; i < batch; ++i) insert(ids.next());
    commit_.run();
  }
  void insert(std::int64_t id) {
    sqlite3_bind_int64(insert_.handle(), 1, id);
    sqlite3_bind_text(insert_.handle(), 2, "note", 4, SQLITE_STATIC);
    sqlite3_bind_text(insert_.handle(), 3, event_body.data(), int(event_body.size()),
                      SQLITE_STATIC);
    insert_.run();
  }

  std::atomic<std::uint64_t> batches_{0};  // committed under load
  raw_connection writer_, reader_;
  raw_statement find_, find_wide_, begin_read_, end_read_, insert_, begin_, commit_;
};

}  // namespace bench

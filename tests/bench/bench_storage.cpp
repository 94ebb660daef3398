// What storage costs, against SQLite's own C API. Everything is measured in turns, several times,
// so that a machine with other work to do is as unfair to one as to the other.
//
// The raw figures come from a file of their own, with the same rows: SQLite's locks are cheaper
// while another connection of the process reads the same file.

#include <sqlite3.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <functional>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <aft/storage/database.hpp>

#include "arguments.hpp"
#include "in_flight.hpp"
#include "raw_sqlite.hpp"
#include "samples.hpp"
#include "storage/database.hpp"

namespace bench {
namespace {

using clock = std::chrono::steady_clock;

constexpr std::size_t rounds = 8;
constexpr int reads = 20'000;  // of each kind in a round
constexpr auto write_time = std::chrono::milliseconds(300);
constexpr std::int64_t people = 100'000;

const char* const schema = R"(
create table if not exists person (
  id    integer primary key,
  name  text not null,
  email text not null,
  age   integer not null,
  bio   text not null
) strict;
create table if not exists event (
  id     integer primary key,
  person integer not null,
  kind   text not null,
  body   text not null
) strict;
create table if not exists wide (
  id integer primary key,
  a1 integer not null, a2 integer not null, a3 integer not null, a4 integer not null,
  a5 integer not null, a6 integer not null, a7 integer not null, a8 real not null,
  a9 real not null, b1 text not null, b2 text not null, b3 text not null, b4 text not null,
  b5 text not null, b6 text not null, b7 text, b8 text, b9 integer, c1 integer
) strict;
with recursive number (i) as (select 1 union all select i + 1 from number where i < 1000)
insert or ignore into wide
  select i, i, i * 2, i * 3, i * 4, i * 5, i * 6, i * 7, i / 3.0, i / 7.0, 'one', 'two ' || i,
         'three and more', 'four', 'five ' || i, 'a text that is longer than what fits inside',
         null, 'eight', i, null
  from number;
with recursive number (i) as (select 1 union all select i + 1 from number where i < 100000)
insert or ignore into person
  select i, 'Person ' || i, 'person' || i || '@example.com', 18 + i % 80,
         'Some words about somebody, of about the length that such words have.'
  from number;
)";

struct person {
  std::int64_t id;
  std::string name;
  std::string email;
  std::int64_t age;
  std::string bio;
};

struct wide {
  std::int64_t id, a1, a2, a3, a4, a5, a6, a7;
  double a8, a9;
  std::string b1, b2, b3, b4, b5, b6;
  std::optional<std::string> b7, b8;
  std::optional<std::int64_t> b9, c1;
};
constexpr int wide_rows = 1000;  // of 20 columns
constexpr int batch = 64;        // inserts in one transaction

constexpr std::string_view event_body =
    R"({"title":"hello world","text":"about one hundred bytes, typical of a small JSON document"})";

// Keeps the compiler from leaving out what nobody looks at.
std::uint64_t seen = 0;

class random_ids {
 public:
  std::int64_t next() { return std::int64_t(generator_() % std::uint64_t(people)) + 1; }

 private:
  std::minstd_rand generator_{20'240};
};

double since(clock::time_point began) {
  return std::chrono::duration<double>(clock::now() - began).count();
}

// Nanoseconds for one of many calls. The first pass is not timed: a commit makes SQLite forget its
// cached pages, and who reads first after one would pay for all.
template <class F>
double time_reads(F&& read_one) {
  double took = 0;
  for (int pass = 0; pass < 2; ++pass) {
    random_ids ids;
    const auto began = clock::now();
    for (int i = 0; i < reads; ++i) {
      const person found = read_one(ids.next());
      seen += std::uint64_t(found.age) + found.bio.size();
    }
    took = since(began);
  }
  return took * 1e9 / reads;
}

// One thread that commits about a thousand times a second.
class steady_commits {
 public:
  explicit steady_commits(std::function<void()> commit)
      : thread_([this, commit = std::move(commit)] {
          for (auto next = clock::now(); !stop_; next += std::chrono::milliseconds(1)) {
            std::this_thread::sleep_until(next);
            commit();
          }
        }) {}
  ~steady_commits() {
    stop_ = true;
    thread_.join();
  }

 private:
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

// ---- through the library

person find_person(aft::reader& db, std::int64_t id) {
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
  double time_point_reads() {
    return time_reads([this](std::int64_t id) {
      const view_of_request view{*reading_};
      return find_person(view.db, id);
    });
  }
  // As other threads read.
  double time_database_reads() {
    return time_reads([this](std::int64_t id) {
      return db_.read([id](aft::reader& db) { return find_person(db, id); });
    });
  }
  double time_point_reads_under_commits() {
    random_ids ids;
    steady_commits others([&] { db_.write([&](aft::transaction& tx) { add_event(tx, ids); }); });
    return time_point_reads();
  }
  // While one thread keeps 64 transactions in flight.
  double time_point_reads_under_load() {
    std::atomic<bool> stop{false};
    std::thread writing([&] {
      random_ids ids;
      in_flight flight(db_, 64, [&](aft::transaction& tx) { add_event(tx, ids); });
      flight.run([&] { return !stop; });
    });
    const auto took = time_point_reads();
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
    return time_reads([&view](std::int64_t id) { return find_person(view.db, id); });
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

// ---- without it

class raw {
 public:
  explicit raw(const std::string& file)
      : writer_((prepare_file(file), file)), reader_(file),
        find_(reader_, "select id, name, email, age, bio from person where id = ?1"),
        find_wide_(reader_, "select * from wide"), begin_read_(reader_, "begin"),
        end_read_(reader_, "commit"),
        insert_(writer_, "insert into event (person, kind, body) values (?1, ?2, ?3)"),
        begin_(writer_, "begin immediate"), commit_(writer_, "commit") {}

  double time_autocommit_reads() {
    return time_reads([this](std::int64_t id) { return find_person(id); });
  }
  double time_transaction_reads() {
    begin_read_.run();
    const auto took = time_reads([this](std::int64_t id) { return find_person(id); });
    end_read_.run();
    return took;
  }

  double time_autocommit_reads_under_commits() {
    random_ids ids;
    steady_commits others([&] { insert(ids.next()); });
    return time_autocommit_reads();
  }
  // While one thread commits batches of 64.
  double time_autocommit_reads_under_load() {
    return under_load([this] { return time_autocommit_reads(); });
  }
  // The same in a transaction that begins anew after each commit: the most that SQLite allows, as
  // it forgets its cached pages then.
  double time_transaction_reads_under_load() {
    return under_load([this] {
      auto seen_batches = batches_.load();
      begin_read_.run();
      const auto took = time_reads([&](std::int64_t id) {
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

// ---- all of it

struct figure {
  const char* name;
  std::function<double()> measure;
  std::vector<double> of_rounds{};
};

void measure(const std::string& file, const std::string& only) {
  library lib(file);  // first, because it tunes SQLite for the whole process
  raw without(file + "-raw");

  std::vector<double> latencies, ignored;
  std::vector<figure> figures{
      {"point_read_ns", [&] { return lib.time_point_reads(); }},
      {"raw_autocommit_read_ns", [&] { return without.time_autocommit_reads(); }},
      {"raw_transaction_read_ns", [&] { return without.time_transaction_reads(); }},
      {"view_read_ns", [&] { return lib.time_view_reads(); }},
      {"database_read_ns", [&] { return lib.time_database_reads(); }},
      {"point_read_1000_commits_ns", [&] { return lib.time_point_reads_under_commits(); }},
      {"raw_autocommit_read_1000_commits_ns",
       [&] { return without.time_autocommit_reads_under_commits(); }},
      {"point_read_full_load_ns", [&] { return lib.time_point_reads_under_load(); }},
      {"raw_autocommit_read_full_load_ns",
       [&] { return without.time_autocommit_reads_under_load(); }},
      {"raw_transaction_read_full_load_ns",
       [&] { return without.time_transaction_reads_under_load(); }},
      {"wide_row_ns", [&] { return lib.time_wide_rows(); }},
      {"raw_wide_row_ns", [&] { return without.time_wide_rows(); }},
      {"group_commit_64_per_s", [&] { return lib.time_commits(64, latencies); }},
      {"one_in_flight_per_s", [&] { return lib.time_commits(1, ignored); }},
      {"commit_per_request_per_s", [&] { return without.time_lone_commits(); }},
      {"raw_batch_64_per_s", [&] { return without.time_batches(); }},
  };
  std::erase_if(figures, [&](const figure& f) {
    return std::string_view(f.name).find(only) == std::string_view::npos;
  });
  std::vector<double> p50s, p99s;
  for (std::size_t round = 0; round <= rounds; ++round) {
    for (std::size_t i = 0; i < figures.size(); ++i) {  // each round begins with another
      auto& f = figures[(i + round) % figures.size()];
      const double value = f.measure();
      if (round) f.of_rounds.push_back(value);  // the first only fills caches
    }
    if (!round || latencies.empty()) continue;
    p50s.push_back(percentile(latencies, 0.5));
    p99s.push_back(percentile(latencies, 0.99));
  }

  std::printf("{\"sqlite\": \"%s\"", sqlite3_libversion());
  for (auto& f : figures) std::printf(", \"%s\": %.1f", f.name, median(f.of_rounds));
  if (!p50s.empty()) {
    std::printf(", \"group_commit_64_p50_us\": %.1f, \"group_commit_64_p99_us\": %.1f",
                median(p50s), median(p99s));
  }
  std::printf("}\n");
}

}  // namespace
}  // namespace bench

int main(int count, char** words) {
  const bench::arguments given(count, words, {"--database", "--only"});
  if (!given.has("--database")) {
    bench::arguments::refuse(
        {"give --database FILE; FILE and FILE-raw are made where they are not. ",
         "--only TEXT leaves out figures whose names do not hold it"});
  }
  try {
    bench::measure(given.text("--database", ""), given.text("--only", ""));
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
  return bench::seen ? 0 : 1;
}

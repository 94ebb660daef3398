// A queue of jobs in SQLite's own C API, with nothing around it: what the library's jobs are
// measured against. One thread, one transaction for each batch: it stores the next 64 jobs, claims
// 64, and deletes the 64 that were claimed before.

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include <sqlite3.h>

#include "arguments.hpp"
#include "raw_sqlite.hpp"

namespace bench {
namespace {

using clock = std::chrono::steady_clock;

constexpr std::uint64_t batch = 64;

const char* const schema = R"(
create table job (
  id integer primary key, kind text not null, arguments text not null, queue text not null,
  state integer not null, priority integer not null, run_at integer not null,
  attempt integer not null default 0, max_attempts integer not null, worker integer,
  error text, created_at integer not null, started_at integer, keep_until integer, unique_key text
) strict;
create index job_ready on job (queue, priority desc, run_at, id) where state = 0;
create index job_running on job (worker) where state = 1;
create index job_keep on job (keep_until) where keep_until is not null;
create unique index job_unique on job (kind, unique_key) where unique_key is not null;
)";

class raw_queue {
 public:
  raw_queue(raw_connection& db, std::string payload) : db_(db), payload_(std::move(payload)) {}

  // One transaction.
  void turn(std::uint64_t stored, bool claims) {
    db_.run("begin immediate");
    for (; stored; --stored) {
      sqlite3_bind_text(insert_.handle(), 1, payload_.data(), int(payload_.size()), SQLITE_STATIC);
      sqlite3_bind_int64(insert_.handle(), 2, ++now_);
      insert_.run();
    }
    std::vector<std::int64_t> next;
    if (claims) {
      sqlite3_bind_int64(claim_.handle(), 1, ++now_);
      while (claim_.step()) {
        next.push_back(sqlite3_column_int64(claim_.handle(), 0));
        read_ += sqlite3_column_bytes(claim_.handle(), 1);
      }
      claim_.reset();
    }
    for (const auto id : held_) {
      sqlite3_bind_int64(complete_.handle(), 1, id);
      complete_.run();
    }
    db_.run("commit");
    held_ = std::move(next);
  }
  bool holds_some() const { return !held_.empty(); }

 private:
  raw_connection& db_;
  const std::string payload_;
  std::int64_t now_ = 0, read_ = 0;
  std::vector<std::int64_t> held_{};
  raw_statement insert_{
      db_,
      "insert into job (kind, arguments, queue, state, priority, run_at, max_attempts, created_at) "
      "values ('no_op', ?1, 'default', 0, 0, ?2, 0, ?2)"};
  raw_statement claim_{
      db_,
      "update job set state = 1, attempt = attempt + 1, worker = 1, started_at = ?1 where id in "
      "(select id from job where state = 0 and queue = 'default' "
      "order by priority desc, run_at, id limit 64) returning id, arguments, kind, attempt"};
  raw_statement complete_{db_, "delete from job where id = ?1 and worker = 1 and state = 1"};
};

double since(clock::time_point began) {
  return std::chrono::duration<double>(clock::now() - began).count();
}

void measure(const arguments& given) {
  const auto jobs = given.number("--jobs", 20'000, 1, 100'000'000);
  raw_connection db(given.text("--database", ":memory:"));
  db.run(schema);
  raw_queue queue(db, std::string(given.number("--payload", 100, 0, 1'000'000), 'x'));

  auto began = clock::now();
  for (std::uint64_t left = jobs; left;) {
    const auto some = std::min(left, batch);
    queue.turn(some, true);
    left -= some;
  }
  while (queue.holds_some()) queue.turn(0, true);
  const auto both = double(jobs) / since(began);

  for (std::uint64_t left = jobs; left;) {
    const auto some = std::min(left, batch);
    queue.turn(some, false);
    left -= some;
  }
  began = clock::now();
  do queue.turn(0, true);
  while (queue.holds_some());
  std::printf("{\"end_to_end_per_s\": %.0f, \"work_per_s\": %.0f}\n", both,
              double(jobs) / since(began));
}

}  // namespace
}  // namespace bench

int main(int count, char** words) {
  const bench::arguments given(count, words, {"--database", "--jobs", "--payload"});
  try {
    bench::measure(given);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}

#pragma once
// The jobs as they lie in the database.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <aft/ground/time.hpp>
#include <aft/storage/migration.hpp>
#include <aft/storage/transaction.hpp>

#include "claim_places.hpp"

namespace aft::jobs {

// What tells workers that there is something new, and that a running job is to stop.
inline constexpr std::string_view topic = "aft_job";
inline constexpr std::string_view stop_topic = "aft_job_stop";

// The numbers of job_state stand in SQL texts as they are:
// 0 ready, 1 running, 2 dead, 3 done, 4 cancelled, 5 later, 6 held, 7 blocked.

std::vector<migration> migrations();

struct stored_job {
  std::int64_t id;
  std::string kind;
  std::string arguments;
  std::string queue;
  int priority;
  time_point run_at;
  int attempt;
  int max_attempts;
  time_point created_at;
  std::optional<std::string> limit_key;
  std::optional<std::string> request_id;
  std::optional<std::string> traceparent;
  std::int64_t bundle = 0;  // that it lies in; 0: it has a row of its own
};

bool is_on_postgres(const reader& db);

template <class Job>
bool is_more_urgent(const Job& a, const Job& b) {
  if (a.priority != b.priority) return a.priority > b.priority;
  if (a.run_at != b.run_at) return a.run_at < b.run_at;
  return b.id > a.id;  // the other way round, a.id would begin a template's arguments
}

// Throws queue_full where the queue is marked as full.
void mark_full_queues(transaction& tx, std::int64_t most);

// What a claim may take of a queue.
struct queue_room {
  std::string queue;
  std::int64_t most;
};
struct kind_room {
  std::string_view queue, kind;
  std::int64_t most;
  const claim_place* after;  // null: from the beginning
};

// What this process has handlers for.
struct known_kinds {
  std::vector<std::string> names{};  // in the order of their bytes
  std::vector<bool> fit_bundles{};   // in the same order; what bundles.hpp says of kinds
  std::string json = "[]";

  bool fits_bundles(std::string_view kind) const;
};

// The queues with something of these kinds that is ready and not paused.
std::vector<std::string> ready_queues(reader& db, const known_kinds& known);

// Makes ready what has become due, or is within its limits again: some of it. True: there may be
// more.
bool promote(transaction& tx, time_point now);

struct claimed_jobs {
  std::vector<stored_job> jobs{};  // the most urgent first
  bool held_back = false;          // some were, by their limits; so there may be others
};

// Takes up to `most` ready jobs of these kinds from a queue. What waits of others costs nothing.
claimed_jobs claim(transaction& tx, std::int64_t worker, const known_kinds& known,
                   const queue_room& room, time_point now, claim_places& places);

// When promote() will next find something, if ever.
std::optional<time_point> next_due(reader& db);

struct claim_start {
  bool is_worker;                   // still
  std::optional<time_point> due{};  // as next_due
};
// Begins a transaction that claims. On PostgreSQL its commit does not wait for the disk: what a
// server loses that way with its power is that some jobs were begun, so they begin once more. And
// its queries go by the indexes, whatever the server knows of the tables.
claim_start begin_claim(transaction& tx, std::int64_t worker);

}  // namespace aft::jobs

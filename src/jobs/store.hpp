#pragma once
// The jobs as they lie in the database.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <aft/ground/time.hpp>
#include <aft/storage/migration.hpp>
#include <aft/storage/transaction.hpp>

namespace aft::jobs {

// What tells workers that there is something new.
inline constexpr std::string_view topic = "aft_job";

std::vector<migration> migrations();

struct stored_job {
  std::int64_t id;
  std::string kind;
  std::string arguments;
  int attempt;
  int max_attempts;
  time_point created_at;
};

// A worker is one app in one process. Its row says that it lives, and in it which process it is.
std::int64_t add_worker(transaction& tx, time_point now);
bool beat(transaction& tx, std::int64_t worker, time_point now);  // false: it is no more
void remove_worker(transaction& tx, std::int64_t worker);

// Gives the jobs of dead workers back: of those without a heartbeat since `silent_since`, and of
// processes of this machine that no longer exist. Returns how many.
std::int64_t recover(transaction& tx, time_point silent_since, time_point now);

// Takes up to `most` jobs of these kinds (a JSON array) that are due, the most urgent first.
std::vector<stored_job> claim(transaction& tx, std::int64_t worker, const std::string& kinds,
                              std::int64_t most, time_point now);

// When the next job of these kinds is due, if there is one; microseconds since 1970.
std::optional<std::int64_t> next_due(reader& db, const std::string& kinds);

// These three have an effect only while the worker still holds that attempt of the job; false tells
// that it does not.
bool complete(transaction& tx, std::int64_t id, std::int64_t worker, int attempt);
bool retry(transaction& tx, std::int64_t id, std::int64_t worker, int attempt, time_point run_at,
           std::string_view error);
bool bury(transaction& tx, std::int64_t id, std::int64_t worker, int attempt, time_point now,
          std::string_view error);

// Of jobs that a stopping worker had not begun: back, without counting the attempt.
void give_back(transaction& tx, std::int64_t worker);

}  // namespace aft::jobs

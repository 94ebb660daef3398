#pragma once
// One run of a job: what its context tells it, and what it leaves.

#include <atomic>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include <aft/ground/json.hpp>
#include <aft/storage/database.hpp>

#include "finish.hpp"
#include "store.hpp"

namespace aft::jobs {

enum class stop_reason : int { none, cancelled, timed_out, stopping };

struct run_of {
  job_claim claim;
  int max_attempts;
  time_point enqueued_at;
  duration timeout;  // 0: none
};

class run {
 public:
  run(database& db, const stored_job& job, const run_of& of) : db_(db), job_(job), of_(of) {}

  // Before the handler, each time; `tx` is what it was given, if any.
  void begin(transaction* tx);
  void end() { tx_ = nullptr; }

  const run_of& of() const { return of_; }
  bool has_begun() const { return began_at_.load() != not_begun; }

  // Any thread. The first reason stays.
  void stop(stop_reason why);
  stop_reason why_stopped() const;
  // Since when it has been asked to, by clock::steady(); nothing where it has not.
  std::optional<duration> stopped_at() const;

  // In the transaction where there is one, else in one of its own.
  void progress(double part, std::string_view words);
  std::optional<std::string> find_saved(std::string_view name);
  void save(std::string_view name, std::string_view value);

  std::optional<std::string> output{};

 private:
  static constexpr std::int64_t not_begun = INT64_MIN;
  using saved_values = std::map<std::string, raw_json, std::less<>>;

  template <class F>
  void write(F&& f);
  saved_values load(reader& db) const;

  database& db_;
  const stored_job& job_;
  const run_of of_;
  transaction* tx_ = nullptr;
  std::optional<saved_values> saved_{};
  std::atomic<std::int64_t> began_at_{not_begun};  // microseconds of clock::steady()
  std::atomic<std::int64_t> stopped_at_{0};
  std::atomic<stop_reason> stopped_{stop_reason::none};
};

}  // namespace aft::jobs

#pragma once
// How runs of jobs end.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <aft/ground/time.hpp>
#include <aft/storage/transaction.hpp>

namespace aft::jobs {

// The fence: what is done for a job has an effect only while this worker holds this attempt of it.
// The functions below return false where it does not.
struct job_claim {
  std::int64_t id;
  std::int64_t worker;
  int attempt;
};

// `keep` is for how long the job stays in the table.
bool complete(transaction& tx, const job_claim& c, time_point now, duration keep,
              const std::optional<std::string>& output);

// Of many jobs of one worker that are not kept; returns those it has deleted. The others are to be
// completed one by one; all of them where it returns nothing, and what it did is to be undone.
std::optional<std::vector<std::int64_t>> complete_plain(transaction& tx, std::int64_t worker,
                                                        const std::vector<std::int64_t>& ids);

// After a failed attempt: again later, or no more.
bool retry(transaction& tx, const job_claim& c, time_point now, time_point run_at,
           std::string_view error);
bool bury(transaction& tx, const job_claim& c, time_point now, duration keep,
          std::string_view error);

bool end_cancelled(transaction& tx, const job_claim& c, time_point now, duration keep,
                   std::string_view why);

// These and retry() cancel a job that was asked to stop by cancel().

// Back, as if this run had not been.
bool put_back(transaction& tx, const job_claim& c, time_point now, time_point run_at);
void put_all_back(transaction& tx, std::int64_t worker, time_point now);

// For jobs that follow one that was cancelled or dropped: they are, too.
void cancel_followers(transaction& tx, std::int64_t parent, time_point now);

// How long cancelled jobs stay where no worker was there to say it.
inline constexpr duration keep_cancelled = days(7);

}  // namespace aft::jobs

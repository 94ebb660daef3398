#pragma once
// How many jobs of a key run at once, and start in a period.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <aft/jobs/job.hpp>
#include <aft/storage/transaction.hpp>

#include "store.hpp"

namespace aft::jobs {

void check_limit(const job_options& o);
void keep_limit(transaction& tx, const job_options& o);

// Of jobs that have just been claimed, holds those back that are beyond the limits of their keys,
// the least urgent first, and leaves them out. They wait until one of their key ends or its next
// period begins, where no claim sees them. True: there were such.
bool hold_back(transaction& tx, std::vector<stored_job>& claimed, time_point now);

// A job of the key has left: the most urgent one that is held may go on.
void release(transaction& tx, std::string_view key, std::int64_t most = 1);

// Of keys whose period has ended.
void release_due(transaction& tx, time_point now);

// Limits that nobody needs any more go: of the next keys after `after`. Returns the last one that
// was looked at; empty: there are no more.
std::string forget_limits(transaction& tx, const std::string& after, time_point now);

}  // namespace aft::jobs

#pragma once
// The moments of schedules.

#include <string>

#include <aft/jobs/periodic.hpp>
#include <aft/storage/transaction.hpp>

namespace aft::jobs {

// Enqueues the jobs of these kinds (a JSON array) whose moments have come; of many processes that
// try, one does it for each moment. True: there may be more.
bool enqueue_due(transaction& tx, const std::string& kinds, time_point now);

}  // namespace aft::jobs

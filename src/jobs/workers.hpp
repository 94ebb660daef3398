#pragma once
// Who works, and whether they live.

#include <cstdint>

#include <aft/storage/transaction.hpp>

namespace aft::jobs {

// A worker is one app in one process. Its row says that it lives, and in it which process it is.
std::int64_t add_worker(transaction& tx, time_point now);
bool beat(transaction& tx, std::int64_t worker, time_point now);  // false: it is no more
void remove_worker(transaction& tx, std::int64_t worker);

// Gives the jobs of dead workers back: of those without a heartbeat since `silent_since`, and of
// processes of this machine that no longer exist. Returns how many.
std::int64_t recover(transaction& tx, time_point silent_since, time_point now);

}  // namespace aft::jobs

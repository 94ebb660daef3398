#pragma once
// Who works, and whether they live.

#include <cstdint>
#include <map>

#include <aft/storage/transaction.hpp>

namespace aft::jobs {

// A worker is one app in one process. Its row says that it lives, and in it which process it is.
std::int64_t add_worker(transaction& tx, time_point now);
bool beat(transaction& tx, std::int64_t worker, time_point now);  // false: it is no more
bool is_worker(reader& db, std::int64_t worker);
void remove_worker(transaction& tx, std::int64_t worker);

// Since when each worker has been silent, as one that watches them has seen it. It goes by the
// watcher's own steady clock: what time the others think it is does not matter.
struct heard_of {
  time_point seen_at;  // as its row says
  duration since;
};
using silence = std::map<std::int64_t, heard_of>;

struct patience {
  duration steady_now;
  duration lease;
};

// Gives the jobs of dead workers back: of those that have been silent for the lease, and of
// processes of this machine that no longer exist. Returns how many.
std::int64_t recover(transaction& tx, silence& heard, const patience& p);

}  // namespace aft::jobs

#pragma once
// Jobs that a worker has claimed together, on PostgreSQL: they lie in one row, and in none of their
// own, until they end. So a claim writes a row less for each of them, and so does the end.
//
// Whoever needs the row of one of them takes it out of the bundle. Only jobs that nobody has begun
// before lie in bundles, without keys, followers and long arguments, of kinds that take no
// transaction and leave nothing of them.

#include <cstdint>
#include <vector>

#include <aft/storage/transaction.hpp>

#include "store.hpp"

namespace aft::jobs {

// Ready jobs of one kind, the most urgent; those that do not suit a bundle have rows.
std::vector<stored_job> take_bundle(transaction& tx, std::int64_t worker, const kind_room& room,
                                    time_point now);

// Of some jobs of one bundle; returns those that it has ended.
std::vector<std::int64_t> complete_bundled(transaction& tx, std::int64_t worker,
                                           std::int64_t bundle, std::vector<std::int64_t> ids);

// By its worker: the job has a row of its own again, if the bundle is still the worker's.
void take_out(transaction& tx, std::int64_t worker, const stored_job& job);

// By anybody: nothing where it is in no bundle.
void take_out(transaction& tx, std::int64_t id);

std::vector<std::int64_t> bundles_of(reader& db, std::int64_t worker);

// All of their jobs that have not ended have rows again.
void take_apart(transaction& tx, const std::vector<std::int64_t>& bundles);
void take_apart_of_dead(transaction& tx);

}  // namespace aft::jobs

#pragma once
// How jobs are claimed on PostgreSQL.

#include <string>
#include <vector>

#include <aft/storage/sql_text.hpp>

#include "store.hpp"

namespace aft::jobs {

std::vector<std::string> queues_on_postgres(reader& db, const known_kinds& known);

// "from ..." what is ready; behind a place only that of its priority.
void add_most_urgent(sql_text& q, const kind_room& room);

// In no order.
std::vector<stored_job> take_on_postgres(transaction& tx, std::int64_t worker,
                                         const known_kinds& known, const queue_room& room,
                                         time_point now, claim_places& places);

}  // namespace aft::jobs

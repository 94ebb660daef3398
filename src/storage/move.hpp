#pragma once
// Of a database that rows are moved to.

#include <aft/storage/database.hpp>

namespace aft::storage {

// Throws configuration_error where a move to this database has begun and not ended.
void refuse_half_moved(database& db);

}  // namespace aft::storage

#pragma once
// Keeps a "drop table" on SQLite from taking more with it than the table.

#include <string>

#include "connection.hpp"

namespace aft::storage {

// Runs the script of a migration on SQLite. While foreign keys are on, "drop table" deletes the
// rows first, with what that does to those that refer to them: on delete cascade, set null or set
// default. Throws configuration_error before such a drop, where there are such rows.
void run_guarding_drops(schema_connection& c, const std::string& script);

}  // namespace aft::storage

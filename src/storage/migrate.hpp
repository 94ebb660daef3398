#pragma once
// Brings a database to the schema of a program.

#include <string>
#include <vector>

#include <aft/storage/migration.hpp>

#include "connection.hpp"

namespace aft::storage {

// In one transaction, which other processes wait for. Throws configuration_error that names the
// migration; nothing is changed then. Returns the names of those applied.
std::vector<std::string> migrate(schema_connection& c, const std::string& line,
                                 const std::vector<migration>& steps, time_point now);

}  // namespace aft::storage

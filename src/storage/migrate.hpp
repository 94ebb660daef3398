#pragma once
// Brings a database to the schema of a program.

#include <string>
#include <vector>

#include <aft/storage/schema.hpp>

#include "connection.hpp"

namespace aft::storage {

// In one transaction, which other processes wait for. Throws configuration_error that names the
// migration; nothing is changed then. Returns the names of those applied.
std::vector<std::string> migrate(schema_connection& c, const std::string& line,
                                 const std::vector<migration>& steps, time_point now);

// What migrate() would do.
std::vector<planned_migration> plan(connection& c, const std::string& line,
                                    const std::vector<migration>& steps);

// Of all lines, in the order they were applied.
std::vector<planned_migration> applied_migrations_of(connection& c);

void make_migration_table(schema_connection& c);

// Rolls back what is open.
void undo(schema_connection& c) noexcept;

}  // namespace aft::storage

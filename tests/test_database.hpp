#pragma once
// Databases of the engine that this run of the tests is of.

#include <string>

#include "postgres_server.hpp"

// Without a place for a file: in memory.
inline std::string new_database(const std::string& file = ":memory:") {
  return on_postgres() ? postgres_server::shared().new_url() : file;
}

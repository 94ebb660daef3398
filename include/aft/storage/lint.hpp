#pragma once
// Steps of migrations that lose rows, fail on some data, or hold up those who use the database.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <aft/storage/migration.hpp>

namespace aft {

enum class dialect : std::uint8_t { sqlite, postgres };

struct migration_warning {
  std::string migration;  // its name
  std::size_t line = 0;   // of its text for this engine, from 1
  std::string code;       // "drop-column"
  std::string danger;     // a sentence
  std::string remedy;     // another one
};

// Reads the texts, and needs no database. A table that the same step makes is empty, so much is
// allowed with it. What a step names in `intended` is left out; throws configuration_error for a
// code that does not exist. For a test of the program:
//   for (auto& w : aft::lint_migrations(app.migrations(), aft::dialect::sqlite)) ...
std::vector<migration_warning> lint_migrations(const std::vector<migration>& steps, dialect engine);

}  // namespace aft

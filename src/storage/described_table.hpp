#pragma once
// The schema of a database as a reader of its document sees it.

#include <string>
#include <vector>

#include <aft/storage/reader.hpp>

namespace aft::storage {

struct described_column {
  std::string name, type;
  bool nullable = true;
  std::string default_value{}, comment{};
};

struct described_reference {
  std::vector<std::string> columns{};
  std::string table{};
  std::vector<std::string> referred{};
  std::string rules{};  // "on delete cascade"
};

struct described_index {
  std::string name;
  bool unique = false;
  std::string definition{};  // "(created_at, id) where state = 0"
};

struct described_table {
  std::string name;
  std::string comment{};
  std::string view{};  // its text; empty: a table
  std::vector<described_column> columns{};
  std::vector<std::string> primary_key{};
  std::vector<std::vector<std::string>> unique{};
  std::vector<described_reference> references{};
  std::vector<described_index> indexes{};
  std::vector<std::string> checks{};
};

// Tables, then views, by name; without the library's own.
std::vector<described_table> describe_sqlite(reader& r);
std::vector<described_table> describe_postgres(reader& r);

}  // namespace aft::storage

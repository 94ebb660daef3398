#pragma once
// The steps by which a database got its schema.

#include <string>

namespace aft {

// One step. Steps are applied in the order they are given, once each, all or none; a step that was
// applied may not be edited, moved or left out later: the start fails and names it.
struct migration {
  std::string name;        // "001_notes"; unique within the program
  std::string sql;         // one statement or more
  std::string postgres{};  // instead, on PostgreSQL, where the two engines differ
  // Its triggers or views use virtual tables, as a full-text index does. SQLite lets them only
  // where it trusts the schema in the file; by default it does not.
  bool virtual_tables = false;
};

}  // namespace aft

#pragma once
// The tables of a SQLite file, whatever their columns, to be read row by row.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <aft/ground/secret.hpp>

struct sqlite3;
struct sqlite3_stmt;

namespace aft::storage {

enum class cell_kind { null, integer, number, text, blob };

// One value as SQLite has it. The bytes are there until the next row is read.
struct source_cell {
  cell_kind kind = cell_kind::null;
  std::int64_t integer = 0;
  double number = 0;
  std::string_view bytes{};
};

// A connection of its own, which only reads. One thread at a time. Throws storage_error.
class table_source {
 public:
  table_source(const std::string& file, const secret& key);
  table_source(const table_source&) = delete;
  table_source& operator=(const table_source&) = delete;
  ~table_source();

  // A view of one moment, until end().
  void begin();
  void end();
  // Another one where somebody has written since.
  std::int64_t version();

  std::vector<std::string> tables();                           // of rows, by name
  std::vector<std::string> virtual_tables();                   // by name
  std::vector<std::string> columns(const std::string& table);  // without those that are computed
  std::string integer_key(const std::string& table);           // an alias of the rowid, or empty
  std::int64_t last_key(const std::string& table);             // that AUTOINCREMENT gave, or 0

  std::vector<std::vector<std::string>> texts(const std::string& sql, const std::string& value);

 private:
  friend class row_cursor;
  [[noreturn]] void fail(std::string_view sql);
  sqlite3* db_ = nullptr;
};

// The rows of one statement. It must not outlive its source.
class row_cursor {
 public:
  row_cursor(table_source& source, const std::string& sql);
  row_cursor(const row_cursor&) = delete;
  row_cursor& operator=(const row_cursor&) = delete;
  ~row_cursor();

  void bind(int place, std::int64_t value);
  void bind(int place, std::string_view value);  // which outlives the rows
  bool next();
  source_cell at(int column) const;

 private:
  friend class table_source;
  table_source& source_;
  std::string sql_;
  sqlite3_stmt* statement_ = nullptr;
  bool ended_ = false;
};

}  // namespace aft::storage

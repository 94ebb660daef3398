#pragma once
// The rows of one table, from SQLite to PostgreSQL.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "move_value.hpp"
#include "postgres/bulk_session.hpp"
#include "sqlite/table_source.hpp"

namespace aft::storage {

struct table_state {
  std::int64_t rows = 0;
  std::string hash{};  // of all rows in whatever order, hexadecimal
  friend bool operator==(const table_state&, const table_state&) = default;
};

// Sums the hashes of rows, so that their order does not matter.
class row_hash {
 public:
  void add(const std::vector<std::optional<std::string_view>>& row);
  table_state state() const;

 private:
  std::int64_t rows_ = 0;
  std::uint64_t sums_[4] = {};
};

// Of a table that both sides have. Throws configuration_error where their columns differ.
class table_mover {
 public:
  table_mover(table_source& source, postgres::bulk_session& target, postgres::bulk_session& reading,
              const std::string& table);

  // Appends the rows behind the largest key that the target has; all, where the key is no integer.
  // In chunks, each of which is kept.
  void copy();
  bool can_continue() const { return !integer_key_.empty(); }
  bool is_empty();
  void empty();

  // Makes the target as the source is, all at once or not at all: the rows that it wrote or
  // removed, and what both are then, read from the target.
  std::int64_t reconcile(table_state& state);

  void continue_identities();

 private:
  struct source_row {
    std::vector<moved_value> values;
    std::string label;
  };
  class source_rows;
  class differences;

  std::string select(const std::string& order, const std::string& condition = {}) const;
  void ask_server_forms(std::vector<source_row>& rows);
  void copy_lines(const std::string& into, std::string& lines, std::vector<std::string>& labels);
  source_row read_row(const row_cursor& rows, std::int64_t number) const;
  bool can_merge() const;
  std::int64_t merge(table_state& source_state, table_state& target_state);
  int compare_keys(const source_row& a,
                   const std::vector<std::optional<std::string_view>>& b) const;
  table_state state_of_target();
  table_state state_of_source();

  table_source& source_;
  postgres::bulk_session& target_;
  postgres::bulk_session& reading_;
  std::string table_, quoted_, source_quoted_;
  std::vector<std::string> source_columns_;  // quoted
  std::vector<target_column> columns_;       // in the same order
  std::vector<std::size_t> key_;             // of the target's primary key, places in columns_
  std::string integer_key_;                  // quoted; empty: none on both sides
  std::string column_list_;
};

}  // namespace aft::storage

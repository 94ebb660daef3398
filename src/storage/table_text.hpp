#pragma once
// The text of a create table, taken apart.

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "sql_script.hpp"

namespace aft::storage {

// A column, or a constraint of the table.
struct table_item {
  std::vector<sql_token> tokens{};
  std::string comment{};

  bool is_column() const;
  // The word behind the column's name; null: it has none.
  const sql_token* type() const;
  bool has(std::string_view first, std::string_view second = {}) const;  // words, in this order
};

// A comment behind the opening parenthesis, in its line, is the table's; one in the line of a
// column, or in a line of its own before one, is the column's.
struct table_text {
  std::vector<sql_token> name{};  // with the schema's and the dot, where they are there
  std::string comment{};
  std::vector<table_item> items{};
  std::vector<sql_token> options{};  // behind the closing parenthesis
};

// Nothing where it is no create table with columns.
std::optional<table_text> read_table(const script_statement& statement);

// "alter table t add column x ...": the table and the column; else nothing.
std::optional<table_text> read_added_column(const script_statement& statement);

}  // namespace aft::storage

#pragma once
// One value on its way from SQLite to PostgreSQL.

#include <optional>
#include <string>
#include <string_view>

#include "sqlite/table_source.hpp"

namespace aft::storage {

enum class column_form { boolean, integer, real, narrow_real, time, date, bytes, text, other };

// A column of the target.
struct target_column {
  std::string name;  // quoted
  std::string type;  // as the server calls it
  column_form form = column_form::other;
  unsigned type_number = 0;
  unsigned width = 8;  // bytes, of an integer

  // An expression for the value in the form of `compared` below.
  std::string comparable() const;
};

column_form form_of(unsigned type_number);
unsigned width_of(unsigned type_number);

struct moved_value {
  std::optional<std::string> sent{};      // what the server reads; none: NULL
  std::optional<std::string> compared{};  // of one form on both sides; of form other, the server's
};

// Nothing where it does not fit; why, is in `wrong` then ("holds text where integer is").
bool convert(const source_cell& from, const target_column& to, moved_value& made,
             std::string& wrong);

// Adds it to a line of COPY in the text format.
void append_copied(std::string& line, const std::optional<std::string>& value);

// An element of an array, as in {"a","b",NULL}.
void append_element(std::string& array, const std::optional<std::string>& value);

}  // namespace aft::storage

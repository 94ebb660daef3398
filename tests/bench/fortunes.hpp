#pragma once
// The page of fortune cookies: rows to sort, escape and put into a table.

#include <cstdint>
#include <string>
#include <vector>

namespace bench {

struct fortune {
  std::int64_t id;
  std::string message;
};

// What makes the table and its rows.
extern const char* const fortune_schema;

// With one more fortune, sorted by message.
std::string write_fortunes(std::vector<fortune> rows);

}  // namespace bench

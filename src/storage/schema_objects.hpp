#pragma once
// All that a schema consists of, in words that two schemas can be compared by.

#include <span>
#include <string>
#include <vector>

#include "connection.hpp"
#include "sql_script.hpp"

namespace aft::storage {

struct schema_object {
  std::string name;                  // "table note"
  std::vector<std::string> lines{};  // "title text not null", in the words of the engine
};

// Of the schema that the connection creates tables in, the library's own among them. By name.
std::vector<schema_object> read_objects(connection& c);

// One name a paragraph, with lines that begin with "-" where only `wanted` has them and with "+"
// where only `live` has them. Empty: they are the same, but for the order of lines.
std::string compare_objects(const std::vector<schema_object>& wanted,
                            const std::vector<schema_object>& live);

// Letters of words in lower case, one space where there were some, no comments.
std::string in_one_style(std::span<const sql_token> tokens);

}  // namespace aft::storage

#pragma once
// Which column fills which field; the same for every engine.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <aft/ground/type.hpp>

namespace aft::storage {

struct planned_column {
  int column;
  std::uint32_t offset;  // in the row
  const type_info* type;
  const constraints* rule;  // null: none
  std::string name;
};

using row_plan = std::shared_ptr<const std::vector<planned_column>>;

// Throws storage_error where a field that must be there has no column.
std::vector<planned_column> plan_columns(const type_info& row,
                                         const std::vector<std::string>& names);

// Reads a column of JSON text into a field; throws storage_error that names the column.
void read_json_column(std::string_view text, void* value, const type_info& type,
                      std::string_view column);

// Throws storage_error where the type holds an aft::secret, of which only stars would be stored.
void refuse_secret(const type_info& type);

[[noreturn]] void wrong_column(std::string_view column, const type_info& type, const char* found);

}  // namespace aft::storage

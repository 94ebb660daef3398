#include "row_source.hpp"

#include "connection.hpp"

namespace aft::storage {

void row_source::bind(std::size_t row, std::vector<detail::parameter>& values) const {
  values.clear();
  const auto* at = static_cast<const char*>(rows) + row * type.size;
  if (type.kind != type_kind::object) return values.push_back({at, &type, {}});
  for (std::uint32_t f = 0; f < type.field_count; ++f) {
    values.push_back({at + type.fields[f].offset, type.fields[f].type, {}});
  }
}

std::int64_t connection::execute_each(std::string_view text, const row_source& rows) {
  std::int64_t changed = 0;
  std::vector<detail::parameter> values;
  for (std::size_t i = 0; i < rows.count; ++i) {
    rows.bind(i, values);
    changed += execute(text, values);
  }
  return changed;
}

}  // namespace aft::storage

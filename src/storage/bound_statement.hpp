#pragma once
// A statement that is put together piece by piece, and its values, which lie elsewhere.

#include <cstddef>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "connection.hpp"

namespace aft::storage {

struct bound_statement {
  std::string text{};
  std::vector<detail::parameter> values{};

  bound_statement& operator+=(std::string_view piece) {
    text += piece;
    return *this;
  }
  void bind(const detail::parameter& value) {
    values.push_back(value);
    fmt::format_to(std::back_inserter(text), "${}", values.size());
  }
  void bind(const void* value, const type_info& type) { bind({value, &type, {}}); }

  std::size_t run(reader& db, const row_target& rows) const {
    auto& c = storage_access::connection_of(db);
    return c.query(c.kept(text), values, rows);
  }
};

inline const void* value_of(const void* object, const field_info& field) {
  return static_cast<const char*>(object) + field.offset;
}

}  // namespace aft::storage

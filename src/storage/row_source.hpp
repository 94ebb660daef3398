#pragma once
// Rows that are written one after another.

#include <cstddef>
#include <vector>

#include <aft/ground/type.hpp>
#include <aft/storage/sql.hpp>

namespace aft::storage {

// An array of structs, tuples or single values.
struct row_source {
  const type_info& type;
  const void* rows;
  std::size_t count;

  // What a row binds, in `values`, which are emptied before.
  void bind(std::size_t row, std::vector<detail::parameter>& values) const;
};

}  // namespace aft::storage

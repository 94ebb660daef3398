#include "row_plan.hpp"

#include <algorithm>

#include <fmt/format.h>

#include <aft/ground/json.hpp>
#include <aft/ground/secret.hpp>
#include <aft/storage/errors.hpp>

namespace aft::storage {
namespace {

struct planner {
  const std::vector<std::string>& names;
  std::string_view row_name;
  std::vector<planned_column> columns{};

  void add_fields(const type_info& type, const std::string& prefix, std::uint32_t base) {
    for (std::uint32_t i = 0; i < type.field_count; ++i) {
      const auto& field = type.fields[i];
      const auto name = prefix + std::string(field.name);
      const auto found = std::find(names.begin(), names.end(), name);
      if (found != names.end()) {
        columns.push_back({int(found - names.begin()), base + field.offset, field.type,
                           field.restricted ? &field.rule : nullptr, std::string(field.name)});
      } else if (field.type->kind == type_kind::object && field.type->field_count) {
        add_fields(*field.type, name + ".", base + field.offset);
      } else if (field.required) {
        throw storage_error(storage_fault::statement,
                            fmt::format("the query has no column {} for {}", name, row_name));
      }
    }
  }
};

const char* describe(type_kind kind) {
  switch (kind) {
    case type_kind::boolean: return "a boolean";
    case type_kind::integer: return "an integer";
    case type_kind::number: return "a number";
    case type_kind::string: return "text";
    case type_kind::bytes: return "a blob";
    case type_kind::enumeration: return "an enumerator's name";
    case type_kind::time: return "a time";
    case type_kind::object:
    case type_kind::array:
    case type_kind::map:
    case type_kind::raw_json: return "JSON text";
    case type_kind::optional:
    case type_kind::codec: break;
  }
  return "a value";
}

// A tuple's fields have no names.
std::vector<planned_column> plan_positions(const type_info& row,
                                           const std::vector<std::string>& names) {
  if (names.size() != row.field_count) {
    throw storage_error(
        storage_fault::statement,
        fmt::format("the query has {} columns for a tuple of {}", names.size(), row.field_count));
  }
  std::vector<planned_column> columns;
  for (std::uint32_t i = 0; i < row.field_count; ++i) {
    const auto& field = row.fields[i];
    columns.push_back(
        {int(i), field.offset, field.type, field.restricted ? &field.rule : nullptr, names[i]});
  }
  return columns;
}

}  // namespace

std::vector<planned_column> plan_columns(const type_info& row,
                                         const std::vector<std::string>& names) {
  if (row.kind != type_kind::object) {
    return {{0, 0, &row, row.restricted ? &row.rule : nullptr,
             names.empty() ? std::string() : names[0]}};
  }
  if (row.field_count && row.fields[0].name.empty()) return plan_positions(row, names);
  planner p{names, row.qualified_name};
  p.add_fields(row, {}, 0);
  return std::move(p.columns);
}

void read_json_column(std::string_view text, void* value, const type_info& type,
                      std::string_view column) {
  field_errors errors;
  if (json::read(text, value, type, errors)) return;
  throw storage_error(storage_fault::statement,
                      fmt::format("the JSON in column {} does not fit: {} {}", column,
                                  errors.front().pointer, errors.front().detail));
}

void wrong_column(std::string_view column, const type_info& type, const char* found) {
  throw storage_error(
      storage_fault::statement,
      fmt::format("column {} holds {} where the field is {}", column, found, describe(type.kind)));
}

void refuse_secret(const type_info& type) {
  if (!detail::holds_secret(type)) return;
  throw storage_error(storage_fault::statement,
                      "a secret would be stored: seal it (aft::key_ring), or give its text()");
}

}  // namespace aft::storage

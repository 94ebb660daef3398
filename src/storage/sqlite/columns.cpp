#include "columns.hpp"

#include <sqlite3.h>

#include <cstring>

#include <fmt/format.h>

#include <aft/storage/errors.hpp>

#include "../../ground/check.hpp"

namespace aft::storage::sqlite {
namespace {

const char* found_kind(int column_type) {
  switch (column_type) {
    case SQLITE_INTEGER: return "an integer";
    case SQLITE_FLOAT: return "a number";
    case SQLITE_TEXT: return "text";
    case SQLITE_BLOB: return "a blob";
    default: return "NULL";
  }
}

std::string_view text_of(sqlite3_value* v) {
  const auto* text = reinterpret_cast<const char*>(sqlite3_value_text(v));
  return {text ? text : "", std::size_t(sqlite3_value_bytes(v))};
}

void require(detail::complaint&& wrong, std::string_view column) {
  if (!wrong) return;
  throw storage_error(storage_fault::statement, fmt::format("column {} {}", column, wrong.detail));
}

void read_value(sqlite3_value* v, const planned_column& c, void* value, const type_info& type) {
  const int kind = sqlite3_value_type(v);
  auto need = [&](int wanted) {
    if (kind != wanted) wrong_column(c.name, type, found_kind(kind));
  };
  switch (type.kind) {
    case type_kind::integer: {
      need(SQLITE_INTEGER);
      const auto number = sqlite3_value_int64(v);
      const bool fits =
          type.is_signed ? detail::fits(number, type.width)
                         : number >= 0 && detail::fits_unsigned(std::uint64_t(number), type.width);
      if (!fits) {
        throw storage_error(
            storage_fault::statement,
            fmt::format("column {} {}, not {}", c.name, detail::out_of_range(type), number));
      }
      detail::store_integer(value, type.width, std::uint64_t(number));
      if (c.rule) require(detail::check_integer(*c.rule, number), c.name);
      return;
    }
    case type_kind::string: {
      need(SQLITE_TEXT);
      const auto text = text_of(v);
      static_cast<std::string*>(value)->assign(text);
      if (c.rule) require(detail::check_string(*c.rule, text), c.name);
      return;
    }
    case type_kind::boolean:
      need(SQLITE_INTEGER);
      *static_cast<bool*>(value) = sqlite3_value_int(v) != 0;
      return;
    case type_kind::number: {
      if (kind != SQLITE_INTEGER) need(SQLITE_FLOAT);
      const double number = sqlite3_value_double(v);
      const auto narrow = float(number);
      if (type.width == 4) std::memcpy(value, &narrow, 4);
      else std::memcpy(value, &number, 8);
      if (c.rule) require(detail::check_number(*c.rule, number), c.name);
      return;
    }
    case type_kind::bytes: {
      need(SQLITE_BLOB);
      const auto* begin = static_cast<const std::byte*>(sqlite3_value_blob(v));
      const auto size = std::size_t(sqlite3_value_bytes(v));
      auto& bytes = *static_cast<std::vector<std::byte>*>(value);
      if (size) bytes.assign(begin, begin + size);
      else bytes.clear();
      return;
    }
    case type_kind::enumeration: {
      need(SQLITE_TEXT);
      const auto name = text_of(v);
      for (std::uint32_t e = 0; e < type.enumerator_count; ++e) {
        if (type.enumerators[e].name != name) continue;
        return detail::store_integer(value, type.width, std::uint64_t(type.enumerators[e].value));
      }
      throw storage_error(storage_fault::statement,
                          fmt::format("column {} {}", c.name, detail::one_of(type)));
    }
    case type_kind::time:
      need(SQLITE_INTEGER);
      return detail::store_time(value, type, sqlite3_value_int64(v));
    case type_kind::optional:
      if (kind == SQLITE_NULL) return type.clear(value);
      return read_value(v, c, type.emplace(value), *type.element);
    case type_kind::codec: {
      struct state {
        sqlite3_value* v;
        const planned_column& c;
        const type_info& written_as;
      } reading{v, c, *type.element};
      std::string why;
      const bool decoded = type.decode(
          value, &reading,
          [](void* context, void* written_as) {
            auto& r = *static_cast<state*>(context);
            read_value(r.v, r.c, written_as, r.written_as);
            return true;
          },
          why);
      if (!decoded) {
        throw storage_error(storage_fault::statement, fmt::format("column {}: {}", c.name, why));
      }
      return;
    }
    case type_kind::object:
    case type_kind::array:
    case type_kind::map:
    case type_kind::raw_json:
      need(SQLITE_TEXT);
      return read_json_column(text_of(v), value, type, c.name);
  }
}

}  // namespace

// The value is asked for its type and content without the checks that sqlite3_column_... make in
// each call. Nobody else uses the connection meanwhile, so it needs no lock ("unprotected" values).
void read_column(sqlite3_stmt* statement, const planned_column& column, void* value) {
  read_value(sqlite3_column_value(statement, column.column), column, value, *column.type);
}

}  // namespace aft::storage::sqlite

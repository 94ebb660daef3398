#include "parameters.hpp"

#include <sqlite3.h>

#include <cstring>

#include <fmt/format.h>

#include <aft/ground/json.hpp>
#include <aft/storage/errors.hpp>

#include "../../ground/check.hpp"
#include "../row_plan.hpp"

namespace aft::storage::sqlite {
namespace {

void bind_text(sqlite3_stmt* s, int i, std::string_view text, sqlite3_destructor_type life) {
  // A null pointer would bind NULL.
  sqlite3_bind_text64(s, i, text.data() ? text.data() : "", text.size(), life, SQLITE_UTF8);
}

void bind_value(sqlite3_stmt* s, int i, const void* value, const type_info& type,
                sqlite3_destructor_type life = SQLITE_STATIC) {
  switch (type.kind) {
    case type_kind::boolean: sqlite3_bind_int(s, i, *static_cast<const bool*>(value)); return;
    case type_kind::integer: {
      const auto number = detail::load_integer(value, type.width, type.is_signed);
      if (!type.is_signed && type.width == 8 && number < 0) {
        throw storage_error(storage_fault::statement,
                            fmt::format("${} is greater than any integer of SQLite", i));
      }
      sqlite3_bind_int64(s, i, number);
      return;
    }
    case type_kind::number: {
      float narrow;
      double number;
      if (type.width == 4) std::memcpy(&narrow, value, 4), number = double(narrow);
      else std::memcpy(&number, value, 8);
      sqlite3_bind_double(s, i, number);
      return;
    }
    case type_kind::string: return bind_text(s, i, *static_cast<const std::string*>(value), life);
    case type_kind::bytes: {
      const auto& bytes = *static_cast<const std::vector<std::byte>*>(value);
      if (bytes.empty()) sqlite3_bind_zeroblob(s, i, 0);
      else sqlite3_bind_blob64(s, i, bytes.data(), bytes.size(), life);
      return;
    }
    case type_kind::enumeration: {
      const auto number = detail::load_integer(value, type.width, type.is_signed);
      for (std::uint32_t e = 0; e < type.enumerator_count; ++e) {
        if (type.enumerators[e].value != number) continue;
        return bind_text(s, i, type.enumerators[e].name, SQLITE_STATIC);
      }
      throw storage_error(storage_fault::statement,
                          fmt::format("${} is {} without a name of {}", i, number, type.name));
    }
    case type_kind::time: sqlite3_bind_int64(s, i, detail::load_time(value, type)); return;
    case type_kind::optional:
      if (const void* held = type.get(value)) return bind_value(s, i, held, *type.element, life);
      sqlite3_bind_null(s, i);
      return;
    case type_kind::codec: {
      refuse_secret(type);
      struct state {
        sqlite3_stmt* s;
        int i;
        const type_info& written_as;
      } binding{s, i, *type.element};
      return type.encode(value, &binding, [](void* context, const void* written_as) {
        auto& b = *static_cast<state*>(context);
        bind_value(b.s, b.i, written_as, b.written_as,
                   SQLITE_TRANSIENT);  // it goes when this returns
      });
    }
    case type_kind::raw_json:
      return bind_text(s, i, static_cast<const raw_json*>(value)->text, life);
    case type_kind::object:
    case type_kind::array:
    case type_kind::map: {
      refuse_secret(type);
      buffer text;
      json::write(text, value, type);
      return bind_text(s, i, text.view(), SQLITE_TRANSIENT);
    }
  }
}

}  // namespace

void bind(sqlite3_stmt* statement, int nth, const detail::parameter& value) {
  if (value.value) bind_value(statement, nth, value.value, *value.type);
  else bind_text(statement, nth, value.text, SQLITE_STATIC);
}

}  // namespace aft::storage::sqlite

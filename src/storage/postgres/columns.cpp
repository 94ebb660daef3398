#include "columns.hpp"

#include <bit>
#include <charconv>
#include <cstring>
#include <limits>
#include <string>

#include <fmt/format.h>

#include <aft/ground/encoding.hpp>
#include <aft/ground/time.hpp>
#include <aft/storage/errors.hpp>

#include "../../ground/check.hpp"

namespace aft::storage::postgres {
namespace {

enum class found { null, boolean, integer, number, decimal, text, json, bytes, time };

// One value, whatever form it came in.
struct cell {
  found kind = found::null;
  std::int64_t integer = 0;  // also of booleans, and microseconds since 1970 of times
  double number = 0;
  std::string_view text{};  // also of decimals, JSON and bytes
  std::string made{};       // what text refers to where it is not the result's own
};

const char* describe(found kind) {
  switch (kind) {
    case found::null: return "NULL";
    case found::boolean: return "a boolean";
    case found::integer: return "an integer";
    case found::number:
    case found::decimal: return "a number";
    case found::text: return "text";
    case found::json: return "JSON";
    case found::bytes: return "a blob";
    case found::time: return "a time";
  }
  return "a value";
}

found kind_of(Oid type) {
  switch (type) {
    case bool_type: return found::boolean;
    case int2_type:
    case int4_type:
    case int8_type: return found::integer;
    case float4_type:
    case float8_type: return found::number;
    case numeric_type: return found::decimal;
    case bytea_type: return found::bytes;
    case json_type:
    case jsonb_type: return found::json;
    case date_type:
    case timestamp_type:
    case timestamptz_type: return found::time;
    default: return found::text;
  }
}

[[noreturn]] void cannot_read(std::string_view column, std::string_view what) {
  throw storage_error(storage_fault::statement,
                      fmt::format("column {} holds {}, which no time_point is", column, what));
}

std::int64_t integer_in(std::string_view bytes) {
  std::uint64_t number = bytes.empty() || !(bytes[0] & 0x80) ? 0 : ~std::uint64_t(0);
  for (const char c : bytes) number = number << 8 | static_cast<unsigned char>(c);
  return std::int64_t(number);
}

std::int64_t time_in(std::string_view bytes, Oid type, std::string_view column) {
  const auto number = integer_in(bytes);
  std::int64_t moment;
  bool endless;
  if (type == date_type) {
    endless = number == std::numeric_limits<std::int32_t>::max() ||
              number == std::numeric_limits<std::int32_t>::min();
    moment = number * day_in_microseconds + year_2000;
  } else {
    endless = number == std::numeric_limits<std::int64_t>::max() ||
              number == std::numeric_limits<std::int64_t>::min();
    endless |= __builtin_add_overflow(number, year_2000, &moment);
  }
  if (endless) cannot_read(column, "infinity");
  return moment;
}

void read_binary(cell& c, std::string_view bytes, Oid type, std::string_view column) {
  switch (c.kind) {
    case found::boolean:
    case found::integer: c.integer = integer_in(bytes); return;
    case found::number:
      c.number = type == float4_type ? double(std::bit_cast<float>(std::int32_t(integer_in(bytes))))
                                     : std::bit_cast<double>(integer_in(bytes));
      return;
    case found::time: c.integer = time_in(bytes, type, column); return;
    case found::json: c.text = type == jsonb_type ? bytes.substr(1) : bytes; return;
    default: break;
  }
  c.text = bytes;
  if (type != uuid_type) return;
  const auto hex = to_hex(bytes);
  c.made = fmt::format("{}-{}-{}-{}-{}", hex.substr(0, 8), hex.substr(8, 4), hex.substr(12, 4),
                       hex.substr(16, 4), hex.substr(20));
  c.text = c.made;
}

// "2026-01-31 12:00:00.25+00", as the session's time zone is UTC.
std::int64_t read_time(std::string_view text, std::string_view column) {
  auto rfc = std::string(text);
  if (rfc.size() == 10) rfc += " 00:00:00";
  if (rfc.ends_with("+00")) rfc.resize(rfc.size() - 3);
  if (rfc.size() > 10) rfc[10] = 'T';
  rfc += 'Z';
  time_point moment;
  if (!read_rfc3339(rfc, moment)) cannot_read(column, text);
  return moment.since_1970().in_microseconds();
}

void read_text(cell& c, std::string_view text, std::string_view column) {
  const auto* end = text.data() + text.size();
  switch (c.kind) {
    case found::boolean: c.integer = text == "t"; return;
    case found::integer: std::from_chars(text.data(), end, c.integer); return;
    case found::number: std::from_chars(text.data(), end, c.number); return;
    case found::time: c.integer = read_time(text, column); return;
    case found::bytes: {
      const auto digit = [](char h) { return h <= '9' ? h - '0' : h - 'a' + 10; };
      for (std::size_t i = 2; i + 1 < text.size(); i += 2) {  // behind "\\x"
        c.made += char(digit(text[i]) << 4 | digit(text[i + 1]));
      }
      c.text = c.made;
      return;
    }
    default: c.text = text;
  }
}

// A sum of bigints is a numeric, for one.
void make_integer(cell& c) {
  std::int64_t number;
  const auto* end = c.text.data() + c.text.size();
  const auto read = std::from_chars(c.text.data(), end, number);
  if (c.kind != found::decimal || read.ec != std::errc() || read.ptr != end) return;
  c.kind = found::integer;
  c.integer = number;
}

void make_number(cell& c) {
  if (c.kind == found::integer) c.number = double(c.integer);
  else if (c.kind == found::decimal)
    std::from_chars(c.text.data(), c.text.data() + c.text.size(), c.number);
  else return;
  c.kind = found::number;
}

void require(detail::complaint&& wrong, std::string_view column) {
  if (!wrong) return;
  throw storage_error(storage_fault::statement, fmt::format("column {} {}", column, wrong.detail));
}

void fill(cell& c, const planned_column& column, void* value, const type_info& type) {
  const auto need = [&](bool right) {
    if (!right) wrong_column(column.name, type, describe(c.kind));
  };
  switch (type.kind) {
    case type_kind::integer: {
      make_integer(c);
      need(c.kind == found::integer);
      const bool fits =
          type.is_signed
              ? detail::fits(c.integer, type.width)
              : c.integer >= 0 && detail::fits_unsigned(std::uint64_t(c.integer), type.width);
      if (!fits) {
        throw storage_error(storage_fault::statement,
                            fmt::format("column {} {}, not {}", column.name,
                                        detail::out_of_range(type), c.integer));
      }
      detail::store_integer(value, type.width, std::uint64_t(c.integer));
      if (column.rule) require(detail::check_integer(*column.rule, c.integer), column.name);
      return;
    }
    case type_kind::string:
      need(c.kind == found::text || c.kind == found::json || c.kind == found::decimal);
      static_cast<std::string*>(value)->assign(c.text);
      if (column.rule) require(detail::check_string(*column.rule, c.text), column.name);
      return;
    case type_kind::boolean:
      need(c.kind == found::boolean || c.kind == found::integer);
      *static_cast<bool*>(value) = c.integer != 0;
      return;
    case type_kind::number: {
      make_number(c);
      need(c.kind == found::number);
      const auto narrow = float(c.number);
      if (type.width == 4) std::memcpy(value, &narrow, 4);
      else std::memcpy(value, &c.number, 8);
      if (column.rule) require(detail::check_number(*column.rule, c.number), column.name);
      return;
    }
    case type_kind::bytes: {
      need(c.kind == found::bytes);
      const auto* begin = reinterpret_cast<const std::byte*>(c.text.data());
      static_cast<std::vector<std::byte>*>(value)->assign(begin, begin + c.text.size());
      return;
    }
    case type_kind::enumeration:
      need(c.kind == found::text);
      for (std::uint32_t e = 0; e < type.enumerator_count; ++e) {
        if (type.enumerators[e].name != c.text) continue;
        return detail::store_integer(value, type.width, std::uint64_t(type.enumerators[e].value));
      }
      throw storage_error(storage_fault::statement,
                          fmt::format("column {} {}", column.name, detail::one_of(type)));
    case type_kind::time:
      make_integer(c);
      need(c.kind == found::time || c.kind == found::integer);
      return detail::store_time(value, type, c.integer);
    case type_kind::optional:
      if (c.kind == found::null) return type.clear(value);
      return fill(c, column, type.emplace(value), *type.element);
    case type_kind::codec: {
      struct state {
        cell& c;
        const planned_column& column;
        const type_info& written_as;
      } decoding{c, column, *type.element};
      std::string why;
      const bool decoded = type.decode(
          value, &decoding,
          [](void* context, void* written_as) {
            auto& s = *static_cast<state*>(context);
            fill(s.c, s.column, written_as, s.written_as);
            return true;
          },
          why);
      if (!decoded) {
        throw storage_error(storage_fault::statement,
                            fmt::format("column {}: {}", column.name, why));
      }
      return;
    }
    case type_kind::object:
    case type_kind::array:
    case type_kind::map:
    case type_kind::raw_json:
      need(c.kind == found::text || c.kind == found::json);
      return read_json_column(c.text, value, type, column.name);
  }
}

}  // namespace

bool is_read_in_binary(Oid type) {
  switch (type) {
    case char_type:
    case name_type:
    case text_type:
    case bpchar_type:
    case varchar_type:
    case xml_type:
    case uuid_type: return true;
    default: return kind_of(type) != found::text && type != numeric_type;
  }
}

void read_column(const PGresult* rows, int row, const planned_column& column, void* value) {
  cell c;
  if (!PQgetisnull(rows, row, column.column)) {
    const auto type = PQftype(rows, column.column);
    const std::string_view bytes(PQgetvalue(rows, row, column.column),
                                 std::size_t(PQgetlength(rows, row, column.column)));
    c.kind = kind_of(type);
    if (PQfformat(rows, column.column) == 1) read_binary(c, bytes, type, column.name);
    else read_text(c, bytes, column.name);
  }
  fill(c, column, value, *column.type);
}

void read_row(const PGresult* rows, int row, const std::vector<planned_column>& plan, void* to) {
  for (const auto& column : plan) {
    read_column(rows, row, column, static_cast<char*>(to) + column.offset);
  }
}

std::size_t read_rows(const PGresult* rows, const std::vector<planned_column>& plan,
                      const row_target& to) {
  const int count = to.first_only ? std::min(PQntuples(rows), 1) : PQntuples(rows);
  for (int i = 0; i < count; ++i) {
    auto* row = to.add(to.rows);
    if (!row) return std::size_t(i);
    read_row(rows, i, plan, row);
  }
  return std::size_t(count);
}

}  // namespace aft::storage::postgres

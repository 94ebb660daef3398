#include "move_value.hpp"

#include <bit>
#include <cmath>
#include <cstdint>

#include <fmt/format.h>

#include <aft/ground/encoding.hpp>
#include <aft/ground/time.hpp>

#include "../ground/check.hpp"
#include "../ground/utf8.hpp"
#include "postgres/libpq.hpp"

namespace aft::storage {
namespace {

const char* name_of(cell_kind kind) {
  switch (kind) {
    case cell_kind::null: return "NULL";
    case cell_kind::integer: return "an integer";
    case cell_kind::number: return "a number";
    case cell_kind::text: return "text";
    case cell_kind::blob: return "a blob";
  }
  return "a value";
}

std::string hex_of(std::uint64_t bits, unsigned width) {
  return fmt::format("{:0{}x}", width == 8 ? bits : bits & 0xffff'ffffu, width * 2);
}

// As aft stores it (microseconds since 1970), as RFC 3339, or as SQLite's own functions write it.
std::optional<std::int64_t> time_in_cell(const source_cell& from) {
  if (from.kind == cell_kind::integer) return from.integer;
  if (from.kind != cell_kind::text) return {};
  std::string text(from.bytes);
  if (text.size() == 10) text += "T00:00:00";
  if (text.size() >= 19 && text[10] == ' ') text[10] = 'T';
  if (text.find_first_of("Zz+", 11) == text.npos && text.find('-', 11) == text.npos) text += 'Z';
  time_point moment;
  if (!read_rfc3339(text, moment)) return {};
  return moment.since_1970().in_microseconds();
}

std::int64_t floor_to_days(std::int64_t microseconds) {
  const auto day = postgres::day_in_microseconds;
  return microseconds / day - (microseconds % day < 0);
}

std::optional<std::int64_t> whole_number(const source_cell& from) {
  if (from.kind == cell_kind::integer) return from.integer;
  if (from.kind != cell_kind::number || from.number != std::floor(from.number) ||
      std::fabs(from.number) > 9e15) {
    return {};
  }
  return std::int64_t(from.number);
}

std::string decimal_of(const source_cell& from) {
  if (from.kind == cell_kind::integer) return fmt::format("{}", from.integer);
  if (std::isinf(from.number)) return from.number < 0 ? "-Infinity" : "Infinity";
  return fmt::format("{}", from.number);
}

bool is_number(const source_cell& from) {
  return from.kind == cell_kind::integer || from.kind == cell_kind::number;
}

}  // namespace

column_form form_of(unsigned type_number) {
  switch (type_number) {
    case postgres::bool_type: return column_form::boolean;
    case postgres::int2_type:
    case postgres::int4_type:
    case postgres::int8_type: return column_form::integer;
    case postgres::float8_type: return column_form::real;
    case postgres::float4_type: return column_form::narrow_real;
    case postgres::timestamp_type:
    case postgres::timestamptz_type: return column_form::time;
    case postgres::date_type: return column_form::date;
    case postgres::bytea_type: return column_form::bytes;
    case postgres::text_type:
    case postgres::varchar_type:
    case postgres::json_type: return column_form::text;
    default: return column_form::other;
  }
}

unsigned width_of(unsigned type_number) {
  return type_number == postgres::int2_type ? 2 : type_number == postgres::int4_type ? 4 : 8;
}

std::string target_column::comparable() const {
  switch (form) {
    case column_form::real: return fmt::format("encode(float8send({}), 'hex')", name);
    case column_form::narrow_real: return fmt::format("encode(float4send({}), 'hex')", name);
    case column_form::date: return fmt::format("encode(date_send({}), 'hex')", name);
    case column_form::time:
      return fmt::format("encode({}_send({}), 'hex')",
                         type_number == postgres::timestamp_type ? "timestamp" : "timestamptz",
                         name);
    case column_form::bytes: return fmt::format("encode({}, 'hex')", name);
    default: return fmt::format("{}::text", name);
  }
}

bool convert(const source_cell& from, const target_column& to, moved_value& made,
             std::string& wrong) {
  made = {};
  if (from.kind == cell_kind::null) return true;
  const auto refuse = [&] {
    wrong = fmt::format("holds {} where {} is", name_of(from.kind), to.type);
    return false;
  };
  const auto both = [&](std::string&& text) {
    made.compared = text;
    made.sent = std::move(text);
    return true;
  };
  switch (to.form) {
    case column_form::boolean:
      if (from.kind != cell_kind::integer || (from.integer != 0 && from.integer != 1)) {
        return refuse();
      }
      return both(from.integer ? "true" : "false");
    case column_form::integer: {
      const auto number = whole_number(from);
      if (!number) return refuse();
      if (!detail::fits(*number, to.width)) {
        wrong = fmt::format("holds {}, which is out of the range of {}", *number, to.type);
        return false;
      }
      return both(fmt::format("{}", *number));
    }
    case column_form::real:
    case column_form::narrow_real: {
      if (!is_number(from)) return refuse();
      const auto number = from.kind == cell_kind::integer ? double(from.integer) : from.number;
      if (from.kind == cell_kind::integer && std::fabs(number) > 9e15) return refuse();
      made.sent = decimal_of(from);
      made.compared = to.form == column_form::real
                          ? hex_of(std::bit_cast<std::uint64_t>(number), 8)
                          : hex_of(std::bit_cast<std::uint32_t>(float(number)), 4);
      return true;
    }
    case column_form::time:
    case column_form::date: {
      const auto moment = time_in_cell(from);
      if (!moment) return refuse();
      const auto days = floor_to_days(*moment);
      if (days < -719'162 || days > 2'932'896) {  // the years 1 to 9999
        wrong = "holds a time out of the years 1 to 9999";
        return false;
      }
      made.sent = to_rfc3339(time_point(microseconds(*moment)));
      if (to.form == column_form::date) {
        made.sent->resize(10);
        made.compared =
            hex_of(std::uint64_t(days - postgres::year_2000 / postgres::day_in_microseconds), 4);
      } else {
        made.compared = hex_of(std::uint64_t(*moment - postgres::year_2000), 8);
      }
      return true;
    }
    case column_form::bytes: {
      if (from.kind != cell_kind::blob) return refuse();
      made.compared = to_hex(from.bytes);
      made.sent = "\\x" + *made.compared;
      return true;
    }
    case column_form::text:
    case column_form::other: break;
  }
  if (from.kind == cell_kind::blob) {
    if (to.type_number != postgres::uuid_type || from.bytes.size() != 16) return refuse();
    return both(to_hex(from.bytes));
  }
  if (is_number(from)) return both(decimal_of(from));
  if (from.bytes.find('\0') != from.bytes.npos) {
    wrong = "holds text with a zero byte, which PostgreSQL has no place for";
    return false;
  }
  if (!detail::is_utf8(from.bytes)) {
    wrong = "holds text that is not UTF-8";
    return false;
  }
  return both(std::string(from.bytes));
}

void append_copied(std::string& line, const std::optional<std::string>& value) {
  if (!value) {
    line += "\\N";
    return;
  }
  for (const char c : *value) {
    switch (c) {
      case '\\': line += "\\\\"; break;
      case '\t': line += "\\t"; break;
      case '\n': line += "\\n"; break;
      case '\r': line += "\\r"; break;
      default: line += c;
    }
  }
}

void append_element(std::string& array, const std::optional<std::string>& value) {
  array += array.empty() ? '{' : ',';
  if (!value) {
    array += "NULL";
    return;
  }
  array += '"';
  for (const char c : *value) {
    if (c == '"' || c == '\\') array += '\\';
    array += c;
  }
  array += '"';
}

}  // namespace aft::storage

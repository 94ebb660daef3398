#include "parameters.hpp"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include <fmt/format.h>

#include <aft/ground/json.hpp>
#include <aft/ground/time.hpp>
#include <aft/storage/errors.hpp>

#include "../../ground/check.hpp"
#include "../row_plan.hpp"

namespace aft::storage::postgres {
namespace {

constexpr auto nowhere = std::size_t(-1);

const char* name_of(Oid type) {
  switch (type) {
    case bool_type: return "a boolean";
    case bytea_type: return "bytea";
    case int2_type: return "a smallint";
    case int4_type: return "an integer";
    case int8_type: return "a bigint";
    case float4_type: return "a real";
    case float8_type: return "a double precision";
    case numeric_type: return "a numeric";
    case date_type: return "a date";
    case timestamp_type: return "a timestamp";
    case timestamptz_type: return "a timestamptz";
    case text_type:
    case varchar_type:
    case bpchar_type: return "text";
    case json_type:
    case jsonb_type: return "JSON";
    case uuid_type: return "a uuid";
    default: return "a value of another type";
  }
}

}  // namespace

Oid usual_type(const detail::parameter& value) {
  if (!value.value) return text_type;
  const auto* type = value.type;
  while (type->kind == type_kind::optional || type->kind == type_kind::codec) type = type->element;
  switch (type->kind) {
    case type_kind::boolean: return bool_type;
    case type_kind::integer: return int8_type;
    case type_kind::number: return float8_type;
    case type_kind::bytes: return bytea_type;
    case type_kind::time: return timestamptz_type;
    default: return text_type;
  }
}

void parameters::assign(std::span<const detail::parameter> values, std::span<const Oid> types) {
  at_.clear();
  lengths_.clear();
  formats_.clear();
  copied_.clear();
  copies_.clear();
  for (std::size_t i = 0; i < values.size(); ++i) {
    type_ = types[i];
    if (values[i].value) put(values[i].value, *values[i].type);
    else put_text(values[i].text, true);
  }
  for (std::size_t i = 0; i < at_.size(); ++i) {  // the copies have found their place
    if (copied_[i] != nowhere) at_[i] = copies_.data() + copied_[i];
  }
}

void parameters::put(const void* value, const type_info& type) {
  switch (type.kind) {
    case type_kind::boolean: return put_boolean(*static_cast<const bool*>(value));
    case type_kind::integer: {
      const auto number = detail::load_integer(value, type.width, type.is_signed);
      if (!type.is_signed && type.width == 8) return put_unsigned(std::uint64_t(number));
      return put_integer(number);
    }
    case type_kind::number: {
      float narrow;
      double number;
      if (type.width == 4) std::memcpy(&narrow, value, 4), number = double(narrow);
      else std::memcpy(&number, value, 8);
      return put_number(number);
    }
    case type_kind::string: return put_text(*static_cast<const std::string*>(value), true);
    case type_kind::bytes: {
      const auto& bytes = *static_cast<const std::vector<std::byte>*>(value);
      return put_bytes({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    }
    case type_kind::enumeration: {
      const auto number = detail::load_integer(value, type.width, type.is_signed);
      for (std::uint32_t e = 0; e < type.enumerator_count; ++e) {
        if (type.enumerators[e].value == number) return put_text(type.enumerators[e].name, true);
      }
      refuse(fmt::format("{} without a name of {}", number, type.name));
    }
    case type_kind::time: return put_time(detail::load_time(value, type));
    case type_kind::optional:
      if (const void* held = type.get(value)) return put(held, *type.element);
      return put_null();
    case type_kind::codec: {
      refuse_secret(type);
      struct state {
        parameters& all;
        const type_info& written_as;
      } encoding{*this, *type.element};
      return type.encode(value, &encoding, [](void* context, const void* written_as) {
        auto& s = *static_cast<state*>(context);
        s.all.put(written_as, s.written_as);
        s.all.keep_last();  // what it refers to goes when this returns
      });
    }
    case type_kind::raw_json: return put_text(static_cast<const raw_json*>(value)->text, true);
    case type_kind::object:
    case type_kind::array:
    case type_kind::map: {
      refuse_secret(type);
      buffer text;
      json::write(text, value, type);
      return put_text(text.view(), false);
    }
  }
}

bool parameters::takes_text() const {
  switch (type_) {
    case text_type:
    case varchar_type:
    case bpchar_type:
    case name_type:
    case xml_type:
    case json_type:
    case jsonb_type:
    case unknown_type: return true;
    default: return false;
  }
}

void parameters::put_boolean(bool value) {
  switch (type_) {
    case bool_type:
      return copy(value ? std::string_view("\1", 1) : std::string_view("\0", 1), false);
    case int2_type:
    case int4_type:
    case int8_type: return put_integer(value);
    default:
      if (!takes_text()) refuse("a boolean");
      return put_text(value ? "true" : "false", true);
  }
}

void parameters::put_integer(std::int64_t value) {
  auto fits = [&](unsigned width) {
    if (detail::fits(value, width)) return copy_integer(value, width);
    refuse(fmt::format("{}, out of range,", value));
  };
  switch (type_) {
    case int2_type: return fits(2);
    case int4_type: return fits(4);
    case int8_type: return fits(8);
    case float4_type:
    case float8_type: return put_number(double(value));
    case bool_type:
    case bytea_type:
    case date_type:
    case timestamp_type:
    case timestamptz_type: refuse("an integer");
    default: return put_text(fmt::format("{}", value), false);
  }
}

void parameters::put_unsigned(std::uint64_t value) {
  if (value <= std::uint64_t(std::numeric_limits<std::int64_t>::max())) {
    return put_integer(std::int64_t(value));
  }
  if (type_ == numeric_type || takes_text()) return put_text(fmt::format("{}", value), false);
  throw storage_error(storage_fault::statement,
                      fmt::format("${} is greater than any integer of PostgreSQL", at_.size() + 1));
}

void parameters::put_number(double value) {
  switch (type_) {
    case float8_type: return copy_integer(std::bit_cast<std::int64_t>(value), 8);
    case float4_type: {
      const auto narrow = float(value);
      if (std::isinf(narrow) && !std::isinf(value)) refuse(fmt::format("{}, out of range,", value));
      return copy_integer(std::bit_cast<std::int32_t>(narrow), 4);
    }
    case int2_type:
    case int4_type:
    case int8_type:
      if (value != std::floor(value) || std::fabs(value) > 9e15) refuse(fmt::format("{}", value));
      return put_integer(std::int64_t(value));
    case numeric_type: return put_text(fmt::format("{}", value), false);
    default:
      if (!takes_text()) refuse("a number");
      return put_text(fmt::format("{}", value), false);
  }
}

void parameters::put_time(std::int64_t microseconds) {
  const auto since_2000 = [&] {
    std::int64_t shifted;
    if (__builtin_sub_overflow(microseconds, year_2000, &shifted)) refuse("a time out of range");
    return shifted;
  };
  switch (type_) {
    case timestamp_type:
    case timestamptz_type: return copy_integer(since_2000(), 8);
    case date_type: {
      const auto shifted = since_2000();
      const auto day = shifted / day_in_microseconds - (shifted % day_in_microseconds < 0);
      return copy_integer(day, 4);
    }
    case int8_type:
    case numeric_type: return put_integer(microseconds);
    default:
      if (!takes_text() || type_ == json_type || type_ == jsonb_type) refuse("a time");
      return put_text(to_rfc3339(time_point(aft::microseconds(microseconds))), false);
  }
}

void parameters::put_text(std::string_view text, bool lasts) {
  if (type_ == jsonb_type) {  // its one version goes before
    copied_.push_back(copies_.size());
    at_.push_back(nullptr);
    lengths_.push_back(int(text.size() + 1));
    formats_.push_back(1);
    copies_ += '\1';
    copies_ += text;
    return;
  }
  if (takes_text()) return lasts ? refer(text) : copy(text, false);
  if (type_ == bytea_type) refuse("text");
  if (text.find('\0') != text.npos) refuse("text with a zero byte");
  copy(text, true);  // the server reads it as it would a literal
}

void parameters::put_bytes(std::string_view bytes) {
  if (type_ != bytea_type) refuse("a blob");
  refer(bytes);
}

void parameters::put_null() {
  at_.push_back(nullptr);
  lengths_.push_back(0);
  formats_.push_back(0);
  copied_.push_back(nowhere);
}

void parameters::refer(std::string_view bytes) {
  at_.push_back(bytes.data() ? bytes.data() : "");  // a null pointer would be NULL
  lengths_.push_back(int(bytes.size()));
  formats_.push_back(1);
  copied_.push_back(nowhere);
}

void parameters::copy(std::string_view bytes, bool as_text) {
  at_.push_back(nullptr);
  lengths_.push_back(int(bytes.size()));
  formats_.push_back(as_text ? 0 : 1);
  copied_.push_back(copies_.size());
  copies_ += bytes;
  if (as_text) copies_ += '\0';
}

void parameters::keep_last() {
  if (!at_.back()) return;
  copied_.back() = copies_.size();
  copies_.append(at_.back(), std::size_t(lengths_.back()));
}

void parameters::copy_integer(std::int64_t value, unsigned width) {
  char bytes[8];
  for (unsigned i = 0; i < width; ++i) {
    bytes[i] = char(std::uint64_t(value) >> (8 * (width - 1 - i)));
  }
  copy({bytes, width}, false);
}

void parameters::refuse(std::string_view what) const {
  throw storage_error(
      storage_fault::statement,
      fmt::format("${} is {} where the statement takes {}", at_.size() + 1, what, name_of(type_)));
}

}  // namespace aft::storage::postgres

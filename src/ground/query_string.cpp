#include <aft/ground/query_string.hpp>

#include <charconv>
#include <cmath>
#include <cstring>

#include <aft/ground/encoding.hpp>
#include <aft/ground/time.hpp>

#include "check.hpp"
#include "hex.hpp"
#include "json_pointer.hpp"
#include "utf8.hpp"

namespace aft {
namespace {

bool refuse(field_error& error, std::string_view code, std::string detail) {
  error.code = code;
  error.detail = std::move(detail);
  return false;
}
bool accept_unless(detail::complaint&& wrong, field_error& error) {
  return !wrong || refuse(error, wrong.code, std::move(wrong.detail));
}

template <class Number>
std::errc whole(std::string_view text, Number& number) {
  auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  return code == std::errc() && end != text.data() + text.size() ? std::errc::invalid_argument
                                                                 : code;
}

bool read_integer(std::string_view text, void* value, const type_info& type,
                  const constraints* rule, field_error& error) {
  std::int64_t number = 0;
  std::uint64_t natural = 0;
  const auto code = type.is_signed ? whole(text, number) : whole(text, natural);
  if (code == std::errc::invalid_argument) {
    return refuse(error, "type",
                  type.is_signed ? "must be an integer" : detail::out_of_range(type));
  }
  if (code != std::errc() || (type.is_signed ? !detail::fits(number, type.width)
                                             : !detail::fits_unsigned(natural, type.width))) {
    return refuse(error, "range", detail::out_of_range(type));
  }
  detail::store_integer(value, type.width, type.is_signed ? std::uint64_t(number) : natural);
  if (!rule) return true;
  return accept_unless(type.is_signed ? detail::check_integer(*rule, number)
                                      : detail::check_unsigned(*rule, natural),
                       error);
}

bool read_number(std::string_view text, void* value, const type_info& type, const constraints* rule,
                 field_error& error) {
  double number = 0;
  const auto code = whole(text, number);
  if (code == std::errc::invalid_argument || !std::isfinite(number)) {
    return refuse(error, "type", "must be a number");
  }
  const auto narrow = float(number);
  if (code != std::errc() || (type.width == 4 && !std::isfinite(narrow))) {
    return refuse(error, "range", "is out of range");
  }
  if (type.width == 4) std::memcpy(value, &narrow, 4);
  else std::memcpy(value, &number, 8);
  return !rule || accept_unless(detail::check_number(*rule, number), error);
}

bool read_coded(std::string_view text, void* value, const type_info& type, const constraints* rule,
                field_error& error) {
  struct state {
    std::string_view text;
    const type_info& written_as;
    const constraints* rule;
    field_error& error;
  } reading{text, *type.element, rule, error};
  std::string why;
  error.code.clear();
  const bool decoded = type.decode(
      value, &reading,
      [](void* context, void* written_as) {
        auto& s = *static_cast<state*>(context);
        return read_text(s.text, written_as, s.written_as, s.rule, s.error);
      },
      why);
  if (decoded) return true;
  return !error.code.empty() ? false
                             : refuse(error, "value", why.empty() ? "is not a valid value" : why);
}

}  // namespace

bool percent_decode(std::string_view text, std::string& out, bool plus_is_space) {
  out.clear();
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') {
      if (text.size() - i < 3) return false;
      const int high = detail::hex_digit(text[i + 1]), low = detail::hex_digit(text[i + 2]);
      if (high < 0 || low < 0) return false;
      out += char(high << 4 | low);
      i += 2;
    } else {
      out += plus_is_space && text[i] == '+' ? ' ' : text[i];
    }
  }
  return true;
}

std::string percent_encode(std::string_view text) {
  constexpr char hex[] = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (char c : text) {
    const bool unreserved = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                            (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
    if (unreserved) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += '%', out += hex[byte >> 4], out += hex[byte & 15];
    }
  }
  return out;
}

bool read_text(std::string_view text, void* value, const type_info& type, const constraints* rule,
               field_error& error) {
  if (!rule && type.restricted) rule = &type.rule;
  switch (type.kind) {
    case type_kind::integer: return read_integer(text, value, type, rule, error);
    case type_kind::number: return read_number(text, value, type, rule, error);
    case type_kind::boolean: {
      const bool yes = text == "true" || text == "1", no = text == "false" || text == "0";
      if (!yes && !no) return refuse(error, "type", "must be true or false");
      *static_cast<bool*>(value) = yes;
      return true;
    }
    case type_kind::string:
      if (!detail::is_utf8(text)) return refuse(error, "encoding", "must be UTF-8");
      static_cast<std::string*>(value)->assign(text);
      return !rule || accept_unless(detail::check_string(*rule, text), error);
    case type_kind::enumeration:
      for (std::uint32_t i = 0; i < type.enumerator_count; ++i) {
        if (type.enumerators[i].name != text) continue;
        detail::store_integer(value, type.width, std::uint64_t(type.enumerators[i].value));
        return true;
      }
      return refuse(error, "enum", detail::one_of(type));
    case type_kind::time: {
      time_point moment;
      if (!read_rfc3339(text, moment)) {
        return refuse(error, "format", "must be an RFC 3339 time such as 2026-01-31T12:00:00Z");
      }
      detail::store_time(value, type, moment.since_1970().in_microseconds());
      return true;
    }
    case type_kind::optional:
      return read_text(text, type.emplace(value), *type.element, rule, error);
    case type_kind::codec: return read_coded(text, value, type, rule, error);
    case type_kind::bytes:
    case type_kind::object:
    case type_kind::array:
    case type_kind::map:
    case type_kind::raw_json: break;
  }
  return refuse(error, "type", "cannot be written as text");
}

namespace query_string {
namespace {

class reading {
 public:
  reading(void* value, const type_info& type, field_errors& errors)
      : value_(value), type_(type), errors_(errors) {}

  void pair(std::string_view raw_name, std::string_view raw_text) {
    if (!percent_decode(raw_name, name_, true) || !percent_decode(raw_text, text_, true)) {
      return add("encoding", "has a malformed percent-encoding");
    }
    std::uint32_t i = 0;
    while (i < type_.field_count && type_.fields[i].name != name_) ++i;
    if (i == type_.field_count) {
      if (!type_.ignores_unknown) add("unknown", "is not a known parameter");
      return;
    }
    const auto& field = type_.fields[i];
    void* member = static_cast<char*>(value_) + field.offset;
    const bool again = seen_ >> i & 1;
    seen_ |= std::uint64_t(1) << i;
    field_error error;
    if (field.type->kind == type_kind::array) {
      if (!again) field.type->clear(member);  // what was given replaces the default
      if (!read_text(text_, field.type->push(member), *field.type->element, nullptr, error)) {
        add(error.code, std::move(error.detail));
      }
    } else if (again) {
      add("duplicate", "is given twice");
    } else if (!read_text(text_, member, *field.type, field.restricted ? &field.rule : nullptr,
                          error)) {
      add(error.code, std::move(error.detail));
    }
  }

  void finish() {
    for (std::uint32_t i = 0; i < type_.field_count; ++i) {
      const auto& field = type_.fields[i];
      if (field.type->kind != type_kind::array || !field.restricted || !(seen_ >> i & 1)) continue;
      const auto* member = static_cast<const char*>(value_) + field.offset;
      name_ = field.name;
      const auto count = std::int64_t(field.type->count(member));
      if (auto wrong = detail::check_count(field.rule, count, "item")) {
        add(wrong.code, std::move(wrong.detail));
      }
    }
    for (std::uint32_t i = 0; i < type_.check_count && errors_.empty(); ++i) {
      const auto& check = type_.checks[i];
      if (check.call(check.predicate, value_)) continue;
      name_ = type_.fields[check.field].name;
      add("check", std::string(check.message));
    }
  }

 private:
  void add(std::string_view code, std::string detail) {
    constexpr std::size_t most = 32;
    if (errors_.size() >= most) return;
    std::string pointer;
    detail::append_step(pointer, name_);
    if (!detail::is_utf8(pointer)) pointer = std::string("/").append(percent_encode(name_));
    errors_.push_back({"query", std::move(pointer), std::string(code), std::move(detail)});
  }

  void* value_;
  const type_info& type_;
  field_errors& errors_;
  std::uint64_t seen_ = 0;
  std::string name_{}, text_{};
};

}  // namespace

bool read(std::string_view text, void* value, const type_info& type, field_errors& errors) {
  const auto before = errors.size();
  reading r(value, type, errors);
  while (!text.empty()) {
    const auto pair = text.substr(0, text.find('&'));
    text.remove_prefix(pair.size() < text.size() ? pair.size() + 1 : pair.size());
    if (pair.empty()) continue;
    const auto equals = pair.find('=');
    r.pair(pair.substr(0, equals), equals == pair.npos ? "" : pair.substr(equals + 1));
  }
  r.finish();
  return errors.size() == before;
}

namespace {

void append_text(std::string& out, const void* value, const type_info& type) {
  buffer json_text;
  json::write(json_text, value, type);
  auto text = json_text.view();
  if (type.kind == type_kind::string) {
    out += percent_encode(*static_cast<const std::string*>(value));
  } else {
    if (!text.empty() && text.front() == '"') text = text.substr(1, text.size() - 2);
    out += percent_encode(text);
  }
}

void append_pair(std::string& out, std::string_view name, const void* value,
                 const type_info& type) {
  if (type.kind == type_kind::optional) {
    if (const void* held = type.get(value)) append_pair(out, name, held, *type.element);
    return;
  }
  if (!out.empty()) out += '&';
  out += percent_encode(name);
  out += '=';
  append_text(out, value, type);
}

}  // namespace

std::string write(const void* value, const type_info& type) {
  std::string out;
  for (std::uint32_t i = 0; i < type.field_count; ++i) {
    const auto& field = type.fields[i];
    const auto* member = static_cast<const char*>(value) + field.offset;
    if (field.type->kind != type_kind::array) {
      append_pair(out, field.name, member, *field.type);
      continue;
    }
    const auto* item = static_cast<const char*>(field.type->items(member));
    for (std::size_t n = field.type->count(member); n; --n, item += field.type->element->size) {
      append_pair(out, field.name, item, *field.type->element);
    }
  }
  return out;
}

}  // namespace query_string
}  // namespace aft

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include <fmt/format.h>

#include <aft/ground/encoding.hpp>
#include <aft/ground/json.hpp>
#include <aft/ground/time.hpp>

#include "check.hpp"
#include "json_pointer.hpp"
#include "json_scanner.hpp"

namespace aft::json {
namespace {

// Where a value stands in the document: a chain on the stack, spelt out only for an error.
struct place {
  const place* above;
  std::string_view key;     // of an object's member
  std::int64_t index = -1;  // of an array's item, else -1
};

void spell(const place* at, std::string& pointer) {
  if (!at) return;
  spell(at->above, pointer);
  if (at->index >= 0) (pointer += '/') += std::to_string(at->index);
  else detail::append_step(pointer, at->key);
}

// A value that is JSON but does not fit is skipped, and its error noted; where the text is no JSON,
// that is the only error.
class reader : scanner {
 public:
  reader(std::string_view text, field_errors& errors, read_options options)
      : scanner(text, options.max_depth), errors_(errors), options_(options),
        errors_before_(errors.size()) {}

  bool document(void* value, const type_info& type) {
    if (read(value, type, nullptr, own_rule(type)) && at_end()) {
      return errors_.size() == errors_before_;
    }
    errors_.resize(errors_before_);
    errors_.push_back(
        {{}, {}, "syntax", fmt::format("is not JSON: {} at byte {}", not_json(), byte())});
    return false;
  }

 private:
  // ---- errors

  void add(const place* at, std::string_view code, std::string detail) {
    if (errors_.size() - errors_before_ >= options_.max_errors) return;
    std::string pointer;
    spell(at, pointer);
    errors_.push_back({{}, std::move(pointer), std::string(code), std::move(detail)});
  }
  void complain(const place* at, detail::complaint&& wrong) {
    if (wrong) add(at, wrong.code, std::move(wrong.detail));
  }
  bool wrong_type(const place* at, const char* wanted) {
    const char* found = "a number";
    switch (*p_) {
      case '{': found = "an object"; break;
      case '[': found = "an array"; break;
      case '"': found = "a string"; break;
      case 't':
      case 'f': found = "a boolean"; break;
      case 'n': found = "null"; break;
      default: break;
    }
    add(at, "type", fmt::format("must be {}, not {}", wanted, found));
    return skip();
  }

  // ---- values

  bool read(void* value, const type_info& type, const place* at, const constraints* rule) {
    spaces();
    if (p_ == end_) return syntax("unexpected end");
    switch (type.kind) {
      case type_kind::boolean:
        if (*p_ != 't' && *p_ != 'f') return wrong_type(at, "true or false");
        *static_cast<bool*>(value) = *p_ == 't';
        return literal(*p_ == 't' ? "true" : "false");
      case type_kind::integer: return integer(value, type, at, rule);
      case type_kind::number: return real(value, type, at, rule);
      case type_kind::string: return text(value, at, rule);
      case type_kind::bytes: return bytes(value, at, rule);
      case type_kind::enumeration: return enumerator(value, type, at);
      case type_kind::time: return time(value, type, at);
      case type_kind::object: return object(value, type, at);
      case type_kind::array: return array(value, type, at, rule);
      case type_kind::map: return map(value, type, at, rule);
      case type_kind::optional:
        if (*p_ == 'n') {
          // An optional of an optional: null is its inner emptiness, absence its outer.
          if (type.element->kind == type_kind::optional) type.element->clear(type.emplace(value));
          else type.clear(value);
          return literal("null");
        }
        return read(type.emplace(value), *type.element, at, rule);
      case type_kind::codec: return coded(value, type, at, rule);
      case type_kind::raw_json: {
        const char* begin = p_;
        if (!skip()) return false;
        static_cast<raw_json*>(value)->text.assign(begin, p_);
        return true;
      }
    }
    return syntax("no value");
  }

  bool integer(void* value, const type_info& type, const place* at, const constraints* rule) {
    if (!starts_number()) return wrong_type(at, "an integer");
    std::string_view digits;
    bool integral;
    if (!number(digits, integral)) return false;
    if (!integral) return add(at, "type", "must be an integer, without fraction or exponent"), true;
    const char *begin = digits.data(), *end = begin + digits.size();
    if (type.is_signed) {
      std::int64_t n = 0;
      if (std::from_chars(begin, end, n).ec != std::errc() || !detail::fits(n, type.width)) {
        return add(at, "range", detail::out_of_range(type)), true;
      }
      detail::store_integer(value, type.width, std::uint64_t(n));
      if (rule) complain(at, detail::check_integer(*rule, n));
    } else {
      std::uint64_t n = 0;
      if (std::from_chars(begin, end, n).ec != std::errc() ||
          !detail::fits_unsigned(n, type.width)) {
        return add(at, "range", detail::out_of_range(type)), true;
      }
      detail::store_integer(value, type.width, n);
      if (rule) complain(at, detail::check_unsigned(*rule, n));
    }
    return true;
  }

  bool real(void* value, const type_info& type, const place* at, const constraints* rule) {
    if (!starts_number()) return wrong_type(at, "a number");
    std::string_view digits;
    bool integral;
    double n = 0;
    if (!number(digits, integral)) return false;
    auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), n);
    if (parsed.ec == std::errc::result_out_of_range) {  // too great, or too near to zero
      n = std::strtod(std::string(digits).c_str(), nullptr);
    }
    const auto narrow = float(n);
    if (!std::isfinite(n) || (type.width == 4 && !std::isfinite(narrow))) {
      return add(at, "range", "is too great a number"), true;
    }
    if (type.width == 4) std::memcpy(value, &narrow, 4);
    else std::memcpy(value, &n, 8);
    if (rule) complain(at, detail::check_number(*rule, n));
    return true;
  }

  bool text(void* value, const place* at, const constraints* rule) {
    if (*p_ != '"') return wrong_type(at, "a string");
    std::string_view s;
    if (!string(s, scratch_)) return false;
    static_cast<std::string*>(value)->assign(s);
    if (rule) complain(at, detail::check_string(*rule, s));
    return true;
  }

  bool bytes(void* value, const place* at, const constraints* rule) {
    if (*p_ != '"') return wrong_type(at, "a string of base64");
    std::string_view s;
    std::string decoded;
    if (!string(s, scratch_)) return false;
    if (!from_base64(s, decoded)) return add(at, "format", "must be base64 with padding"), true;
    const auto* begin = reinterpret_cast<const std::byte*>(decoded.data());
    static_cast<std::vector<std::byte>*>(value)->assign(begin, begin + decoded.size());
    if (rule) complain(at, detail::check_count(*rule, std::int64_t(decoded.size()), "byte"));
    return true;
  }

  bool enumerator(void* value, const type_info& type, const place* at) {
    if (*p_ != '"') return wrong_type(at, "a string");
    std::string_view s;
    if (!string(s, scratch_)) return false;
    for (std::uint32_t i = 0; i < type.enumerator_count; ++i) {
      if (type.enumerators[i].name != s) continue;
      detail::store_integer(value, type.width, std::uint64_t(type.enumerators[i].value));
      return true;
    }
    return add(at, "enum", detail::one_of(type)), true;
  }

  bool time(void* value, const type_info& type, const place* at) {
    if (*p_ != '"') return wrong_type(at, "a string with an RFC 3339 time");
    std::string_view s;
    time_point moment;
    if (!string(s, scratch_)) return false;
    if (!read_rfc3339(s, moment)) {
      return add(at, "format", "must be an RFC 3339 time such as 2026-01-31T12:00:00Z"), true;
    }
    detail::store_time(value, type, moment.since_1970().in_microseconds());
    return true;
  }

  const constraints* own_rule(const type_info& type) {
    return type.restricted ? &type.rule : nullptr;
  }

  bool array(void* value, const type_info& type, const place* at, const constraints* rule) {
    if (*p_ != '[') return wrong_type(at, "an array");
    if (!enter()) return false;
    type.clear(value);
    const auto* item_rule = own_rule(*type.element);
    std::int64_t count = 0;
    if (next(']')) {
      --depth_;
    } else {
      for (bool more = true; more; ++count) {
        place here{at, {}, count};
        if (!read(type.push(value), *type.element, &here, item_rule)) return false;
        if (!separator(']', more)) return false;
      }
    }
    if (rule) complain(at, detail::check_count(*rule, count, "item"));
    return true;
  }

  bool map(void* value, const type_info& type, const place* at, const constraints* rule) {
    if (*p_ != '{') return wrong_type(at, "an object");
    if (!enter()) return false;
    type.clear(value);
    const auto* item_rule = own_rule(*type.element);
    std::int64_t count = 0;
    std::string storage;
    if (next('}')) {
      --depth_;
    } else {
      for (bool more = true; more; ++count) {
        std::string_view name;
        if (!key(name, storage)) return false;
        place here{at, name};
        if (void* slot = type.insert(value, std::string(name))) {
          if (!read(slot, *type.element, &here, item_rule)) return false;
        } else {
          add(&here, "duplicate", "is given twice");
          if (!skip()) return false;
        }
        if (!separator('}', more)) return false;
      }
    }
    if (rule) complain(at, detail::check_count(*rule, count, "member"));
    return true;
  }

  // Its index, which mostly is the expected one; field_count if there is none of that name.
  static std::uint32_t field_named(const type_info& type, std::string_view name,
                                   std::uint32_t expected) {
    if (expected < type.field_count && type.fields[expected].name == name) return expected;
    std::uint32_t i = 0;
    while (i < type.field_count && type.fields[i].name != name) ++i;
    return i;
  }
  void check_presence(const type_info& type, std::uint64_t seen, const place* at) {
    for (std::uint32_t i = 0; i < type.field_count; ++i) {
      if (!type.fields[i].required || seen >> i & 1) continue;
      place here{at, type.fields[i].name};
      add(&here, "missing", "is required");
    }
  }

  bool object(void* value, const type_info& type, const place* at) {
    if (*p_ != '{') return wrong_type(at, "an object");
    if (!enter()) return false;
    const auto errors_so_far = errors_.size();
    std::uint64_t seen = 0;
    std::uint32_t expected = 0;  // members mostly come in the order of the fields
    std::string storage;
    if (next('}')) {
      --depth_;
    } else {
      for (bool more = true; more;) {
        std::string_view name;
        if (!key(name, storage)) return false;
        place here{at, name};
        const auto i = field_named(type, name, expected);
        if (i == type.field_count) {
          if (!options_.ignore_unknown && !type.ignores_unknown) {
            add(&here, "unknown", "is not a known member");
          }
          if (!skip()) return false;
        } else if (seen >> i & 1) {
          add(&here, "duplicate", "is given twice");
          if (!skip()) return false;
        } else {
          seen |= std::uint64_t(1) << i;
          expected = i + 1;
          const auto& field = type.fields[i];
          void* member = static_cast<char*>(value) + field.offset;
          if (!read(member, *field.type, &here, field.restricted ? &field.rule : nullptr)) {
            return false;
          }
        }
        if (!separator('}', more)) return false;
      }
    }
    check_presence(type, seen, at);
    if (type.check_count && errors_.size() == errors_so_far) check_object(value, type, at);
    return true;
  }
  void check_object(const void* value, const type_info& type, const place* at) {
    for (std::uint32_t i = 0; i < type.check_count; ++i) {
      const auto& check = type.checks[i];
      if (check.call(check.predicate, value)) continue;
      place here{at, type.fields[check.field].name};
      add(&here, "check", std::string(check.message));
    }
  }

  bool coded(void* value, const type_info& type, const place* at, const constraints* rule) {
    struct state {
      reader& self;
      const type_info& written_as;
      const place* at;
      const constraints* rule;
      std::size_t errors;
      bool is_json = true;
    } reading{*this, *type.element, at, rule ? rule : own_rule(*type.element), errors_.size()};
    std::string why;
    const bool decoded = type.decode(
        value, &reading,
        [](void* context, void* written_as) {
          auto& s = *static_cast<state*>(context);
          s.is_json = s.self.read(written_as, s.written_as, s.at, s.rule);
          return s.is_json && s.self.errors_.size() == s.errors;
        },
        why);
    if (!reading.is_json) return false;
    if (!decoded && errors_.size() == reading.errors) {
      add(at, "value", why.empty() ? "is not a valid value" : why);
    }
    return true;
  }

  field_errors& errors_;
  read_options options_;
  std::size_t errors_before_;
};

}  // namespace

bool read(std::string_view text, void* value, const type_info& type, field_errors& errors,
          read_options options) {
  return reader(text, errors, options).document(value, type);
}

bool valid(std::string_view text, read_options options) {
  return scanner(text, options.max_depth).skip_document();
}

}  // namespace aft::json

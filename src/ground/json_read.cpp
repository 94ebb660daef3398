#include <charconv>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include <fmt/format.h>

#include <aft/ground/encoding.hpp>
#include <aft/ground/json.hpp>
#include <aft/ground/time.hpp>

#include "check.hpp"
#include "scan.hpp"
#include "utf8.hpp"

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
  pointer += '/';
  if (at->index >= 0) {
    pointer += std::to_string(at->index);
    return;
  }
  for (char c : at->key) {  // RFC 6901 section 3
    if (c == '~') pointer += "~0";
    else if (c == '/') pointer += "~1";
    else pointer += c;
  }
}

// Every function that reads returns false only when the text is no JSON, and then reading ends.
// A value that is JSON but does not fit is skipped, and its error noted.
class reader {
 public:
  reader(std::string_view text, field_errors& errors, read_options options)
      : p_(text.data()), end_(p_ + text.size()), begin_(p_), errors_(errors), options_(options),
        errors_before_(errors.size()) {}

  bool document(void* value, const type_info& type) {
    return read(value, type, nullptr, type.restricted ? &type.rule : nullptr) && at_end();
  }
  bool skip_document() { return skip() && at_end(); }

 private:
  bool at_end() {
    spaces();
    return p_ == end_ || syntax("text after the value");
  }

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
  bool syntax(const char* what) {
    errors_.resize(errors_before_);
    errors_.push_back(
        {{}, {}, "syntax", fmt::format("is not JSON: {} at byte {}", what, p_ - begin_)});
    return false;
  }

  // ---- tokens

  void spaces() {
    while (p_ < end_ && (*p_ == ' ' || *p_ == '\n' || *p_ == '\t' || *p_ == '\r')) ++p_;
  }
  bool next(char expected) {  // whether it is there; passes it
    if (p_ == end_ || *p_ != expected) return false;
    ++p_;
    return true;
  }
  bool literal(std::string_view word) {
    if (std::string_view(p_, std::size_t(end_ - p_)).starts_with(word)) {
      p_ += word.size();
      return true;
    }
    return syntax("no value");
  }
  bool enter() {
    ++p_;
    if (++depth_ > options_.max_depth) return syntax("nested too deeply");
    spaces();
    return true;
  }
  // After an item: true at a comma or at the closing bracket, which ends the container.
  bool separator(char close, bool& more) {
    spaces();
    if (p_ == end_) return syntax("unexpected end");
    if (*p_ == ',') {
      ++p_;
      more = true;
      return true;
    }
    if (*p_ != close) return syntax(close == '}' ? "expected ',' or '}'" : "expected ',' or ']'");
    ++p_;
    --depth_;
    more = false;
    return true;
  }
  bool key(std::string_view& name, std::string& storage) {
    spaces();
    if (!string(name, storage)) return false;
    spaces();
    return next(':') || syntax("expected ':'");
  }

  // The view is into the text when the string has no escapes, else into `storage`.
  bool string(std::string_view& out, std::string& storage) {
    if (!next('"')) return syntax("expected a string");
    const char* run = p_;
    bool copied = false;
    while (true) {
      p_ = detail::skip_plain<true>(p_, end_);
      if (p_ == end_) return syntax("unterminated string");
      const auto c = static_cast<unsigned char>(*p_);
      if (c == '"') break;
      if (c >= 0x80) {
        const unsigned length = detail::utf8_length(p_, end_);
        if (!length) return syntax("invalid UTF-8");
        p_ += length;
        continue;
      }
      if (c != '\\') return syntax("control character in a string");
      if (!copied) storage.clear();
      copied = true;
      storage.append(run, p_);
      ++p_;
      if (!escape(storage)) return false;
      run = p_;
    }
    if (copied) {
      storage.append(run, p_);
      out = storage;
    } else {
      out = {run, std::size_t(p_ - run)};
    }
    ++p_;
    return true;
  }
  bool escape(std::string& out) {
    if (p_ == end_) return syntax("unterminated string");
    switch (*p_++) {
      case '"': out += '"'; return true;
      case '\\': out += '\\'; return true;
      case '/': out += '/'; return true;
      case 'b': out += '\b'; return true;
      case 'f': out += '\f'; return true;
      case 'n': out += '\n'; return true;
      case 'r': out += '\r'; return true;
      case 't': out += '\t'; return true;
      case 'u': break;
      default: --p_; return syntax("invalid escape");
    }
    std::uint32_t character, low;
    if (!four_digits(character)) return false;
    if (character >= 0xDC00 && character <= 0xDFFF) return syntax("lone surrogate");
    if (character >= 0xD800 && character <= 0xDBFF) {
      if (!next('\\') || !next('u')) return syntax("lone surrogate");
      if (!four_digits(low)) return false;
      if (low < 0xDC00 || low > 0xDFFF) return syntax("lone surrogate");
      character = 0x10000 + ((character - 0xD800) << 10) + (low - 0xDC00);
    }
    detail::append_utf8(out, character);
    return true;
  }
  bool four_digits(std::uint32_t& value) {
    value = 0;
    for (int i = 0; i < 4; ++i, ++p_) {
      if (p_ == end_) return syntax("invalid \\u escape");
      const char c = *p_;
      value <<= 4;
      if (c >= '0' && c <= '9') value |= std::uint32_t(c - '0');
      else if (c >= 'a' && c <= 'f') value |= std::uint32_t(c - 'a' + 10);
      else if (c >= 'A' && c <= 'F') value |= std::uint32_t(c - 'A' + 10);
      else return syntax("invalid \\u escape");
    }
    return true;
  }
  bool some_digits(const char* why) {
    if (p_ == end_ || *p_ < '0' || *p_ > '9') return syntax(why);
    while (p_ < end_ && *p_ >= '0' && *p_ <= '9') ++p_;
    return true;
  }
  bool number(std::string_view& out, bool& integral) {
    const char* begin = p_;
    integral = true;
    next('-');
    if (!next('0') && !some_digits("not a value")) return false;
    if (next('.')) {
      integral = false;
      if (!some_digits("expected digits after '.'")) return false;
    }
    if (p_ < end_ && (*p_ == 'e' || *p_ == 'E')) {
      integral = false;
      ++p_;
      if (!next('+')) next('-');
      if (!some_digits("expected digits in the exponent")) return false;
    }
    out = {begin, std::size_t(p_ - begin)};
    return true;
  }
  bool starts_number() const { return *p_ == '-' || (*p_ >= '0' && *p_ <= '9'); }

  // ---- values

  bool skip() {
    spaces();
    if (p_ == end_) return syntax("unexpected end");
    std::string_view ignored;
    bool integral, more = true;
    switch (*p_) {
      case '{':
        if (!enter()) return false;
        if (next('}')) return --depth_, true;
        while (more) {
          if (!key(ignored, scratch_) || !skip() || !separator('}', more)) return false;
        }
        return true;
      case '[':
        if (!enter()) return false;
        if (next(']')) return --depth_, true;
        while (more) {
          if (!skip() || !separator(']', more)) return false;
        }
        return true;
      case '"': return string(ignored, scratch_);
      case 't': return literal("true");
      case 'f': return literal("false");
      case 'n': return literal("null");
      default: return number(ignored, integral);
    }
  }

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
    return false;
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
        auto i = expected;
        if (i >= type.field_count || type.fields[i].name != name) {
          for (i = 0; i < type.field_count && type.fields[i].name != name;) ++i;
        }
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
    for (std::uint32_t i = 0; i < type.field_count; ++i) {
      if (!type.fields[i].required || seen >> i & 1) continue;
      place here{at, type.fields[i].name};
      add(&here, "missing", "is required");
    }
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

  const char *p_, *end_, *begin_;
  field_errors& errors_;
  read_options options_;
  std::size_t errors_before_;
  unsigned depth_ = 0;
  std::string scratch_{};
};

}  // namespace

bool read(std::string_view text, void* value, const type_info& type, field_errors& errors,
          read_options options) {
  const auto before = errors.size();
  reader r(text, errors, options);
  return r.document(value, type) && errors.size() == before;
}

bool valid(std::string_view text, read_options options) {
  field_errors errors;
  reader r(text, errors, options);
  return r.skip_document();
}

}  // namespace aft::json

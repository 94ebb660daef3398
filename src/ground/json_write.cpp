#include <charconv>
#include <cmath>
#include <cstring>

#include <aft/ground/encoding.hpp>
#include <aft/ground/json.hpp>
#include <aft/ground/time.hpp>

#include "check.hpp"
#include "scan.hpp"

namespace aft::json {
namespace {

struct escape_table {
  char letter[256]{};  // what follows the backslash; 0: no escape; 'u': six characters
};
constexpr escape_table make_escapes() {
  escape_table t;
  for (int c = 0; c < 32; ++c) t.letter[c] = 'u';
  t.letter[int('\b')] = 'b', t.letter[int('\f')] = 'f', t.letter[int('\n')] = 'n';
  t.letter[int('\r')] = 'r', t.letter[int('\t')] = 't';
  t.letter[int('"')] = '"', t.letter[int('\\')] = '\\';
  return t;
}
constexpr escape_table escapes = make_escapes();

template <class Number>
void write_digits(buffer& out, Number number) {
  char* at = out.reserve(32);
  out.stop_at(std::to_chars(at, at + 32, number).ptr);
}

void write_object(buffer& out, const void* value, const type_info& type) {
  out.append('{');
  bool first = true;
  const auto* end = type.fields + type.field_count;
  for (const auto* field = type.fields; field != end; ++field) {
    const void* member = static_cast<const char*>(value) + field->offset;
    const type_info* member_type = field->type;
    if (member_type->kind == type_kind::optional &&
        member_type->element->kind == type_kind::optional) {  // absent rather than null
      member = member_type->get(member);
      if (!member) continue;
      member_type = member_type->element;
    }
    const auto& key = field->json_key;
    char* at = out.reserve(key.size() + 1);
    if (!first) *at++ = ',';
    first = false;
    std::memcpy(at, key.data(), key.size());
    out.stop_at(at + key.size());
    write(out, member, *member_type);
  }
  out.append('}');
}

void write_array(buffer& out, const void* value, const type_info& type) {
  const auto count = type.count(value);
  const auto* item = static_cast<const char*>(type.items(value));
  out.append('[');
  for (std::size_t i = 0; i < count; ++i, item += type.element->size) {
    if (i) out.append(',');
    write(out, item, *type.element);
  }
  out.append(']');
}

void write_map(buffer& out, const void* value, const type_info& type) {
  struct state {
    buffer& out;
    const type_info& element;
    bool first = true;
  } writing{out, *type.element};
  out.append('{');
  type.each(value, &writing, [](void* context, std::string_view key, const void* member) {
    auto& s = *static_cast<state*>(context);
    if (!s.first) s.out.append(',');
    s.first = false;
    write_string(s.out, key);
    s.out.append(':');
    write(s.out, member, s.element);
  });
  out.append('}');
}

void write_bytes(buffer& out, const void* value) {
  const auto& bytes = *static_cast<const std::vector<std::byte>*>(value);
  out.append('"');
  out.append(to_base64({reinterpret_cast<const char*>(bytes.data()), bytes.size()}));
  out.append('"');
}

void write_enumerator(buffer& out, const void* value, const type_info& type) {
  const auto number = detail::load_integer(value, type.width, type.is_signed);
  for (std::uint32_t i = 0; i < type.enumerator_count; ++i) {
    if (type.enumerators[i].value == number) return write_string(out, type.enumerators[i].name);
  }
  write_digits(out, number);  // a value without a name; it does not read back
}

}  // namespace

void write_string(buffer& out, std::string_view text) {
  const char* p = text.data() ? text.data() : "";  // copying none from nowhere is not defined
  const char* const end = p + text.size();
  char* to = out.reserve(text.size() + 2);
  *to++ = '"';
  while (true) {
    const char* plain = p;
    p = detail::skip_plain<false>(p, end);
    std::memcpy(to, plain, std::size_t(p - plain));
    to += p - plain;
    if (p == end) break;
    const auto c = static_cast<unsigned char>(*p++);
    out.stop_at(to);
    to = out.reserve(std::size_t(end - p) + 8);  // an escape, the rest, the closing quote
    *to++ = '\\';
    *to++ = escapes.letter[c];
    if (escapes.letter[c] == 'u') {
      constexpr char hex[] = "0123456789abcdef";
      *to++ = '0', *to++ = '0', *to++ = hex[c >> 4], *to++ = hex[c & 15];
    }
  }
  *to++ = '"';
  out.stop_at(to);
}

void write(buffer& out, const void* value, const type_info& type) {
  switch (type.kind) {
    case type_kind::boolean:
      return out.append(*static_cast<const bool*>(value) ? std::string_view("true") : "false");
    case type_kind::integer: {
      const auto number = detail::load_integer(value, type.width, type.is_signed);
      if (type.is_signed) return write_digits(out, number);
      return write_digits(out, std::uint64_t(number));
    }
    case type_kind::number: {
      double number;
      float narrow;
      if (type.width == 4) std::memcpy(&narrow, value, 4), number = narrow;
      else std::memcpy(&number, value, 8);
      if (!std::isfinite(number)) return out.append("null");
      return type.width == 4 ? write_digits(out, narrow) : write_digits(out, number);
    }
    case type_kind::string: return write_string(out, *static_cast<const std::string*>(value));
    case type_kind::bytes: return write_bytes(out, value);
    case type_kind::enumeration: return write_enumerator(out, value, type);
    case type_kind::time: {
      char* at = out.reserve(32);
      *at++ = '"';
      at = write_rfc3339(at, time_point(microseconds(detail::load_time(value, type))));
      *at++ = '"';
      return out.stop_at(at);
    }
    case type_kind::object: return write_object(out, value, type);
    case type_kind::array: return write_array(out, value, type);
    case type_kind::map: return write_map(out, value, type);
    case type_kind::optional:
      if (const void* held = type.get(value)) return write(out, held, *type.element);
      return out.append("null");
    case type_kind::codec: {
      struct state {
        buffer& out;
        const type_info& written_as;
      } writing{out, *type.element};
      return type.encode(value, &writing, [](void* context, const void* written_as) {
        auto& s = *static_cast<state*>(context);
        write(s.out, written_as, s.written_as);
      });
    }
    case type_kind::raw_json: return out.append(static_cast<const raw_json*>(value)->text);
  }
}

}  // namespace aft::json

#include <algorithm>
#include <charconv>

#include <aft/ground/json.hpp>

namespace aft::json {
namespace {

constexpr unsigned max_example_depth = 8;  // of structs that hold themselves

void write_example_number(buffer& out, double number) {
  char* at = out.reserve(32);
  out.stop_at(std::to_chars(at, at + 32, number).ptr);
}
void write_example_integer(buffer& out, std::int64_t number) {
  char* at = out.reserve(24);
  out.stop_at(std::to_chars(at, at + 24, number).ptr);
}

// As long as it may be, and as it must.
std::string example_text(const constraints& rule) {
  std::string text = rule.format == "email"  ? "ada@example.org"
                     : rule.format == "uri"  ? "https://example.org/"
                     : rule.format == "uuid" ? "0190a6e0-5c1f-7c3a-9d0e-2f5b8a1c4e77"
                     : rule.format == "date" ? "2026-01-31"
                                             : "text";
  while (std::int64_t(text.size()) < rule.min_length) text += " text";
  if (rule.max_length >= 0) text.resize(std::min(text.size(), std::size_t(rule.max_length)));
  return text;
}

void write_example_at(buffer& out, const type_info& type, const constraints& rule, unsigned depth);

void write_example_object(buffer& out, const type_info& type, unsigned depth) {
  out.append('{');
  bool first = true;
  for (std::uint32_t i = 0; i < type.field_count; ++i) {
    const auto& field = type.fields[i];
    if (!field.required && depth >= max_example_depth) continue;
    if (!first) out.append(',');
    first = false;
    out.append(field.json_key);
    write_example_at(out, *field.type, field.rule, depth + 1);
  }
  out.append('}');
}

// The text of an example that a rule gives: a string has no quotes there.
void write_given_example(buffer& out, const type_info& type, std::string_view example) {
  const bool quoted = type.kind == type_kind::string || type.kind == type_kind::time ||
                      type.kind == type_kind::enumeration || type.kind == type_kind::bytes;
  if (quoted) write_string(out, example);
  else out.append(example);
}

void write_example_at(buffer& out, const type_info& type, const constraints& rule, unsigned depth) {
  const type_info* held = &type;
  while (held->kind == type_kind::optional || held->kind == type_kind::codec) held = held->element;
  if (!rule.example.empty()) return write_given_example(out, *held, rule.example);
  switch (held->kind) {
    case type_kind::boolean: return out.append("true");
    case type_kind::integer: {
      const auto least = rule.has_minimum ? rule.integer_minimum : 1;
      const auto most = rule.has_maximum ? rule.integer_maximum : least;
      return write_example_integer(out, std::clamp<std::int64_t>(1, least, std::max(least, most)));
    }
    case type_kind::number: {
      const auto least = rule.has_minimum ? rule.minimum : 1.5;
      const auto most = rule.has_maximum ? rule.maximum : least;
      return write_example_number(out, std::clamp(1.5, least, std::max(least, most)));
    }
    case type_kind::enumeration:
      return write_string(out, held->enumerator_count ? held->enumerators[0].name : "");
    case type_kind::bytes: return out.append("\"AAECAw==\"");
    case type_kind::time: return out.append("\"2026-01-31T12:00:00Z\"");
    case type_kind::object:
      if (!held->example.empty()) return out.append(held->example);
      return write_example_object(out, *held, depth);
    case type_kind::array: {
      out.append('[');
      const auto items =
          depth < max_example_depth ? std::max<std::int64_t>(rule.min_length, 1) : rule.min_length;
      for (std::int64_t i = 0; i < items; ++i) {
        if (i) out.append(',');
        write_example_at(out, *held->element, held->element->rule, depth + 1);
      }
      return out.append(']');
    }
    case type_kind::map:
      if (depth >= max_example_depth) return out.append("{}");
      out.append("{\"name\":");
      write_example_at(out, *held->element, held->element->rule, depth + 1);
      return out.append('}');
    case type_kind::raw_json: return out.append("null");
    default: return write_string(out, example_text(rule));
  }
}

}  // namespace

void write_example(buffer& out, const type_info& type, const constraints* rule) {
  const type_info* held = &type;
  while (held->kind == type_kind::optional || held->kind == type_kind::codec) held = held->element;
  write_example_at(out, type, rule ? *rule : held->rule, 0);
}

}  // namespace aft::json

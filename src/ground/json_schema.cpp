#include <charconv>

#include <aft/ground/json.hpp>

namespace aft::json {
namespace {

void write_key(buffer& out, std::string_view key) {  // of the characters that need no escape
  out.append(",\"");
  out.append(key);
  out.append("\":");
}

template <class Number>
void write_number(buffer& out, std::string_view key, Number number) {
  write_key(out, key);
  char* at = out.reserve(32);
  out.stop_at(std::to_chars(at, at + 32, number).ptr);
}

void write_text(buffer& out, std::string_view key, std::string_view text) {
  if (text.empty()) return;
  write_key(out, key);
  write_string(out, text);
}

struct length_words {
  std::string_view min, max;
};
length_words words_for(type_kind kind) {
  if (kind == type_kind::array) return {"minItems", "maxItems"};
  if (kind == type_kind::map) return {"minProperties", "maxProperties"};
  return {"minLength", "maxLength"};
}

void write_rule(buffer& out, const type_info& type, const constraints& rule) {
  const bool counted = type.kind == type_kind::string || type.kind == type_kind::array ||
                       type.kind == type_kind::map;
  if (counted) {
    const auto words = words_for(type.kind);
    if (rule.min_length > 0) write_number(out, words.min, rule.min_length);
    if (rule.max_length >= 0) write_number(out, words.max, rule.max_length);
  }
  if (type.kind == type_kind::integer) {
    if (rule.has_minimum) write_number(out, "minimum", rule.integer_minimum);
    if (rule.has_maximum) write_number(out, "maximum", rule.integer_maximum);
  } else {
    if (rule.has_minimum) write_number(out, "minimum", rule.minimum);
    if (rule.has_maximum) write_number(out, "maximum", rule.maximum);
  }
  write_text(out, "format", rule.format);
  write_text(out, "pattern", rule.pattern);
  write_text(out, "description", rule.description);
  if (rule.example.empty()) return;
  write_key(out, "examples");
  out.append('[');
  write_example(out, type, &rule);
  out.append(']');
}

std::string component_name(std::string_view spelled) {
  std::string name;
  for (char c : spelled) {
    const bool plain =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    if (plain) name += c;
    else if (!name.empty() && name.back() != '.') name += '.';
  }
  while (!name.empty() && name.back() == '.') name.pop_back();
  return name;
}

// "type":"string" and what belongs to it, without braces.
void write_scalar(buffer& out, const type_info& type, bool nullable) {
  auto named = [&](std::string_view name) {
    out.append("\"type\":");
    if (nullable) out.append('[');
    write_string(out, name);
    if (nullable) out.append(",\"null\"]");
  };
  switch (type.kind) {
    case type_kind::boolean: return named("boolean");
    case type_kind::integer:
      named("integer");
      if (type.width >= 4) write_text(out, "format", type.width == 8 ? "int64" : "int32");
      if (!type.is_signed && !type.rule.has_minimum) write_number(out, "minimum", 0);
      return;
    case type_kind::number:
      named("number");
      return write_text(out, "format", type.width == 8 ? "double" : "float");
    case type_kind::bytes: named("string"); return write_text(out, "contentEncoding", "base64");
    case type_kind::time: named("string"); return write_text(out, "format", "date-time");
    case type_kind::enumeration:
      named("string");
      write_key(out, "enum");
      for (std::uint32_t i = 0; i < type.enumerator_count; ++i) {
        out.append(i ? ',' : '[');
        write_string(out, type.enumerators[i].name);
      }
      if (!type.enumerator_count) out.append('[');
      if (nullable) out.append(",null");
      return out.append(']');
    default: return named("string");
  }
}

}  // namespace

std::string_view schema_writer::name_of(const type_info& type) {
  for (auto& known : definitions_) {
    if (known.type == &type) return known.name;
  }
  auto name = component_name(type.name);
  for (auto& known : definitions_) {
    if (known.name == name) {
      name = component_name(type.qualified_name);
      break;
    }
  }
  definitions_.push_back({&type, std::move(name)});
  return definitions_.back().name;
}

void schema_writer::write(buffer& out, const type_info& type, const constraints* rule) {
  const type_info* held = &type;
  bool nullable = false;
  while (held->kind == type_kind::optional || held->kind == type_kind::codec) {
    nullable = nullable || held->kind == type_kind::optional;
    held = held->element;
  }
  if (!rule) rule = &held->rule;
  out.append('{');
  switch (held->kind) {
    case type_kind::object:
      if (nullable) out.append("\"anyOf\":[{");
      out.append("\"$ref\":");
      write_string(out, std::string(prefix_).append(name_of(*held)));
      if (nullable) out.append("},{\"type\":\"null\"}]");
      break;
    case type_kind::array:
      out.append(nullable ? std::string_view("\"type\":[\"array\",\"null\"],\"items\":")
                          : "\"type\":\"array\",\"items\":");
      write(out, *held->element);
      break;
    case type_kind::map:
      out.append(nullable ? std::string_view("\"type\":[\"object\",\"null\"],")
                          : "\"type\":\"object\",");
      out.append("\"additionalProperties\":");
      write(out, *held->element);
      break;
    case type_kind::raw_json: out.append("\"description\":\"any JSON value\""); break;
    default: write_scalar(out, *held, nullable); break;
  }
  write_rule(out, *held, *rule);
  out.append('}');
}

void schema_writer::write_definitions(buffer& out) {
  for (std::size_t i = 0; i < definitions_.size(); ++i) {  // grows while it is written
    const type_info& type = *definitions_[i].type;
    if (i) out.append(',');
    write_string(out, definitions_[i].name);
    out.append(":{\"type\":\"object\"");
    write_text(out, "description", type.description);
    out.append(",\"properties\":{");
    for (std::uint32_t f = 0; f < type.field_count; ++f) {
      const auto& field = type.fields[f];
      if (f) out.append(',');
      out.append(field.json_key);
      write(out, *field.type, &field.rule);
    }
    out.append("},\"required\":[");
    bool first = true;
    for (std::uint32_t f = 0; f < type.field_count; ++f) {
      if (!type.fields[f].required) continue;
      if (!first) out.append(',');
      first = false;
      write_string(out, type.fields[f].name);
    }
    out.append(type.ignores_unknown ? std::string_view("]}") : "],\"additionalProperties\":false}");
  }
}

std::string schema(const type_info& type) {
  schema_writer writer("#/$defs/");
  buffer out;
  writer.write(out, type);
  buffer definitions;
  writer.write_definitions(definitions);
  if (!definitions.empty()) {
    out.resize_down(out.size() - 1);
    out.append(",\"$defs\":{");
    out.append(definitions.view());
    out.append("}}");
  }
  return std::string(out.view());
}

}  // namespace aft::json

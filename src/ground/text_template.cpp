#include <aft/ground/text_template.hpp>

#include <algorithm>
#include <utility>

#include <aft/ground/error.hpp>
#include <aft/ground/json.hpp>

#include "html.hpp"

namespace aft::detail {
namespace {

struct found_value {
  const void* value;  // null: an optional on the way is empty
  const type_info* type;
};

const type_info& without_optional(const type_info& t) {
  return t.kind == type_kind::optional ? without_optional(*t.element) : t;
}

const field_info* find_field(const type_info& type, std::string_view name) {
  for (std::uint32_t i = 0; i < type.field_count; ++i) {
    if (type.fields[i].name == name) return &type.fields[i];
  }
  return nullptr;
}

// Null where there is none. `value` may be null, to look at the types alone.
found_value walk(std::string_view path, const void* value, const type_info& type) {
  found_value at{value, &type};
  if (path == ".") return at;
  while (!path.empty()) {
    const auto name = path.substr(0, path.find('.'));
    path.remove_prefix(std::min(path.size(), name.size() + 1));
    while (at.type->kind == type_kind::optional) {
      at = {at.value ? at.type->get(at.value) : nullptr, at.type->element};
    }
    const auto* field = at.type->kind == type_kind::object ? find_field(*at.type, name) : nullptr;
    if (!field) return {nullptr, nullptr};
    at = {at.value ? static_cast<const char*>(at.value) + field->offset : nullptr, field->type};
  }
  return at;
}

std::string text_of(const found_value& v) {
  if (!v.value) return {};
  if (v.type->kind == type_kind::optional) {
    return text_of({v.type->get(v.value), v.type->element});
  }
  if (v.type->kind == type_kind::string) return *static_cast<const std::string*>(v.value);
  buffer out;
  json::write(out, v.value, *v.type);
  if (out.view().starts_with('"')) {
    if (auto text = json::read<std::string>(out.view())) return *std::move(text);
  }
  return std::string(out.view());
}

bool can_be_written(const type_info& t) {
  const auto kind = without_optional(t).kind;
  return kind != type_kind::object && kind != type_kind::array && kind != type_kind::map;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

}  // namespace

struct compiled_template::source {
  std::string_view whole;
  std::size_t at = 0;

  [[noreturn]] void refuse(const std::string& what) const {
    const auto line = 1 + std::count(whole.begin(), whole.begin() + std::ptrdiff_t(at), '\n');
    throw configuration_error("template, line " + std::to_string(line) + ": " + what);
  }
};

compiled_template::compiled_template(std::string_view text, escaping how, const type_info& type)
    : how_(how) {
  source from{text};
  compile(from, type, {});
}

void compiled_template::compile(source& from, const type_info& type, std::string_view inside) {
  while (true) {
    const auto open = from.whole.find("{{", from.at);
    const auto plain = from.whole.substr(from.at, open - from.at);
    if (!plain.empty()) steps_.push_back({step_kind::text, std::string(plain), 0});
    if (open == from.whole.npos) {
      if (!inside.empty()) from.refuse("{{#" + std::string(inside) + "}} is not closed");
      from.at = from.whole.size();
      return;
    }
    from.at = open;
    const bool raw = from.whole.substr(open).starts_with("{{{");
    const std::string_view closing = raw ? "}}}" : "}}";
    const auto close = from.whole.find(closing, open);
    if (close == from.whole.npos) from.refuse("{{ is not closed");
    auto name = trimmed(from.whole.substr(open + closing.size(), close - open - closing.size()));
    const char mark = raw || name.empty() ? ' ' : name.front();
    const bool has_mark = mark == '#' || mark == '^' || mark == '/';
    if (has_mark) name = trimmed(name.substr(1));
    if (mark == '/') {
      if (inside.empty() || name != inside)
        from.refuse("{{/" + std::string(name) + "}} closes nothing");
      from.at = close + closing.size();
      return;
    }
    const auto meant = name.empty() ? found_value{} : walk(name, nullptr, type);
    if (!meant.type) {
      from.refuse("there is no \"" + std::string(name) + "\" in " + std::string(type.name));
    }
    const auto place = steps_.size();
    if (!has_mark) {
      if (!can_be_written(*meant.type)) {
        from.refuse("\"" + std::string(name) + "\" is no single value; write {{#" +
                    std::string(name) + "}}");
      }
      steps_.push_back({raw ? step_kind::raw_value : step_kind::value, std::string(name), 0});
      from.at = close + closing.size();
      continue;
    }
    const auto& of = *meant.type;
    const bool is_list = of.kind == type_kind::array;
    if (!is_list && of.kind != type_kind::optional && of.kind != type_kind::boolean) {
      from.refuse("\"" + std::string(name) + "\" is no list, optional or bool");
    }
    steps_.push_back(
        {mark == '#' ? step_kind::section : step_kind::inverted, std::string(name), 0});
    from.at = close + closing.size();
    const bool goes_in = mark == '#' && of.kind != type_kind::boolean;
    compile(from, goes_in ? *of.element : type, name);
    steps_[place].end = steps_.size();
  }
}

std::string compiled_template::render(const void* value, const type_info& type) const {
  std::string out;
  render(out, 0, steps_.size(), value, type);
  return out;
}

void compiled_template::render(std::string& out, std::size_t begin, std::size_t end,
                               const void* value, const type_info& type) const {
  for (auto i = begin; i < end;) {
    const auto& s = steps_[i];
    if (s.kind == step_kind::text) {
      out += s.text;
      ++i;
      continue;
    }
    const auto v = walk(s.text, value, type);
    if (s.kind == step_kind::value || s.kind == step_kind::raw_value) {
      if (s.kind == step_kind::value && how_ == escaping::html) append_html(out, text_of(v));
      else out += text_of(v);
      ++i;
      continue;
    }
    const bool is_list = v.value && v.type->kind == type_kind::array;
    const auto count = is_list ? v.type->count(v.value) : 0;
    const void* held =
        v.value && v.type->kind == type_kind::optional ? v.type->get(v.value) : nullptr;
    const bool is_true =
        v.value && v.type->kind == type_kind::boolean && *static_cast<const bool*>(v.value);
    if (s.kind == step_kind::inverted) {
      if (!count && !held && !is_true) render(out, i + 1, s.end, value, type);
    } else if (is_list) {
      const auto* items = static_cast<const char*>(v.type->items(v.value));
      for (std::size_t n = 0; n < count; ++n) {
        render(out, i + 1, s.end, items + n * v.type->element->size, *v.type->element);
      }
    } else if (held) {
      render(out, i + 1, s.end, held, *v.type->element);
    } else if (is_true) {
      render(out, i + 1, s.end, value, type);
    }
    i = s.end;
  }
}

}  // namespace aft::detail

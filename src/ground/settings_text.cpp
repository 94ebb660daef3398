#include "settings_text.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

#include <fmt/format.h>

#include <aft/ground/buffer.hpp>
#include <aft/ground/json.hpp>

#include "check.hpp"

namespace aft::detail {
namespace {

std::string word_for(const setting_field& f) {
  switch (f.item_kind()) {
    case type_kind::boolean: return "";
    case type_kind::integer: return " N";
    case type_kind::number: return " NUMBER";
    case type_kind::time: return " TIME";
    default: return " TEXT";
  }
}

}  // namespace

std::vector<setting> list_settings(std::span<const setting_field> fields) {
  std::vector<setting> list;
  for (const auto& f : fields) {
    buffer text;
    json::write(text, f.place, *f.field->type);
    std::string value(text.view() == "null" ? "none" : text.view());
    const bool hide = f.field->is_secret && !f.type_is_secret() && value != "\"\"" &&
                      value != "none" && value != "[]";
    list.push_back({f.name, hide ? "***" : std::move(value), f.from,
                    f.field->is_secret || f.type_is_secret()});
  }
  return list;
}

std::string show_settings(std::span<const setting_field> fields) {
  std::size_t width = 0;
  const auto list = list_settings(fields);
  for (const auto& s : list) width = std::max(width, s.name.size() + s.value.size());
  std::string text;
  for (const auto& s : list) {
    text += fmt::format("{} = {:<{}}  # {}\n", s.name, s.value, width - s.name.size(), s.from);
  }
  return text;
}

std::string settings_help(const settings_places& where, std::span<const setting_field> fields) {
  auto text = fmt::format("usage: {} [options]\n\n", where.program);
  if (!where.about.empty()) text += where.about + "\n\n";
  const auto list = list_settings(fields);
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const auto& f = fields[i];
    text += fmt::format("  {}{}\n", f.option, word_for(f));
    if (!f.field->rule.description.empty()) {
      text += fmt::format("      {}\n", f.field->rule.description);
    }
    if (f.item_kind() == type_kind::enumeration) {
      const auto* t = &f.bare_type();
      text += fmt::format("      {}\n", one_of(t->kind == type_kind::array ? *t->element : *t));
    }
    text += fmt::format("      default: {}{}{}{}\n", list[i].value,
                        f.is_list() ? "; may be given again and again" : "",
                        f.variable.empty() ? "" : "; in the environment: ", f.variable);
  }
  text += "  --config FILE\n      a TOML file";
  if (!where.file.empty()) text += fmt::format(" instead of {}", where.file);
  text +=
      "\n  --settings\n      show all settings and where each comes from\n"
      "  --help\n      show this\n";
  return text;
}

}  // namespace aft::detail

#include "settings_file.hpp"

#include <toml++/toml.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include <fmt/format.h>

namespace aft::detail {
namespace {

void add_text(file_setting& to, const toml::node& node) {
  if (const auto* text = node.as_string()) {
    to.is_quoted = true;
    to.texts.push_back(text->get());
    return;
  }
  to.is_plain = true;
  std::ostringstream written;
  node.visit([&](const auto& value) {
    if constexpr (toml::is_boolean<decltype(value)>) written << (value.get() ? "true" : "false");
    else if constexpr (toml::is_integer<decltype(value)>) written << value.get();
    else if constexpr (toml::is_floating_point<decltype(value)>)
      written << fmt::format("{}", value.get());
    else if constexpr (toml::is_value<decltype(value)>) written << value.get();
  });
  to.texts.push_back(written.str());
}

void gather(const toml::table& table, const std::string& before, std::vector<file_setting>& to) {
  for (const auto& [key, node] : table) {
    const auto name = before + std::string(key.str());
    if (const auto* inner = node.as_table()) {
      gather(*inner, name + ".", to);
      continue;
    }
    file_setting found{name, {}, node.is_array(), false, false, node.source().begin.line};
    if (const auto* list = node.as_array()) {
      for (const auto& item : *list) add_text(found, item);
    } else {
      add_text(found, node);
    }
    to.push_back(std::move(found));
  }
}

}  // namespace

std::vector<file_setting> read_settings_file(const std::string& path, std::string& why) {
  std::vector<file_setting> found;
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  if (!file || !(text << file.rdbuf() || file.peek() == std::ifstream::traits_type::eof())) {
    why = "cannot be read";
    return found;
  }
  try {
    gather(toml::parse(text.str(), path), {}, found);
  } catch (const toml::parse_error& e) {
    why = fmt::format("line {}: {}", e.source().begin.line, e.description());
    found.clear();
  }
  std::sort(found.begin(), found.end(), [](const file_setting& a, const file_setting& b) {
    return a.line != b.line ? a.line < b.line : a.name < b.name;
  });
  return found;
}

}  // namespace aft::detail

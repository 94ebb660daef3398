#include <aft/storage/sql_text.hpp>

#include <algorithm>

#include <fmt/format.h>

#include <aft/storage/errors.hpp>

namespace aft {

std::string quoted_name(std::string_view name) {
  auto is_letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  const bool plain = !name.empty() && name.size() <= 63 && is_letter(name[0]) &&
                     std::all_of(name.begin(), name.end(),
                                 [&](char c) { return is_letter(c) || (c >= '0' && c <= '9'); });
  if (!plain) {
    throw storage_error(
        storage_fault::statement,
        fmt::format("\"{}\" cannot be the name of a table or column here: 1 to 63 letters, digits "
                    "and underscores, with no digit in front",
                    name.substr(0, 100)));
  }
  return fmt::format("\"{}\"", name);
}

// Its $1 to $N become those behind the values that are there.
void sql_text::add_piece(std::string_view piece) {
  if (!text_.empty() && !piece.empty()) text_ += ' ';
  const auto base = values_.size();
  for (std::size_t i = 0; i < piece.size();) {
    auto end = i + 1;  // of what is taken over as it is
    const char c = piece[i];
    if (c == '\'' || c == '"') {
      end = piece.find(c, i + 1) + 1;  // it has an end: its literal was checked
    } else if (piece.substr(i, 2) == "--") {
      // A comment to the end of the line would swallow the next piece.
      i = std::min(piece.find('\n', i), piece.size());
      continue;
    } else if (piece.substr(i, 2) == "/*") {
      const auto close = piece.find("*/", i + 2);
      i = close == piece.npos ? piece.size() : close + 2;
      text_ += ' ';
      continue;
    } else if (c == '$') {
      std::size_t number = 0;
      while (end < piece.size() && piece[end] >= '0' && piece[end] <= '9') {
        number = number * 10 + std::size_t(piece[end++] - '0');
      }
      text_ += fmt::format("${}", base + number);
      i = end;
      continue;
    }
    text_ += piece.substr(i, end - i);
    i = end;
  }
}

sql_text& sql_text::add(const sql_text& piece) {
  if (&piece == this) return add(sql_text(piece));
  add_piece(piece.text_);
  values_.insert(values_.end(), piece.values_.begin(), piece.values_.end());
  return *this;
}

sql_text& sql_text::add_name(std::string_view name) {
  if (!text_.empty()) text_ += ' ';
  text_ += quoted_name(name);
  return *this;
}

std::vector<detail::parameter> sql_text::values() const {
  std::vector<detail::parameter> all;
  all.reserve(values_.size());
  for (const auto& v : values_) all.push_back(v.bound());
  return all;
}

}  // namespace aft

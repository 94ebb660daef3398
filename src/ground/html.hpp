#pragma once
// Text inside HTML.

#include <string>
#include <string_view>

namespace aft::detail {

// For text between tags, and for attributes in quotes of either kind.
void append_html(std::string& out, std::string_view text);

inline std::string html_text(std::string_view text) {
  std::string out;
  append_html(out, text);
  return out;
}

}  // namespace aft::detail

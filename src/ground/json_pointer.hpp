#pragma once
// JSON Pointers (RFC 6901), which say where in a document a mistake is.

#include <string>
#include <string_view>

namespace aft::detail {

// One step down: into the member of this name.
inline void append_step(std::string& pointer, std::string_view name) {
  pointer += '/';
  for (char c : name) {
    if (c == '~') pointer += "~0";
    else if (c == '/') pointer += "~1";
    else pointer += c;
  }
}

}  // namespace aft::detail

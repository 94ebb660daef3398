#pragma once
// Schedules and zones in messages.

#include <string>
#include <string_view>

namespace aft::jobs {

// In quotes, cut to what a message needs, and without what a log could take for something else.
inline std::string quote_schedule(std::string_view text) {
  constexpr std::size_t most = 80;
  std::string quoted = "\"";
  for (char c : text.substr(0, most)) quoted += c >= ' ' && c <= '~' && c != '"' ? c : '?';
  return quoted + (text.size() > most ? "...\"" : "\"");
}

}  // namespace aft::jobs

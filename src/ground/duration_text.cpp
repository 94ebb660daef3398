// Lengths of time as people write them: 1h30m, 500ms.

#include <algorithm>
#include <charconv>
#include <iterator>

#include <fmt/format.h>

#include <aft/ground/settings.hpp>

namespace aft {
namespace {

struct unit_of_time {
  std::string_view name;
  std::int64_t microseconds;
};
constexpr unit_of_time units_of_time[] = {{"d", 86'400'000'000}, {"h", 3'600'000'000},
                                          {"m", 60'000'000},     {"s", 1'000'000},
                                          {"ms", 1'000},         {"us", 1}};
constexpr std::int64_t longest_time = 100'000 * units_of_time[0].microseconds;

}  // namespace

std::optional<duration> read_duration(std::string_view text) {
  if (text == "0") return duration();
  if (text.empty()) return {};
  std::int64_t sum = 0;
  const auto* unit = std::begin(units_of_time);
  while (!text.empty()) {
    std::int64_t count = 0;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), count);
    if (code != std::errc() || text.front() == '-') return {};
    text.remove_prefix(std::size_t(end - text.data()));
    const auto letters = std::min(text.find_first_of("0123456789"), text.size());
    const auto name = text.substr(0, letters);
    unit =
        std::find_if(unit, std::end(units_of_time), [&](const auto& u) { return u.name == name; });
    if (unit == std::end(units_of_time) || count > longest_time / unit->microseconds) return {};
    sum += count * unit->microseconds;
    if (sum > longest_time) return {};
    ++unit;  // each once, the greater ones first
    text.remove_prefix(letters);
  }
  return microseconds(sum);
}

std::string write_duration(duration d) {
  auto left = d.in_microseconds();
  if (left <= 0) return "0";
  std::string text;
  for (const auto& unit : units_of_time) {
    if (left >= unit.microseconds) text += fmt::format("{}{}", left / unit.microseconds, unit.name);
    left %= unit.microseconds;
  }
  return text;
}

}  // namespace aft

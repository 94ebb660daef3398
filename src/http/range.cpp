#include "range.hpp"

#include <algorithm>
#include <limits>

#include <aft/http/message.hpp>

#include "letters.hpp"

namespace aft::http {
namespace {

constexpr auto most_bytes = std::numeric_limits<std::uint64_t>::max();

// Digits only. A number too large for 64 bits is the largest: past the end of anything.
bool read_position(std::string_view text, std::uint64_t& value) {
  value = 0;
  for (char c : text) {
    if (c < '0' || c > '9') return false;
    const auto digit = std::uint64_t(c - '0');
    value = value > (most_bytes - digit) / 10 ? most_bytes : value * 10 + digit;
  }
  return !text.empty();
}

enum class part_verdict { malformed, unsatisfiable, good };

// "5-9", "5-" or "-5".
part_verdict read_part(std::string_view text, std::uint64_t size, byte_range& range) {
  const auto dash = text.find('-');
  if (dash == text.npos) return part_verdict::malformed;
  const auto first = text.substr(0, dash), last = text.substr(dash + 1);
  if (first.empty()) {
    std::uint64_t length;
    if (!read_position(last, length)) return part_verdict::malformed;
    if (length == 0) return part_verdict::unsatisfiable;
    range = {size - std::min(length, size), size - 1};
    return part_verdict::good;
  }
  range.last = most_bytes;
  if (!read_position(first, range.first)) return part_verdict::malformed;
  if (!last.empty() && !read_position(last, range.last)) return part_verdict::malformed;
  if (range.last < range.first) return part_verdict::malformed;
  if (range.first >= size) return part_verdict::unsatisfiable;
  range.last = std::min(range.last, size - 1);
  return part_verdict::good;
}

bool overlap_or_touch(const byte_range& a, const byte_range& b) {
  return a.first <= b.last + 1 && b.first <= a.last + 1;  // last is less than a size
}

// Takes up the ranges that the new one overlaps or touches, at the place of the first of them. The
// others still do neither.
void add_range(range_set& set, byte_range added) {
  std::uint32_t place = set.count, kept = 0;
  for (std::uint32_t i = 0; i < set.count; ++i) {
    const auto other = set.at[i];
    if (!overlap_or_touch(other, added)) {
      set.at[kept++] = other;
      continue;
    }
    added = {std::min(other.first, added.first), std::max(other.last, added.last)};
    place = std::min(place, kept);
  }
  const auto begin = set.at.begin();
  std::copy_backward(begin + place, begin + kept, begin + kept + 1);
  set.at[place] = added;
  set.count = kept + 1;
}

}  // namespace

range_set read_range(std::string_view value, std::uint64_t size, unsigned max) {
  range_set set;
  const auto equals = value.find('=');
  if (equals == value.npos || !equal_ignoring_case(value.substr(0, equals), "bytes") || !size) {
    return set;
  }
  const range_set not_heeded;
  auto rest = value.substr(equals + 1);
  unsigned parts = 0;
  while (!rest.empty()) {
    const auto member = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(member.size() + 1, rest.size()));
    const auto part = without_blanks(member);
    if (part.empty()) continue;
    if (++parts > std::min(max, range_set::max)) return not_heeded;
    byte_range range;
    switch (read_part(part, size, range)) {
      case part_verdict::malformed: return not_heeded;
      case part_verdict::unsatisfiable: break;
      case part_verdict::good: add_range(set, range); break;
    }
  }
  if (!parts) return not_heeded;
  set.verdict = set.count ? range_verdict::ranges : range_verdict::unsatisfiable;
  return set;
}

}  // namespace aft::http

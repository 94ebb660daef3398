#pragma once
// Which bytes a Range line asks for (RFC 9110 section 14).

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace aft::http {

struct byte_range {
  std::uint64_t first = 0, last = 0;  // both included
  std::uint64_t size() const { return last - first + 1; }
  friend bool operator==(const byte_range&, const byte_range&) = default;
};

enum class range_verdict {
  no_range,       // nothing that must be heeded: answer with the whole, 200
  unsatisfiable,  // 416
  ranges,         // 206
};

// Ranges that overlap or touch are one, at the place of the first of them; otherwise they keep the
// client's order. So no byte is sent twice, whatever was asked for.
struct range_set {
  static constexpr unsigned max = 16;
  range_verdict verdict = range_verdict::no_range;
  std::uint32_t count = 0;
  std::array<byte_range, max> at;

  std::span<const byte_range> view() const { return {at.data(), count}; }
};

// Reads the value of a Range line for a representation of `size` bytes. A line is not heeded as a
// whole where it has another unit, a part that is malformed, more than `max` parts, or where there
// are no bytes to choose from.
[[nodiscard]] range_set read_range(std::string_view value, std::uint64_t size,
                                   unsigned max = range_set::max);

}  // namespace aft::http

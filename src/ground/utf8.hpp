#pragma once
// UTF-8 as RFC 3629 defines it: no overlong forms, no surrogates, nothing beyond U+10FFFF.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace aft::detail {

// The length of the sequence that begins at p, 1 to 4; 0 if it is not valid. p < end.
inline unsigned utf8_length(const char* p, const char* end) {
  auto at = [&](int i) { return static_cast<unsigned char>(p[i]); };
  auto continues = [&](int i) { return (at(i) & 0xC0) == 0x80; };
  const auto left = end - p;
  const unsigned c = at(0);
  if (c < 0x80) return 1;
  if (c >= 0xC2 && c <= 0xDF) return left >= 2 && continues(1) ? 2 : 0;
  if (c >= 0xE0 && c <= 0xEF) {
    if (left < 3 || !continues(1) || !continues(2)) return 0;
    bool overlong = c == 0xE0 && at(1) < 0xA0, surrogate = c == 0xED && at(1) > 0x9F;
    return overlong || surrogate ? 0 : 3;
  }
  if (c >= 0xF0 && c <= 0xF4) {
    if (left < 4 || !continues(1) || !continues(2) || !continues(3)) return 0;
    bool overlong = c == 0xF0 && at(1) < 0x90, beyond = c == 0xF4 && at(1) > 0x8F;
    return overlong || beyond ? 0 : 4;
  }
  return 0;
}

inline bool is_utf8(std::string_view text) {
  const char *p = text.data(), *end = p + text.size();
  while (p < end) {
    unsigned length = utf8_length(p, end);
    if (!length) return false;
    p += length;
  }
  return true;
}

// Of valid UTF-8.
inline std::int64_t count_characters(std::string_view text) {
  std::int64_t count = 0;
  for (char c : text) count += (c & 0xC0) != 0x80;
  return count;
}

inline void append_utf8(std::string& out, std::uint32_t character) {
  auto put = [&](std::uint32_t byte) { out += char(byte); };
  if (character < 0x80) {
    put(character);
  } else if (character < 0x800) {
    put(0xC0 | character >> 6), put(0x80 | (character & 63));
  } else if (character < 0x10000) {
    put(0xE0 | character >> 12), put(0x80 | (character >> 6 & 63)), put(0x80 | (character & 63));
  } else {
    put(0xF0 | character >> 18), put(0x80 | (character >> 12 & 63));
    put(0x80 | (character >> 6 & 63)), put(0x80 | (character & 63));
  }
}

}  // namespace aft::detail

#pragma once
// Scans the bytes of a request's head, sixteen at a time where the processor has SSE2. Every scan
// stops at a control character at the latest, which the parser's fence provides.

#include <cstdint>
#include <cstring>

#include "letters.hpp"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace aft::http {

// The end of a request target: the first byte that cannot be part of one. That is all of ASCII's
// visible characters but '"', '#', '<' and '>': browsers leave some others unencoded that RFC 3986
// would not.
inline char* skip_target(char* p) {
#if defined(__SSE2__)
  while (true) {
    const __m128i v = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    // Signed, bytes from 0x80 are less than 0x21 too.
    const __m128i low = _mm_cmplt_epi8(v, _mm_set1_epi8(0x21));
    const __m128i quotes =
        _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('"')), _mm_cmpeq_epi8(v, _mm_set1_epi8('#')));
    // '<' and '>' differ in one bit only.
    const __m128i angles = _mm_cmpeq_epi8(_mm_or_si128(v, _mm_set1_epi8(2)), _mm_set1_epi8('>'));
    const __m128i del = _mm_cmpeq_epi8(v, _mm_set1_epi8(0x7f));
    const __m128i stop = _mm_or_si128(_mm_or_si128(low, quotes), _mm_or_si128(angles, del));
    if (const int mask = _mm_movemask_epi8(stop)) return p + __builtin_ctz(unsigned(mask));
    p += 16;
  }
#else
  while (static_cast<signed char>(*p) > 0x20 && *p != 0x7f && *p != '"' && *p != '#' && *p != '<' &&
         *p != '>') {
    ++p;
  }
  return p;
#endif
}

// The end of a header's value: the next control character other than the tab.
inline char* skip_value(char* p) {
#if defined(__SSE2__)
  const __m128i limit = _mm_set1_epi8(0x1f), tab = _mm_set1_epi8('\t'), del = _mm_set1_epi8(0x7f);
  while (true) {
    const __m128i v = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    const __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(v, limit), v);
    const __m128i stop =
        _mm_or_si128(_mm_andnot_si128(_mm_cmpeq_epi8(v, tab), control), _mm_cmpeq_epi8(v, del));
    if (const int mask = _mm_movemask_epi8(stop)) return p + __builtin_ctz(unsigned(mask));
    p += 16;
  }
#else
  while ((static_cast<unsigned char>(*p) > 0x1f && *p != 0x7f) || *p == '\t') ++p;
  return p;
#endif
}

// The ':' after a header's name, or the first byte that cannot be part of one.
inline char* skip_name(char* p) {
#if defined(__SSE2__)
  const __m128i dash = _mm_set1_epi8('-'), bit = _mm_set1_epi8(0x20);
  const __m128i a = _mm_set1_epi8(char(-'a' - 128)), letters = _mm_set1_epi8(char(-128 + 26));
  while (true) {  // letters and '-' sixteen at once; other token characters one by one
    const __m128i v = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    const __m128i is_letter = _mm_cmpgt_epi8(letters, _mm_add_epi8(_mm_or_si128(v, bit), a));
    const auto plain =
        unsigned(_mm_movemask_epi8(_mm_or_si128(is_letter, _mm_cmpeq_epi8(v, dash))));
    if (plain == 0xffff) {
      p += 16;
      continue;
    }
    p += __builtin_ctz(~plain);
    if (!token_letters[static_cast<unsigned char>(*p)]) return p;
    ++p;
  }
#else
  while (token_letters[static_cast<unsigned char>(*p)]) ++p;
  return p;
#endif
}

// Where a letter stands in the next 16 bytes, all of which must be readable: a bit for each.
inline unsigned find_in_16(const char* p, char letter) {
#if defined(__SSE2__)
  const __m128i v = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  return unsigned(_mm_movemask_epi8(_mm_cmpeq_epi8(v, _mm_set1_epi8(letter))));
#else
  unsigned found = 0;
  for (unsigned i = 0; i < 16; ++i) found |= unsigned(p[i] == letter) << i;
  return found;
#endif
}

// ---- words compared without regard to case, several letters at once

template <class Word>
Word load(const char* p) {
  Word word;
  std::memcpy(&word, p, sizeof word);
  return word;
}

// Whether a text of token characters as long as `lower_case` is that word. '-' and digits keep
// their value under the mask.
template <std::size_t Size>
bool same_word(const char* text, const char (&lower_case)[Size]) {
  constexpr std::size_t length = Size - 1;
  constexpr std::uint64_t mask8 = 0x2020202020202020;
  constexpr std::uint32_t mask4 = 0x20202020;
  if constexpr (length >= 8) {
    std::uint64_t differs = 0;
    for (std::size_t i = 0; i + 8 <= length; i += 8) {
      differs |= (load<std::uint64_t>(text + i) | mask8) ^ load<std::uint64_t>(lower_case + i);
    }
    constexpr std::size_t last = length - 8;  // overlaps what was compared already
    differs |= (load<std::uint64_t>(text + last) | mask8) ^ load<std::uint64_t>(lower_case + last);
    return differs == 0;
  } else {
    static_assert(length >= 4);
    constexpr std::size_t last = length - 4;
    return ((load<std::uint32_t>(text) | mask4) ^ load<std::uint32_t>(lower_case)) == 0 &&
           ((load<std::uint32_t>(text + last) | mask4) ^ load<std::uint32_t>(lower_case + last)) ==
               0;
  }
}

}  // namespace aft::http

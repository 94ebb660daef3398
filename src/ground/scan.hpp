#pragma once
// Finds the next byte that a JSON string must treat specially, 16 bytes at a time.

#include <cstddef>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace aft::detail {

// Within a string, bytes other than the quote, the backslash, control characters and, when
// `StopAtHigh`, bytes from 0x80 need no look. Returns the first that does, or end.
template <bool StopAtHigh>
inline const char* skip_plain(const char* p, const char* end) {
#if defined(__SSE2__)
  const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\');
  while (end - p >= 16) {
    const __m128i x = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    // Signed, bytes from 0x80 are less than 32 too.
    const __m128i low = StopAtHigh ? _mm_cmplt_epi8(x, _mm_set1_epi8(32))
                                   : _mm_cmpeq_epi8(_mm_min_epu8(x, _mm_set1_epi8(31)), x);
    const __m128i stop =
        _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(x, quote), _mm_cmpeq_epi8(x, backslash)), low);
    if (int mask = _mm_movemask_epi8(stop)) return p + __builtin_ctz(unsigned(mask));
    p += 16;
  }
#endif
  for (; p < end; ++p) {
    auto c = static_cast<unsigned char>(*p);
    if (c < 32 || c == '"' || c == '\\' || (StopAtHigh && c >= 128)) break;
  }
  return p;
}

}  // namespace aft::detail

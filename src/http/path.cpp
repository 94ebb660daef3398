#include "path.hpp"

#include <cstring>

#include "../ground/hex.hpp"
#include "scan.hpp"

namespace aft::http {
namespace {

// Appends to a buffer with room for it; false on a malformed escape or NUL.
bool decode_into(buffer& out, std::string_view text, std::string_view& decoded) {
  char* const begin = out.reserve(text.size());
  char* to = begin;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      *to++ = text[i];
      continue;
    }
    if (text.size() - i < 3) return false;
    const int high = detail::hex_digit(text[i + 1]), low = detail::hex_digit(text[i + 2]);
    if (high < 0 || low < 0 || (high == 0 && low == 0)) return false;
    *to++ = char(high << 4 | low);
    i += 2;
  }
  out.stop_at(to);
  decoded = {begin, std::size_t(to - begin)};
  return true;
}

// Adds the segment between two places; false where it is malformed.
bool add_segment(path_segments& segments, const char* begin, const char* end, bool encoded,
                 buffer& decoded) {
  std::string_view text{begin, std::size_t(end - begin)};
  if (encoded && text.find('%') != text.npos && !decode_into(decoded, text, text)) return false;
  if (!text.empty() && text.front() == '.' && (text == "." || text == "..")) return false;
  segments.raw[segments.count] = begin;
  segments.text[segments.count++] = text;
  return true;
}

}  // namespace

path_verdict split_path(std::string_view path, buffer& decoded, path_segments& segments) {
  segments.count = 0;
  segments.has_encoded = segments.has_empty = false;
  const char* begin = path.data() + 1;  // after the leading '/'
  const char* const end = path.data() + path.size();
  segments.end = end;
  if (std::memchr(path.data(), '%', path.size())) {
    segments.has_encoded = true;
    decoded.clear();
    decoded.reserve(path.size());  // enough for all segments, so that views stay valid
  }
  for (const char* p = begin; p < end; p += 16) {
    for (auto slashes = find_in_16(p, '/'); slashes; slashes &= slashes - 1) {
      const char* slash = p + __builtin_ctz(slashes);
      if (slash >= end) break;
      if (segments.count + 1 == path_segments::max) return path_verdict::too_deep;
      if (!add_segment(segments, begin, slash, segments.has_encoded, decoded)) {
        return path_verdict::malformed;
      }
      segments.has_empty |= begin == slash;
      begin = slash + 1;
    }
  }
  return add_segment(segments, begin, end, segments.has_encoded, decoded) ? path_verdict::ok
                                                                          : path_verdict::malformed;
}

bool join_rest(const path_segments& segments, unsigned first, buffer& decoded,
               std::string_view& rest) {
  for (unsigned i = first; i + 1 < segments.count; ++i) {
    if (segments.text[i].empty()) return false;
  }
  const char* begin = segments.raw[first];
  rest = {begin, std::size_t(segments.end - begin)};
  if (!segments.has_encoded) return true;
  for (unsigned i = first; i < segments.count; ++i) {
    if (segments.text[i].find('/') != std::string_view::npos) return false;
  }
  decoded.clear();
  return decode_into(decoded, rest, rest);
}

}  // namespace aft::http

#include "path.hpp"

#include <cstring>

#include "../ground/hex.hpp"

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

}  // namespace

path_verdict split_path(std::string_view path, buffer& decoded, path_segments& segments) {
  segments.count = 0;
  segments.has_encoded = segments.has_empty = false;
  segments.end = path.data() + path.size();
  const bool encoded = std::memchr(path.data(), '%', path.size()) != nullptr;
  if (encoded) {
    decoded.clear();
    decoded.reserve(path.size());  // enough for all segments, so that views stay valid
  }
  const char* begin = path.data() + 1;  // after the leading '/'
  while (true) {
    if (segments.count == path_segments::max) return path_verdict::too_deep;
    const auto* slash =
        static_cast<const char*>(std::memchr(begin, '/', std::size_t(segments.end - begin)));
    const char* end = slash ? slash : segments.end;
    std::string_view text{begin, std::size_t(end - begin)};
    if (encoded && text.find('%') != text.npos) {
      if (!decode_into(decoded, text, text)) return path_verdict::malformed;
      segments.has_encoded = true;
    }
    if (text == "." || text == "..") return path_verdict::malformed;
    if (text.empty() && slash) segments.has_empty = true;
    segments.raw[segments.count] = begin;
    segments.text[segments.count++] = text;
    if (!slash) return path_verdict::ok;
    begin = slash + 1;
  }
}

bool join_rest(const path_segments& segments, unsigned first, buffer& decoded,
               std::string_view& rest) {
  for (unsigned i = first; i < segments.count; ++i) {
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

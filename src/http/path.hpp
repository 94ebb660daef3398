#pragma once
// Splits a request's path into decoded segments, once; what each odd path means stands in
// aft/http/pattern.hpp.

#include <array>
#include <string_view>

#include <aft/ground/buffer.hpp>

namespace aft::http {

struct path_segments {
  static constexpr unsigned max = 64;
  unsigned count = 0;
  bool has_encoded = false;                // at least one was decoded
  bool has_empty = false;                  // other than the last
  std::array<std::string_view, max> text;  // decoded
  std::array<const char*, max> raw;        // where each begins in the path as sent
  const char* end = nullptr;               // of the path as sent
};

enum class path_verdict { ok, malformed, too_deep };

// "/" has one segment, the empty one; "/a/" has "a" and the empty one. The views point into the
// path or into `decoded`, which must not be written to while they live. The 16 bytes after the path
// must be readable, as they are in a request.
path_verdict split_path(std::string_view path, buffer& decoded, path_segments& segments);

// The text of all segments from `first`, decoded, as a view into the path or into `decoded`, which
// is another buffer than that of split_path; false where a segment is empty or holds a '/' that was
// encoded. Only after split_path said ok.
bool join_rest(const path_segments& segments, unsigned first, buffer& decoded,
               std::string_view& rest);

}  // namespace aft::http

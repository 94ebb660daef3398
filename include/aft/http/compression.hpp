#pragma once
// Whether answers go out smaller than they are: gzip, br and zstd, as the client likes.

#include <cstddef>

namespace aft {

// An answer is compressed where its type mostly shrinks (text, JSON, XML; not event streams), the
// client accepts it, nothing forbids it (Content-Encoding, Content-Range or a digest set by the
// handler, Cache-Control: no-transform), and the request has neither Cookie nor Authorization: the
// length of an answer that holds a secret beside what a stranger made the browser send tells the
// secret (BREACH), so a route that holds none says so with compress(). A strong ETag becomes weak
// with it, and Vary: Accept-Encoding is sent whether or not the client accepts it.
//
// A request's body comes to its handler without its Content-Encoding; max_body holds for it both
// as it was sent and without. An unknown coding, or more than one, is answered with 415.
struct compression_options {
  bool enabled = true;             // false: neither answers nor requests
  std::size_t least_bytes = 1024;  // of an answer, where its size is known
  int gzip_level = 5;              // 1 to 9; higher is smaller and slower
  int brotli_quality = 4;          // 0 to 11
  int zstd_level = 3;              // 1 to 19
};

}  // namespace aft

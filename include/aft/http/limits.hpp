#pragma once
// How much a stranger may send.

#include <cstddef>

namespace aft {

// Every one has an answer of its own; beyond it the connection is closed.
struct http_limits {
  std::size_t max_head = 16 * 1024;     // bytes of request line and headers: 431
  std::size_t max_target = 8 * 1024;    // bytes of path and query: 414
  std::size_t max_headers = 100;        // lines, at most 100: 431
  std::size_t max_body = 1024 * 1024;   // bytes, unless the route says otherwise: 413
  std::size_t max_unsent = 256 * 1024;  // bytes of answers that wait for a slow reader, before its
                                        // further requests wait too
};

}  // namespace aft

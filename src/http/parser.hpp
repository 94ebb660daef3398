#pragma once
// Reads the head of an HTTP/1.1 request from raw bytes, strictly (RFC 9112).

#include <cstddef>

#include "head.hpp"

namespace aft::http {

// The parser reads up to this many bytes beyond the end of its input, which must be readable, and
// writes a fence into the first two of them.
constexpr std::size_t parser_slack = 64;

enum class parse_status { complete, incomplete, refused };

struct parse_result {
  parse_status status;
  std::size_t size = 0;  // of the head, when complete
  int refusal = 0;       // 400, 414, 431, 501, 505
  const char* why = nullptr;
};

struct parse_limits {
  std::size_t max_target = 8 * 1024;
  std::size_t max_headers = request_head::max_headers;
};

// The Host that was found well-formed last: most requests name the same.
struct good_host {
  std::size_t size = 0;
  char text[64];
};

// `head` is filled only where the result is complete; its views point into [begin, end).
parse_result parse_head(char* begin, char* end, request_head& head, const parse_limits& limits,
                        good_host& known);

}  // namespace aft::http

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

class access_policy;

struct parse_limits {
  std::size_t max_target = 8 * 1024;
  std::size_t max_headers = request_head::max_headers;
  const access_policy* access = nullptr;  // null: anybody
};

// The header lines that were read last. Most clients send the same ones with every request, and
// then comparing them costs a fraction of reading them again. One thread at a time.
class last_lines {
 public:
  // Whether the bytes at `begin` are those lines. Then the head, which still holds them from the
  // last time, is made to point there.
  bool recall(request_head& head, char* begin, const char* end);
  void remember(const request_head& head, const char* begin, const char* end);
  void forget() { head_ = nullptr; }  // the head has been used for something else

 private:
  static constexpr std::size_t max_size = 2048;
  static constexpr unsigned patience = 8;  // after so many misses only one in so many is remembered

  const request_head* head_ = nullptr;
  const char* begin_ = nullptr;  // where the head's lines point
  std::size_t size_ = 0;
  unsigned misses_ = 0;
  std::uint8_t minor_version_ = 0;
  framing framing_;
  char bytes_[max_size];

 public:
  std::size_t size() const { return size_; }
};

// `head` is filled only where the result is complete; its views point into [begin, end).
parse_result parse_head(char* begin, char* end, request_head& head, const parse_limits& limits,
                        last_lines& last);

}  // namespace aft::http

#pragma once
// Reads the head of an HTTP/1.1 request from raw bytes, strictly (RFC 9112).

#include <cstddef>
#include <cstring>

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

// The head that was read last. Most clients send the same header lines with every request, and many
// the same request again: then comparing bytes costs a fraction of reading them. One thread at a
// time.
class last_head {
 public:
  // Whether the bytes at `begin` are that head, or (at the lines behind a request line) its lines.
  // Then the head, which still holds them from the last time, is made to point there.
  bool recall(request_head& head, char* begin, const char* end) {
    if (!request_line_size_ || head_ != &head || std::size_t(end - begin) < size() ||
        std::memcmp(begin, lines() - request_line_size_, size()) != 0) {
      return false;
    }
    head.method_name = {begin, head.method_name.size()};
    head.target = {begin + head.method_name.size() + 1, head.target.size()};
    point_to(head, begin + request_line_size_);
    return true;
  }
  bool recall_lines(request_head& head, char* begin, const char* end);
  void remember_lines(const request_head& head, const char* begin, const char* end);
  void remember_request_line(const char* begin, const char* end);
  void forget() {  // the head has been used for something else
    head_ = nullptr;
    forget_request_line();
  }
  void forget_request_line() { request_line_size_ = 0; }

  std::size_t size() const { return request_line_size_ + lines_size_; }
  std::size_t lines_size() const { return lines_size_; }

 private:
  char* lines() { return bytes_ + max_request_line; }
  void point_to(request_head& head, const char* begin) {
    static_cast<framing&>(head) = framing_;
    const auto moved = begin - begin_;
    begin_ = begin;
    misses_ = 0;
    if (!moved) return;
    for (std::size_t i = 0; i < head.line_count; ++i) {
      auto& line = head.lines[i];
      line.name = {line.name.data() + moved, line.name.size()};
      line.value = {line.value.data() + moved, line.value.size()};
    }
  }

  static constexpr std::size_t max_request_line = 256, max_lines = 2048;
  static constexpr unsigned patience = 8;  // after so many misses only one in so many is remembered

  const request_head* head_ = nullptr;
  const char* begin_ = nullptr;  // where the head's lines point
  std::size_t request_line_size_ = 0, lines_size_ = 0;
  unsigned misses_ = 0;
  std::uint8_t minor_version_ = 0;
  framing framing_;
  char bytes_[max_request_line + max_lines];  // the request line ends where the lines begin
};

// `head` is filled only where the result is complete; its views point into [begin, end).
parse_result parse_new_head(char* begin, char* end, request_head& head, const parse_limits& limits,
                            last_head& last);
inline parse_result parse_head(char* begin, char* end, request_head& head,
                               const parse_limits& limits, last_head& last) {
  head.is_repeated = last.recall(head, begin, end);
  if (head.is_repeated) return {parse_status::complete, last.size(), 0, nullptr};
  return parse_new_head(begin, end, head, limits, last);
}

}  // namespace aft::http

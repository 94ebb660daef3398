#pragma once
// Removes the chunked transfer coding (RFC 9112 section 7.1), strictly.

#include <cstddef>
#include <cstdint>

#include <aft/ground/buffer.hpp>

namespace aft::http {

class chunked_reader {
 public:
  enum class status { more, done, refused, too_large };

  explicit chunked_reader(std::size_t max_body) : max_body_(max_body) {}

  // Takes bytes as they come; appends the content to `body`; `used` says how many were taken.
  status read(const char* data, std::size_t size, buffer& body, std::size_t& used);

 private:
  enum class place : std::uint8_t {
    size,            // digits of a chunk's size
    extension_name,  // its first letter, after ';'
    extension,       // up to CR
    size_lf,         // the LF after it
    data,
    data_cr,
    data_lf,
    trailer,  // at the start of a trailer line, or of the last line
    trailer_name,
    trailer_line,  // after the colon
    trailer_lf,
    last_lf,
  };

  std::uint64_t left_ = 0;  // of the chunk
  std::size_t max_body_;
  std::size_t taken_ = 0;
  std::uint32_t overhead_ = 0;  // bytes of extensions and trailers
  std::uint8_t digits_ = 0;
  place at_ = place::size;
};

}  // namespace aft::http

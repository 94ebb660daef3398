#pragma once
// The encodings of mail.

#include <string>
#include <string_view>

namespace aft::client {

bool is_printable_ascii(std::string_view text);

// The value of a header for people ("unstructured"), folded; RFC 2047 where it is not plain ASCII.
// `used` is what stands on the line before it.
std::string encode_words(std::string_view text, std::size_t used);

// RFC 2045 section 6.7. Line breaks of any sort become CRLF.
std::string to_quoted_printable(std::string_view text);

// In lines of 76 characters.
std::string to_base64_lines(std::string_view bytes);

// "Sat, 31 Jan 2026 12:00:00 +0000"
std::string mail_date(std::int64_t unix_seconds);

}  // namespace aft::client

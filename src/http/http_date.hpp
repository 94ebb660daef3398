#pragma once
// Dates as HTTP writes them (RFC 9110 section 5.6.7), in unix seconds.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace aft::http {

inline constexpr std::size_t http_date_size = 29;

// "Sun, 06 Nov 1994 08:49:37 GMT", always of that size. What lies outside the years 0 to 9999 is
// written as the nearest moment within.
char* write_http_date(char* to, std::int64_t unix_seconds);

// That form, and the two obsolete ones: "Sunday, 06-Nov-94 08:49:37 GMT" and
// "Sun Nov  6 08:49:37 1994". `now` tells the century of a year of two digits. The name of the day
// must be one, but need not be the right one. Nothing else is a date.
std::optional<std::int64_t> read_http_date(std::string_view text, std::int64_t now);

}  // namespace aft::http

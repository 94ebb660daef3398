#include "http/http_date.hpp"

#include <limits>
#include <string>

#include <doctest/doctest.h>

namespace {

constexpr std::int64_t now = 1'790'000'000;  // 2026

std::string write(std::int64_t unix_seconds) {
  std::string text(aft::http::http_date_size, '?');
  CHECK(aft::http::write_http_date(text.data(), unix_seconds) == text.data() + text.size());
  return text;
}

}  // namespace

TEST_CASE("dates are written as RFC 9110 wants them") {
  struct {
    std::int64_t unix_seconds;
    const char* text;
  } const table[] = {
      {0, "Thu, 01 Jan 1970 00:00:00 GMT"},
      {784'111'777, "Sun, 06 Nov 1994 08:49:37 GMT"},
      {951'782'400, "Tue, 29 Feb 2000 00:00:00 GMT"},
      {1'767'225'599, "Wed, 31 Dec 2025 23:59:59 GMT"},
      {-1, "Wed, 31 Dec 1969 23:59:59 GMT"},
      {std::numeric_limits<std::int64_t>::max(), "Fri, 31 Dec 9999 23:59:59 GMT"},
      {std::numeric_limits<std::int64_t>::min(), "Sat, 01 Jan 0000 00:00:00 GMT"},
  };
  for (const auto& row : table) CHECK(write(row.unix_seconds) == row.text);
}

TEST_CASE("what was written is read again") {
  for (std::int64_t t = -3'000'000'000; t < 5'000'000'000; t += 12'345'679) {
    CHECK(aft::http::read_http_date(write(t), now) == t);
  }
}

TEST_CASE("the obsolete forms are dates too") {
  for (const char* text : {"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
                           "Sun Nov  6 08:49:37 1994", "Mon, 06 Nov 1994 08:49:37 GMT"}) {
    CAPTURE(text);
    CHECK(aft::http::read_http_date(text, now) == 784'111'777);
  }
  CHECK(aft::http::read_http_date("Wed Nov 16 08:49:37 1994", now) == 784'975'777);
}

TEST_CASE("a year of two digits is at most 50 years away") {
  auto year = [](const char* text, std::int64_t at) {
    return write(aft::http::read_http_date(text, at).value()).substr(12, 4);
  };
  CHECK(year("Friday, 31-Jan-76 00:00:00 GMT", now) == "2076");
  CHECK(year("Friday, 31-Jan-77 00:00:00 GMT", now) == "1977");
  CHECK(year("Friday, 31-Jan-00 00:00:00 GMT", now) == "2000");
  CHECK(year("Friday, 31-Jan-10 00:00:00 GMT", 3'471'292'800) == "2110");  // asked in 2080
}

TEST_CASE("what is no date is none") {
  for (const char* text : {"",
                           "0",
                           "Sun, 06 Nov 1994 08:49:37",
                           "Sun, 06 Nov 1994 08:49:37 CET",
                           "Sun, 06 Nov 1994 08:49:37 GMT ",
                           "Sun, 6 Nov 1994 08:49:37 GMT",
                           "Xun, 06 Nov 1994 08:49:37 GMT",
                           "sun, 06 nov 1994 08:49:37 gmt",
                           "Sun, 06 Nov 1994 24:00:00 GMT",
                           "Sun, 06 Nov 1994 08:60:37 GMT",
                           "Sun, 06 Nov 1994 08:49:61 GMT",
                           "Sun, 30 Feb 1994 08:49:37 GMT",
                           "Sun, 29 Feb 2100 08:49:37 GMT",
                           "Sun, 00 Nov 1994 08:49:37 GMT",
                           "Sun, 06-Nov-94 08:49:37 GMT",
                           "Sunday, 06-Nov-1994 08:49:37 GMT",
                           "Sun Nov 6 08:49:37 1994",
                           "Sun Nov  6 08:49:37 1994 GMT",
                           "Sun Nov  6 08:49:37",
                           "1994-11-06T08:49:37Z"}) {
    CAPTURE(text);
    CHECK(!aft::http::read_http_date(text, now));
  }
}

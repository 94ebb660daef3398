#include "http_date.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>

namespace aft::http {
namespace {

constexpr std::int64_t seconds_per_day = 86'400;
constexpr std::int64_t first_second = -62'167'219'200;  // 0000-01-01T00:00:00
constexpr std::int64_t last_second = 253'402'300'799;   // 9999-12-31T23:59:59

constexpr std::string_view day_names[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                          "Thursday", "Friday", "Saturday"};
constexpr std::string_view month_names[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                            "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

std::chrono::year_month_day date_at(std::int64_t unix_seconds) {
  using days = std::chrono::days;
  return std::chrono::floor<days>(std::chrono::sys_seconds(std::chrono::seconds(unix_seconds)));
}

// Takes a date apart from the left; each step is false where the text goes on otherwise.
struct date_reader {
  std::string_view left;
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;

  bool text(std::string_view expected) {
    if (!left.starts_with(expected)) return false;
    left.remove_prefix(expected.size());
    return true;
  }
  bool number(std::size_t digits, int& value) {
    if (left.size() < digits) return false;
    value = 0;
    for (char c : left.substr(0, digits)) {
      if (c < '0' || c > '9') return false;
      value = value * 10 + (c - '0');
    }
    left.remove_prefix(digits);
    return true;
  }
  bool day_name(std::size_t letters) {  // to so many
    return std::any_of(std::begin(day_names), std::end(day_names),
                       [this, letters](auto name) { return text(name.substr(0, letters)); });
  }
  bool month_name() {
    for (auto name : month_names) {
      ++month;
      if (text(name)) return true;
    }
    return false;
  }
  bool time() {
    return number(2, hour) && text(":") && number(2, minute) && text(":") && number(2, second);
  }

  bool imf_fixdate() {
    return day_name(3) && text(", ") && number(2, day) && text(" ") && month_name() && text(" ") &&
           number(4, year) && text(" ") && time() && text(" GMT") && left.empty();
  }
  bool rfc850(std::int64_t now) {
    if (!(day_name(9) && text(", ") && number(2, day) && text("-") && month_name() && text("-") &&
          number(2, year) && text(" ") && time() && text(" GMT") && left.empty())) {
      return false;
    }
    // Not more than 50 years from now, else in the past.
    const int this_year = int(date_at(std::clamp(now, first_second, last_second)).year());
    year += this_year / 100 * 100;
    if (year <= this_year - 50) year += 100;
    if (year > this_year + 50) year -= 100;
    return true;
  }
  bool asctime() {
    return day_name(3) && text(" ") && month_name() && text(" ") &&
           (text(" ") ? number(1, day) : number(2, day)) && text(" ") && time() && text(" ") &&
           number(4, year) && left.empty();
  }
};

}  // namespace

char* write_http_date(char* to, std::int64_t unix_seconds) {
  unix_seconds = std::clamp(unix_seconds, first_second, last_second);
  const auto date = date_at(unix_seconds);
  const auto days = std::chrono::sys_days(date).time_since_epoch();
  const auto second = int(unix_seconds - days.count() * seconds_per_day);
  const int year = int(date.year());
  auto letters = [&to](std::string_view text) {
    std::memcpy(to, text.data(), text.size());
    to += text.size();
  };
  auto two = [&to](int value) {
    *to++ = char('0' + value / 10);
    *to++ = char('0' + value % 10);
  };
  letters(day_names[std::chrono::weekday(date).c_encoding()].substr(0, 3));
  letters(", ");
  two(int(unsigned(date.day())));
  letters(" ");
  letters(month_names[unsigned(date.month()) - 1]);
  letters(" ");
  two(year / 100), two(year % 100);
  letters(" ");
  two(second / 3600), letters(":"), two(second / 60 % 60), letters(":"), two(second % 60);
  letters(" GMT");
  return to;
}

std::optional<std::int64_t> read_http_date(std::string_view text, std::int64_t now) {
  date_reader in{text};
  if (text.size() == http_date_size && text[3] == ',') {
    if (!in.imf_fixdate()) return {};
  } else if (text.find(',') != text.npos) {
    if (!in.rfc850(now)) return {};
  } else {
    if (!in.asctime()) return {};
  }
  const std::chrono::year_month_day date{std::chrono::year(in.year),
                                         std::chrono::month(unsigned(in.month)),
                                         std::chrono::day(unsigned(in.day))};
  if (!date.ok() || in.hour > 23 || in.minute > 59 || in.second > 60) return {};
  const auto days = std::int64_t(std::chrono::sys_days(date).time_since_epoch().count());
  return days * seconds_per_day + in.hour * 3600 + in.minute * 60 + in.second;
}

}  // namespace aft::http

#include <aft/ground/time.hpp>

#include <chrono>

namespace aft {
namespace {

using sys_microseconds = std::chrono::sys_time<std::chrono::microseconds>;

char* two_digits(char* out, int value) {
  out[0] = char('0' + value / 10);
  out[1] = char('0' + value % 10);
  return out + 2;
}

// The digits of `text` from `at`, `count` of them; false if one is no digit or missing.
bool digits(std::string_view text, std::size_t at, std::size_t count, int& value) {
  if (at + count > text.size()) return false;
  value = 0;
  for (std::size_t i = at; i < at + count; ++i) {
    if (text[i] < '0' || text[i] > '9') return false;
    value = value * 10 + (text[i] - '0');
  }
  return true;
}

}  // namespace

char* write_rfc3339(char* out, time_point moment) {
  const sys_microseconds exact(moment);
  const auto day = std::chrono::floor<std::chrono::days>(exact);
  const std::chrono::year_month_day date(day);
  const auto rest = (exact - day).count();
  int year = int(date.year());
  if (year < 0) year = 0;
  if (year > 9999) year = 9999;
  out = two_digits(out, year / 100);
  out = two_digits(out, year % 100);
  *out++ = '-';
  out = two_digits(out, int(unsigned(date.month())));
  *out++ = '-';
  out = two_digits(out, int(unsigned(date.day())));
  *out++ = 'T';
  out = two_digits(out, int(rest / 3'600'000'000));
  *out++ = ':';
  out = two_digits(out, int(rest / 60'000'000 % 60));
  *out++ = ':';
  out = two_digits(out, int(rest / 1'000'000 % 60));
  if (int fraction = int(rest % 1'000'000)) {
    *out++ = '.';
    out = two_digits(out, fraction / 10'000);
    out = two_digits(out, fraction / 100 % 100);
    out = two_digits(out, fraction % 100);
    while (out[-1] == '0') --out;
  }
  *out++ = 'Z';
  return out;
}

std::string to_rfc3339(time_point moment) {
  char text[32];
  return std::string(text, write_rfc3339(text, moment));
}

bool read_rfc3339(std::string_view text, time_point& moment) {
  int y, mo, d, h, mi, s;
  if (!digits(text, 0, 4, y) || !digits(text, 5, 2, mo) || !digits(text, 8, 2, d) ||
      !digits(text, 11, 2, h) || !digits(text, 14, 2, mi) || !digits(text, 17, 2, s)) {
    return false;
  }
  bool separated = text[4] == '-' && text[7] == '-' && text[13] == ':' && text[16] == ':' &&
                   (text[10] == 'T' || text[10] == 't' || text[10] == ' ');
  const std::chrono::year_month_day date{std::chrono::year(y), std::chrono::month(unsigned(mo)),
                                         std::chrono::day(unsigned(d))};
  if (!separated || !date.ok() || h > 23 || mi > 59 || s > 60) return false;

  std::size_t at = 19;
  std::int64_t fraction = 0;
  if (at < text.size() && text[at] == '.') {
    std::size_t begin = ++at;
    for (std::int64_t unit = 100'000; at < text.size() && text[at] >= '0' && text[at] <= '9';
         ++at) {
      fraction += (text[at] - '0') * unit;
      unit /= 10;
    }
    if (at == begin) return false;
  }
  int offset = 0;  // minutes
  if (at + 1 == text.size() && (text[at] == 'Z' || text[at] == 'z')) {
  } else if (at + 6 == text.size() && (text[at] == '+' || text[at] == '-') && text[at + 3] == ':') {
    int oh, om;
    if (!digits(text, at + 1, 2, oh) || !digits(text, at + 4, 2, om) || oh > 23 || om > 59) {
      return false;
    }
    offset = (oh * 60 + om) * (text[at] == '-' ? -1 : 1);
  } else {
    return false;
  }
  const auto day = std::int64_t(std::chrono::sys_days(date).time_since_epoch().count());
  const auto whole_seconds = day * 86'400 + h * 3'600 + (mi - offset) * 60 + s;
  moment = time_point(microseconds(whole_seconds * 1'000'000 + fraction));
  return true;
}

}  // namespace aft

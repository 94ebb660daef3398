#include <bit>
#include <chrono>

#include "cron_fields.hpp"

namespace aft::jobs {
namespace {

constexpr std::uint64_t cron_bit(unsigned value) { return std::uint64_t(1) << value; }

// The first value of the set from `from` on; -1 if there is none.
int first_of(std::uint64_t set, int from) {
  if (from > 63) return -1;
  set &= ~std::uint64_t(0) << from;
  return set ? std::countr_zero(set) : -1;
}

int length_of(int year, unsigned month) {
  return int(
      unsigned((std::chrono::year(year) / std::chrono::month(month) / std::chrono::last).day()));
}

// The day from Monday to Friday that is nearest to `day`, in its month.
int nearest_weekday(int day, int length, int weekday) {
  if (weekday == 6) return day > 1 ? day - 1 : day + 2;
  if (weekday == 0) return day < length ? day + 1 : day - 2;
  return day;
}

std::uint64_t days_by_number(const cron_fields& f, int length, int first_weekday) {
  std::uint64_t days = f.days;
  for (int day = 1; day <= length; ++day) {
    if (f.days_before_last & cron_bit(unsigned(length - day))) days |= cron_bit(unsigned(day));
    const bool wanted =
        (f.nearest_days & cron_bit(unsigned(day))) || (day == length && (f.nearest_days & 1));
    if (wanted) {
      const int weekday = (first_weekday + day - 1) % 7;
      days |= cron_bit(unsigned(nearest_weekday(day, length, weekday)));
    }
  }
  return days;
}

std::uint64_t days_by_weekday(const cron_fields& f, int length, int first_weekday) {
  std::uint64_t days = 0;
  for (int day = 1; day <= length; ++day) {
    const auto weekday = unsigned(first_weekday + day - 1) % 7;
    const auto which = unsigned(day - 1) / 7;
    const bool is_last = day + 7 > length;
    if ((f.weekdays & cron_bit(weekday)) || (f.nth_weekdays & cron_bit(which * 7 + weekday)) ||
        (is_last && (f.last_weekdays & cron_bit(weekday)))) {
      days |= cron_bit(unsigned(day));
    }
  }
  return days;
}

// The first second of a day from `from` on that matches; -1 if there is none.
int find_time(const cron_fields& f, int from) {
  const int first_second = first_of(f.seconds, 0), first_minute = first_of(f.minutes, 0);
  int hour = from / 3'600, minute = from / 60 % 60;
  if (f.hours & cron_bit(unsigned(hour))) {
    if (f.minutes & cron_bit(unsigned(minute))) {
      const int second = first_of(f.seconds, from % 60);
      if (second >= 0) return hour * 3'600 + minute * 60 + second;
    }
    minute = first_of(f.minutes, minute + 1);
    if (minute >= 0) return hour * 3'600 + minute * 60 + first_second;
  }
  hour = first_of(f.hours, hour + 1);
  return hour < 0 ? -1 : hour * 3'600 + first_minute * 60 + first_second;
}

std::chrono::sys_days floor_day(std::int64_t second) {
  return std::chrono::floor<std::chrono::days>(
      std::chrono::sys_seconds(std::chrono::seconds(second)));
}

}  // namespace

std::uint64_t matching_days(const cron_fields& f, int year, unsigned month) {
  if (!(f.months & cron_bit(month))) return 0;
  const int length = length_of(year, month);
  const std::chrono::weekday first(
      std::chrono::sys_days(std::chrono::year(year) / std::chrono::month(month) / 1));
  const auto by_number = days_by_number(f, length, int(first.c_encoding()));
  const auto by_weekday = days_by_weekday(f, length, int(first.c_encoding()));
  const auto days = f.any_day || f.any_weekday ? by_number & by_weekday : by_number | by_weekday;
  return days & ((cron_bit(unsigned(length) + 1) - 1) & ~std::uint64_t(1));
}

std::optional<std::int64_t> find_match(const cron_fields& f, std::int64_t from,
                                       std::int64_t until) {
  if (from >= until) return std::nullopt;
  const auto today = floor_day(from);
  const auto last_day = floor_day(until - 1);
  const auto time = int(from - std::chrono::sys_seconds(today).time_since_epoch().count());
  const std::chrono::year_month_day date(today);
  int day = int(unsigned(date.day()));

  for (auto month = date.year() / date.month(); std::chrono::sys_days(month / 1) <= last_day;
       month += std::chrono::months(1)) {
    const auto due = matching_days(f, int(month.year()), unsigned(month.month()));
    for (; (day = first_of(due, day)) >= 0; ++day) {
      const std::chrono::sys_days found(month / day);
      const int second = find_time(f, found == today ? time : 0);
      if (second < 0) continue;
      const auto match = std::chrono::sys_seconds(found).time_since_epoch().count() + second;
      if (match >= until) return std::nullopt;
      return match;
    }
    day = 1;
  }
  return std::nullopt;
}

}  // namespace aft::jobs

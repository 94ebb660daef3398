#include "yearly_shift.hpp"

#include <algorithm>
#include <chrono>

namespace aft::jobs {
namespace {

// Reads such a line from the left; after a mistake `good` is false.
struct shift_line {
  std::string_view rest;
  bool good = true;

  bool take(char c) {
    if (rest.empty() || rest.front() != c) return false;
    rest.remove_prefix(1);
    return true;
  }
  void expect(char c) { good = take(c) && good; }

  std::int64_t number() {
    std::int64_t value = 0;
    const auto begin = rest.size();
    while (!rest.empty() && rest.front() >= '0' && rest.front() <= '9' && value < 1000) {
      value = value * 10 + (rest.front() - '0');
      rest.remove_prefix(1);
    }
    good = good && begin != rest.size();
    return value;
  }
  unsigned number(unsigned low, unsigned high) {
    const auto value = unsigned(number());
    good = good && low <= value && value <= high;
    return value;
  }

  void skip_name() {
    const bool quoted = take('<');
    const auto begin = rest.size();
    const auto is_of_name = [quoted](char c) {
      return quoted ? c != '>' : (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    };
    while (!rest.empty() && is_of_name(rest.front())) rest.remove_prefix(1);
    good = good && rest.size() < begin;
    if (quoted) expect('>');
  }

  // [+-]h[:m[:s]] in seconds
  std::int64_t time() {
    const bool negative = take('-');
    if (!negative) take('+');
    auto seconds = std::int64_t(number(0, 167)) * 3'600;
    if (take(':')) seconds += number(0, 59) * 60;
    if (take(':')) seconds += number(0, 59);
    return negative ? -seconds : seconds;
  }

  yearly_shift::date date() {
    yearly_shift::date d;
    expect(',');
    expect('M');
    d.month = number(1, 12);
    expect('.');
    d.nth = number(1, 5);
    expect('.');
    d.weekday = number(0, 6);
    if (take('/')) d.time = time();
    return d;
  }
};

// In seconds since 1970 of the clock that is in use before.
std::int64_t moment_of(const yearly_shift::date& d, std::chrono::year year) {
  using std::chrono::sys_days;
  const auto in_month = year / std::chrono::month(d.month);
  const std::chrono::weekday day(d.weekday);
  const bool is_last = d.nth == 5;
  const auto found =
      is_last ? sys_days(in_month / day[std::chrono::last]) : sys_days(in_month / day[d.nth]);
  return std::chrono::sys_seconds(found).time_since_epoch().count() + d.time;
}

}  // namespace

std::optional<yearly_shift> yearly_shift::read(std::string_view line) {
  shift_line in{line};
  yearly_shift shift;
  in.skip_name();
  shift.standard = -in.time();  // it counts westwards
  if (in.rest.empty()) return std::nullopt;
  in.skip_name();
  shift.shifted = shift.standard + 3'600;
  if (!in.rest.empty() && in.rest.front() != ',') shift.shifted = -in.time();
  shift.begin = in.date();
  shift.end = in.date();
  if (!in.good || !in.rest.empty()) return std::nullopt;
  return shift;
}

yearly_shift::span yearly_shift::span_at(std::int64_t moment) const {
  using std::chrono::years;
  const std::chrono::sys_seconds exact{std::chrono::seconds(moment)};
  const auto now = std::chrono::year_month_day(std::chrono::floor<std::chrono::days>(exact)).year();
  struct change {
    std::int64_t at, offset;  // from then on
  };
  change changes[10]{};
  int count = 0;
  // Two years around, for a week's hours may move a change into the next year.
  for (auto y = now - years(2); y <= now + years(2); ++y) {
    changes[count++] = {moment_of(begin, y) - standard, shifted};
    changes[count++] = {moment_of(end, y) - shifted, standard};
  }
  std::sort(changes, changes + count, [](const change& a, const change& b) { return a.at < b.at; });
  const auto* next =
      std::find_if(changes, changes + count, [moment](const change& c) { return moment < c.at; });
  return {next[-1].at, next->at, next[-1].offset};
}

}  // namespace aft::jobs

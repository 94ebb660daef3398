#include <aft/jobs/cron.hpp>

#include <algorithm>
#include <string>
#include <utility>
#include <variant>

#include <aft/ground/error.hpp>

#include "cron_fields.hpp"
#include "cron_quote.hpp"
#include "time_zone.hpp"

namespace aft {
namespace jobs {

struct timetable {
  std::string text;
  time_zone zone;
  std::variant<cron_fields, std::int64_t> due;  // or every so many seconds
};

namespace {

constexpr std::size_t max_text = 256;
constexpr std::int64_t year_0 = -62'167'219'200, year_10000_begins = 253'402'300'800;

// Clocks were set by a whole day where the date line moved.
constexpr std::int64_t longest_shift = 2 * 86'400;

// Longer than the calendar takes to repeat.
constexpr std::int64_t far = std::int64_t(401) * 366 * 86'400;

[[noreturn]] void refuse_text(std::string_view text, const char* why) {
  throw configuration_error("schedule " + quote_schedule(text) + " " + why);
}

std::string_view trim_blanks(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t");
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

std::string to_lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? char(c + ('a' - 'A')) : c;
  return lower;
}

// "1h30m": hours, minutes and seconds in this order.
std::int64_t read_interval(std::string_view interval, std::string_view text) {
  constexpr const char* form =
      "does not say every how long; allowed are hours, minutes and seconds in this order, from 1s "
      "to 8784h: @every 1h30m";
  constexpr std::int64_t most = std::int64_t(366) * 86'400;
  constexpr std::pair<char, std::int64_t> units[] = {{'h', 3'600}, {'m', 60}, {'s', 1}};
  const auto* unit = std::begin(units);
  std::int64_t total = 0;
  for (std::size_t at = 0; at < interval.size(); ++at) {
    std::int64_t count = 0;
    const auto begin = at;
    for (; at < interval.size() && interval[at] >= '0' && interval[at] <= '9'; ++at) {
      count = std::min(count * 10 + (interval[at] - '0'), most + 1);
    }
    if (at == begin || at == interval.size()) refuse_text(text, form);
    unit = std::find_if(unit, std::end(units), [&](auto& u) { return u.first == interval[at]; });
    if (unit == std::end(units)) refuse_text(text, form);
    total += count * unit->second;
    ++unit;
  }
  if (total < 1 || total > most) refuse_text(text, form);
  return total;
}

std::variant<cron_fields, std::int64_t> read_schedule(std::string_view text) {
  if (text.size() > max_text) refuse_text(text, "is longer than 256 characters");
  const auto trimmed = trim_blanks(text);
  if (!trimmed.starts_with('@')) return read_cron_fields(trimmed, text);
  const auto word = to_lower(trimmed);
  if (word.starts_with("@every ") || word.starts_with("@every\t")) {
    return read_interval(trim_blanks(std::string_view(word).substr(7)), text);
  }
  constexpr std::pair<std::string_view, std::string_view> words[] = {
      {"@yearly", "0 0 1 1 *"}, {"@annually", "0 0 1 1 *"}, {"@monthly", "0 0 1 * *"},
      {"@weekly", "0 0 * * 0"}, {"@daily", "0 0 * * *"},    {"@midnight", "0 0 * * *"},
      {"@hourly", "0 * * * *"}};
  for (const auto& [name, fields] : words) {
    if (word == name) return read_cron_fields(fields, text);
  }
  refuse_text(text,
              "is no word that stands for one; allowed are @yearly, @annually, @monthly, @weekly, "
              "@daily, @midnight, @hourly and @every 1h30m");
}

// Where in a period to look for local times, as the clock was set at its beginning.
struct look {
  std::int64_t from;      // of local time
  bool at_begin = false;  // a skipped time is due at the moment of the jump
};

look look_from_begin(const cron_fields& f, const zone_period& before, const zone_period& period) {
  const auto old_clock = period.begin + before.offset, clock = period.begin + period.offset;
  if (clock > old_clock) return {clock, !f.any_hour && find_match(f, old_clock, clock)};
  // What comes twice was due already.
  return {f.any_hour || f.any_minute ? clock : old_clock};
}

// The first moment from `from` on.
std::int64_t find_due(const cron_fields& f, const time_zone& zone, std::int64_t from) {
  auto period = zone.period_at(from);
  look here{from + period.offset};
  if (from - period.begin < longest_shift) {
    const auto begin = look_from_begin(f, zone.period_at(period.begin - 1), period);
    if (begin.at_begin && from == period.begin) return from;
    here.from = std::max(here.from, begin.from);
  }
  while (true) {
    const auto until = std::min(period.end + period.offset, here.from + far);
    if (const auto match = find_match(f, here.from, until)) return *match - period.offset;
    const auto next = zone.period_at(period.end);
    here = look_from_begin(f, period, next);
    if (here.at_begin) return next.begin;
    period = next;
  }
}

constexpr std::int64_t count_whole(std::int64_t value, std::int64_t unit) {
  return value / unit - (value % unit < 0);
}

}  // namespace
}  // namespace jobs

schedule::schedule(std::string_view text, std::string_view zone)
    : plan_(new jobs::timetable{std::string(text), jobs::time_zone(zone),
                                jobs::read_schedule(text)}) {}
schedule::schedule(const schedule& other) : plan_(new jobs::timetable(*other.plan_)) {}
schedule::schedule(schedule&& other) noexcept : plan_(std::exchange(other.plan_, nullptr)) {}
schedule& schedule::operator=(schedule other) noexcept {
  std::swap(plan_, other.plan_);
  return *this;
}
schedule::~schedule() { delete plan_; }

std::string_view schedule::text() const { return plan_->text; }
std::string_view schedule::zone() const { return plan_->zone.name(); }

time_point schedule::next(time_point after) const {
  const auto second = jobs::count_whole(after.since_1970().in_microseconds(), 1'000'000);
  if (second < jobs::year_0 || second >= jobs::year_10000_begins) {
    throw error("schedule " + jobs::quote_schedule(plan_->text) +
                " is asked for a time out of the years 0 to 9999");
  }
  const auto* every = std::get_if<std::int64_t>(&plan_->due);
  const auto due =
      every ? (jobs::count_whole(second, *every) + 1) * *every
            : jobs::find_due(std::get<jobs::cron_fields>(plan_->due), plan_->zone, second + 1);
  return time_point(seconds(due));
}

}  // namespace aft

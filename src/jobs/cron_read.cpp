#include <string>

#include <aft/ground/error.hpp>

#include "cron_fields.hpp"
#include "cron_quote.hpp"

namespace aft::jobs {
namespace {

struct field_kind {
  const char* name;
  const char* allowed;
  int low, high;
  std::string_view names;  // three letters each, from `low`
};

constexpr field_kind second_field{"second", "0 to 59", 0, 59, ""};
constexpr field_kind minute_field{"minute", "0 to 59", 0, 59, ""};
constexpr field_kind hour_field{"hour", "0 to 23", 0, 23, ""};
constexpr field_kind day_field{"day of month", "1 to 31, L, L-3, LW, 15W, ?", 1, 31, ""};
constexpr field_kind month_field{"month", "1 to 12, JAN to DEC", 1, 12,
                                 "JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC"};
constexpr field_kind weekday_field{"day of week",
                                   "0 to 7 (Sunday is 0 and 7), SUN to SAT, FRIL, MON#2, ?", 0, 7,
                                   "SUNMONTUEWEDTHUFRISAT"};

constexpr char upper(char c) { return c >= 'a' && c <= 'z' ? char(c - ('a' - 'A')) : c; }

constexpr std::uint64_t bit(int value) { return std::uint64_t(1) << value; }

// Reads one field of a schedule.
class cron_field {
 public:
  cron_field(const field_kind& kind, std::string_view field, std::string_view text)
      : kind_(kind), text_(text), field_(field) {}

  // Calls `each` with the parts of the list.
  template <class F>
  void split(F each) const {
    std::size_t begin = 0;
    while (true) {
      const auto end = std::min(field_.find(',', begin), field_.size());
      if (begin == end) refuse(field_, "has an empty place in its list");
      each(field_.substr(begin, end - begin));
      if (end == field_.size()) return;
      begin = end + 1;
    }
  }

  // A value, a range, or steps of one.
  std::uint64_t read_values(std::string_view item) const {
    const auto slash = item.find('/');
    const auto range = item.substr(0, slash);
    const auto dash = range.find('-');
    int first = kind_.low, last = kind_.high, step = 1;
    if (range != "*") {
      first = read_value(range.substr(0, dash), item);
      if (dash != range.npos) last = read_end(first, range.substr(dash + 1), item);
      else if (slash == item.npos) last = first;
    }
    if (slash != item.npos) step = read_number(item.substr(slash + 1), 1, kind_.high, item, "step");
    std::uint64_t values = 0;
    for (int value = first; value <= last; value += step) values |= bit(value);
    return values;
  }

  // A number or a name.
  int read_value(std::string_view value, std::string_view item) const {
    if (value.size() == 3) {
      for (std::size_t at = 0; at < kind_.names.size(); at += 3) {
        if (is_name(value, kind_.names.substr(at, 3))) return kind_.low + int(at / 3);
      }
    }
    return read_number(value, kind_.low, kind_.high, item, "value");
  }

  int read_number(std::string_view digits, int low, int high, std::string_view item,
                  const char* what) const {
    int number = digits.empty() ? -1 : 0;
    for (char c : digits) {
      if (c < '0' || c > '9') number = -1;
      if (number < 0) break;
      number = std::min(number * 10 + (c - '0'), 1000);
    }
    if (number < 0) refuse(item, std::string("has a ") + what + " that is none");
    if (number < low || number > high) {
      refuse(item, std::string("has a ") + what + " out of its range, " + std::to_string(low) +
                       " to " + std::to_string(high));
    }
    return number;
  }

  [[noreturn]] void refuse(std::string_view item, const std::string& why) const {
    throw configuration_error("schedule " + quote_schedule(text_) + ": the " + kind_.name + " " +
                              quote_schedule(item) + " " + why + "; allowed are " + kind_.allowed +
                              ", *, and lists, ranges and steps (1,2 1-5 */15)");
  }

  bool begins_with_star() const { return field_.starts_with('*'); }
  bool is_open() const { return field_ == "?" || begins_with_star(); }

 private:
  static bool is_name(std::string_view value, std::string_view name) {
    return upper(value[0]) == name[0] && upper(value[1]) == name[1] && upper(value[2]) == name[2];
  }

  int read_end(int first, std::string_view value, std::string_view item) const {
    int last = read_value(value, item);
    if (last == 0 && first > 0 && &kind_ == &weekday_field) last = 7;  // SAT-SUN
    if (last < first) refuse(item, "is a range that ends before it begins");
    return last;
  }

  const field_kind& kind_;
  std::string_view text_, field_;
};

bool ends_with(std::string_view item, char letter) { return upper(item.back()) == letter; }

void read_day(const cron_field& field, std::string_view item, cron_fields& out) {
  const auto before = item.substr(0, item.size() - 1);
  if (upper(item[0]) == 'L') {
    if (item.size() == 1) out.days_before_last |= 1;
    else if (item.size() == 2 && ends_with(item, 'W')) out.nearest_days |= 1;
    else if (item[1] == '-') {
      out.days_before_last |= bit(field.read_number(item.substr(2), 1, 30, item, "distance"));
    } else {
      field.refuse(item, "is no last day");
    }
  } else if (ends_with(item, 'W')) {
    out.nearest_days |= bit(field.read_number(before, 1, 31, item, "value"));
  } else {
    out.days |= field.read_values(item);
  }
}

void read_weekday(const cron_field& field, std::string_view item, cron_fields& out) {
  if (const auto hash = item.find('#'); hash != item.npos) {
    const int weekday = field.read_value(item.substr(0, hash), item) % 7;
    const int which = field.read_number(item.substr(hash + 1), 1, 5, item, "number");
    out.nth_weekdays |= bit((which - 1) * 7 + weekday);
  } else if (ends_with(item, 'L')) {
    if (item.size() == 1) field.refuse(item, "does not say which day is the last; SATL does");
    out.last_weekdays |= bit(field.read_value(item.substr(0, item.size() - 1), item) % 7);
  } else {
    const auto values = field.read_values(item);
    out.weekdays |= (values | values >> 7) & 0x7f;
  }
}

constexpr bool is_gap(char c) { return c == ' ' || c == '\t'; }

// Takes the next field from `text`; empty at its end.
std::string_view take_field(std::string_view& text) {
  while (!text.empty() && is_gap(text.front())) text.remove_prefix(1);
  std::size_t size = 0;
  while (size < text.size() && !is_gap(text[size])) ++size;
  const auto field = text.substr(0, size);
  text.remove_prefix(size);
  return field;
}

std::uint64_t read_set(const cron_field& field) {
  std::uint64_t values = 0;
  field.split([&](std::string_view item) { values |= field.read_values(item); });
  return values;
}

// The calendar repeats every 400 years.
bool is_ever_due(const cron_fields& fields) {
  for (int year = 2000; year < 2400; ++year) {
    for (unsigned month = 1; month <= 12; ++month) {
      if (matching_days(fields, year, month)) return true;
    }
  }
  return false;
}

}  // namespace

cron_fields read_cron_fields(std::string_view fields, std::string_view text) {
  std::string_view parts[7];
  unsigned count = 0;
  while (count < 7 && !(parts[count] = take_field(fields)).empty()) ++count;
  if (count != 5 && count != 6) {
    throw configuration_error(
        "schedule " + quote_schedule(text) + " has " +
        (count > 6 ? "more than six fields" : std::to_string(count) + " fields") +
        "; allowed are five: minute, hour, day of month, month, day of week; or six, with the "
        "second before them");
  }
  const auto* part = parts + (count - 5);
  const cron_field minute(minute_field, part[0], text), hour(hour_field, part[1], text),
      day(day_field, part[2], text), month(month_field, part[3], text),
      weekday(weekday_field, part[4], text);

  cron_fields out;
  out.seconds = count == 6 ? read_set({second_field, parts[0], text}) : 1;
  out.minutes = read_set(minute);
  out.hours = read_set(hour);
  out.months = read_set(month);
  out.any_minute = minute.begins_with_star() || out.minutes == bit(60) - 1;
  out.any_hour = hour.begins_with_star() || out.hours == bit(24) - 1;
  out.any_day = day.is_open();
  out.any_weekday = weekday.is_open();
  if (part[2] == "?") out.days = ~std::uint64_t(0);
  else day.split([&](std::string_view item) { read_day(day, item, out); });
  if (part[4] == "?") out.weekdays = 0x7f;
  else weekday.split([&](std::string_view item) { read_weekday(weekday, item, out); });

  if (!is_ever_due(out)) {
    day.refuse(part[2], "is in none of the months " + quote_schedule(part[3]) +
                            " a day of the week " + quote_schedule(part[4]) +
                            " where that counts, so it is never due");
  }
  return out;
}

}  // namespace aft::jobs

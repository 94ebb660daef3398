#pragma once
// When something is due again and again.

#include <string_view>

#include <aft/ground/time.hpp>

namespace aft {

namespace jobs {
struct timetable;
}

// A schedule of cron in a time zone: schedule("0 9 * * MON-FRI", "Europe/Berlin").
//
// Five fields, or six with the second first:
//
//   second 0-59   minute 0-59   hour 0-23   day of month 1-31   month 1-12   day of week 0-7
//
// Each takes a value, `*`, a range `1-5`, steps `*/15`, `10-50/10` or `5/15` (from 5 to the end),
// and lists of these. Months are JAN to DEC too, days of the week SUN to SAT, in any case; 0 and 7
// are both Sunday. A day of the month may be L (the last), L-3 (three days before it), 15W (the day
// from Monday to Friday nearest to the 15th, in its month) or LW; a day of the week FRIL (the last
// Friday) or MON#2 (the second Monday). `?` is a `*` for these two fields. If both are restricted,
// either one suffices; one that begins with `*` restricts nothing but by its steps, as in Vixie's
// cron.
//
// @yearly, @annually, @monthly, @weekly, @daily, @midnight and @hourly stand for their first
// moments. "@every 1h30m" (hours, minutes, seconds, at most 366 days) counts from 1970 in UTC and
// not from a start, so that all processes agree.
//
// Where the clock jumps, as daylight-saving time begins or ends:
// - A time that is skipped is due at the moment of the jump; not so if the hour is `*`, has steps
//   of it or is every hour, for then the next time is near.
// - A time that comes twice is due at its first; at both if the minute or the hour is `*`, has
//   steps of it or is every one.
// - Times that fall on one moment by this are due once.
//
// A value; const from any thread. Zones come from the system's time zone database, which is read
// once, when the first schedule needs it.
class schedule {
 public:
  // Throws configuration_error that names the field and what it allows, or the unknown zone. So it
  // does for what is never due: "0 0 30 2 *". `zone` is a name of IANA's.
  explicit schedule(std::string_view text, std::string_view zone = "UTC");
  schedule(const schedule& other);
  schedule(schedule&& other) noexcept;  // of `other` only destruction and assignment are left
  schedule& operator=(schedule other) noexcept;
  ~schedule();

  // As given; they live as long as the schedule.
  std::string_view text() const;
  std::string_view zone() const;

  // The first moment after `after`, a whole second. There always is one. Throws error if `after` is
  // not in the years 0 to 9999.
  time_point next(time_point after) const;

  // The same text and the same zone.
  friend bool operator==(const schedule& a, const schedule& b) {
    return a.text() == b.text() && a.zone() == b.zone();
  }

 private:
  const jobs::timetable* plan_;
};

}  // namespace aft

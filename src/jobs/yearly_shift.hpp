#pragma once
// Daylight-saving time by one rule for all years: the last line of a file of the time zone database
// (RFC 9636 section 3.3), "CET-1CEST,M3.5.0,M10.5.0/3".

#include <cstdint>
#include <optional>
#include <string_view>

namespace aft::jobs {

struct yearly_shift {
  // When clocks are set: the nth such day of the week in a month, 5 being the last.
  struct date {
    unsigned month = 1, nth = 1, weekday = 0;
    std::int64_t time = 7'200;  // in seconds of that day; may be of a day before or after
  };
  std::int64_t standard = 0, shifted = 0;  // seconds that are added to UTC
  date begin, end;

  // Nothing if it names no such rule: an offset for ever, or a form that no zone uses.
  static std::optional<yearly_shift> read(std::string_view line);

  // The offset at a moment, and the moments around it at which it changes.
  struct span {
    std::int64_t begin, end, offset;
  };
  span span_at(std::int64_t moment) const;
};

}  // namespace aft::jobs

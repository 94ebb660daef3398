#pragma once
// The fields of cron, and the local times that they match.

#include <cstdint>
#include <optional>
#include <string_view>

namespace aft::jobs {

// Sets of values, a bit for each.
struct cron_fields {
  std::uint64_t seconds = 0, minutes = 0, hours = 0, days = 0, months = 0;
  std::uint64_t weekdays = 0;                 // Sunday is 0
  std::uint64_t days_before_last = 0;         // L is 0, L-3 is 3
  std::uint64_t nearest_days = 0;             // 15W is 15, LW is 0
  std::uint64_t last_weekdays = 0;            // FRIL is 5
  std::uint64_t nth_weekdays = 0;             // MON#2 is 1 * 7 + 1
  bool any_minute = false, any_hour = false;  // intervals, which go by the time that passes
  bool any_day = false, any_weekday = false;  // written with * or ?
};

// Reads five or six fields; throws configuration_error. `text` is what its message quotes.
cron_fields read_cron_fields(std::string_view fields, std::string_view text);

// The days of a month that match, a bit for each from 1; 0 if the month itself does not.
std::uint64_t matching_days(const cron_fields& fields, int year, unsigned month);

// The first second that matches in [from, until), in seconds of local time since 1970.
std::optional<std::int64_t> find_match(const cron_fields& fields, std::int64_t from,
                                       std::int64_t until);

}  // namespace aft::jobs

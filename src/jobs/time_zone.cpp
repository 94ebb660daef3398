#include "time_zone.hpp"

// The library is built for the system's files; without CMake nobody says so.
#ifndef USE_OS_TZDB
#define USE_OS_TZDB 1
#endif
#include <algorithm>
#include <fstream>
#include <limits>

#include <date/tz.h>
#include <aft/ground/error.hpp>

#include "cron_quote.hpp"

namespace aft::jobs {
namespace {

constexpr auto forever = std::numeric_limits<std::int64_t>::max() / 4;

// The date library puts its ends of time beyond all years that schedules know.
constexpr std::int64_t year_10000 = 253'402'300'800;

const date::time_zone* locate_time_zone(const std::string& name) {
  try {
    date::get_tzdb();
  } catch (const std::exception& e) {
    throw configuration_error(std::string("the system's time zones cannot be read: ") + e.what() +
                              "; on Debian: apt-get install tzdata");
  }
  // "localtime" is there too, but says something else on each machine.
  if (name != "localtime") {
    try {
      return date::locate_zone(name);
    } catch (const std::exception&) {  // there is no such zone
    }
  }
  throw configuration_error("the system knows no time zone " + quote_schedule(name) +
                            "; allowed are names of IANA's, as they are written there: UTC, "
                            "Europe/Berlin");
}

// The date library ends with the moments that the file lists: with 2037, or long ago where the
// files are of the short kind.
std::optional<yearly_shift> read_last_rule(const std::string& name) {
  std::ifstream in("/usr/share/zoneinfo/" + name, std::ios::binary);
  const std::string file{std::istreambuf_iterator<char>(in), {}};
  if (file.size() < 2 || !file.starts_with("TZif") || file.back() != '\n') return std::nullopt;
  const auto begin = file.rfind('\n', file.size() - 2);
  if (begin == file.npos) return std::nullopt;
  return yearly_shift::read(std::string_view(file).substr(begin + 1, file.size() - begin - 2));
}

}  // namespace

time_zone::time_zone(std::string_view name) : name_(name) {
  if (name_ == "UTC") return;
  zone_ = locate_time_zone(name_);
  ever_after_ = read_last_rule(name_);
}

zone_period time_zone::period_at(std::int64_t moment) const {
  if (!zone_) return {-forever, forever, 0};
  const auto& zone = *static_cast<const date::time_zone*>(zone_);
  const auto info = zone.get_info(date::sys_seconds(std::chrono::seconds(moment)));
  zone_period period{info.begin.time_since_epoch().count(), info.end.time_since_epoch().count(),
                     info.offset.count()};
  if (period.end < year_10000) return period;
  period.end = forever;
  if (!ever_after_) return period;
  const auto span = ever_after_->span_at(moment);
  return {std::max(period.begin, span.begin), span.end, span.offset};
}

}  // namespace aft::jobs

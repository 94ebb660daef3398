#pragma once
// A time zone, as the periods in which its clocks are off UTC by the same.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "yearly_shift.hpp"

namespace aft::jobs {

// All in seconds, since 1970 in UTC; local time is UTC plus the offset.
struct zone_period {
  std::int64_t begin, end;  // `end` is no longer in it
  std::int64_t offset;
};

// A value; const from any thread.
class time_zone {
 public:
  // Throws configuration_error if the system's database has no such zone.
  explicit time_zone(std::string_view name);

  const std::string& name() const { return name_; }
  zone_period period_at(std::int64_t moment) const;

 private:
  std::string name_;
  const void* zone_ = nullptr;  // of the date library, which keeps it; null for UTC
  std::optional<yearly_shift> ever_after_;
};

}  // namespace aft::jobs

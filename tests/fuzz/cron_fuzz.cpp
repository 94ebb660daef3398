// Schedules: eight bytes of a moment, a byte that chooses the zone, and the text.

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>

#include <aft/ground/error.hpp>
#include <aft/jobs/cron.hpp>

#include "jobs/yearly_shift.hpp"

namespace {

void check(bool holds) {
  if (!holds) std::abort();
}

constexpr const char* zones[] = {"UTC",          "Europe/Berlin", "America/New_York",
                                 "Africa/Cairo", "Pacific/Apia",  "Australia/Lord_Howe"};

// The times after a moment come in order, and none lies between a time and the one before it.
void try_times(const aft::schedule& s, aft::time_point after) {
  for (int i = 0; i < 4; ++i) {
    const auto due = s.next(after);
    check(due > after);
    check(due.since_1970().in_microseconds() % 1'000'000 == 0);
    check(s.next(due - aft::microseconds(1)) == due);
    check(s.next(after + (due - after) / 2) == due);
    after = due;
  }
}

void try_shift(std::string_view line) {
  const auto shift = aft::jobs::yearly_shift::read(line);
  if (!shift) return;
  const auto span = shift->span_at(1'800'000'000);
  check(span.offset == shift->standard || span.offset == shift->shifted);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::int64_t moment = 0;
  if (size < sizeof moment + 1) return 0;
  std::memcpy(&moment, data, sizeof moment);
  const auto* zone = zones[data[sizeof moment] % std::size(zones)];
  const std::string text(reinterpret_cast<const char*>(data) + sizeof moment + 1,
                         size - sizeof moment - 1);
  try_shift(text);
  try {
    const aft::schedule s(text, zone);
    check(s.text() == text && s == aft::schedule(text, zone));
    // Within 300 years of 1970, where zones change; then anywhere.
    const auto span = aft::days(300 * 365);
    try_times(s, aft::time_point(aft::microseconds(moment % span.in_microseconds())));
    s.next(aft::time_point(aft::microseconds(moment)));
  } catch (const aft::configuration_error& e) {
    check(std::string_view(e.what()).find("allowed are") != std::string_view::npos ||
          text.size() > 256);
  } catch (const aft::error&) {  // the moment is in no year that schedules know
  }
  return 0;
}

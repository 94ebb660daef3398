#include <aft/ground/time.hpp>

#include <chrono>

#include <doctest/doctest.h>

using namespace std::chrono_literals;

TEST_CASE("durations convert from and to std::chrono") {
  CHECK(aft::duration(75s) == aft::seconds(75));
  CHECK(aft::duration(1'795'366'508'341'305'114ns) == aft::microseconds(1'795'366'508'341'305));
  CHECK(aft::duration(1.5s) == aft::milliseconds(1500));
  CHECK(std::chrono::milliseconds(aft::seconds(2)) == 2000ms);
  CHECK(aft::minutes(2) - aft::seconds(1) == aft::seconds(119));
  CHECK(-aft::days(1) < aft::duration());
}

TEST_CASE("moments convert from and to the system clock's") {
  auto now =
      std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
  aft::time_point t = now;
  CHECK(std::chrono::sys_time<std::chrono::microseconds>(t) == now);
}

TEST_CASE("RFC 3339 reads and writes") {
  struct row {
    const char* text;
    const char* back;  // null: refused
  };
  const row rows[] = {
      {"2026-01-31T12:00:00Z", "2026-01-31T12:00:00Z"},
      {"2026-01-31t12:00:00z", "2026-01-31T12:00:00Z"},
      {"2026-01-31 12:00:00.5Z", "2026-01-31T12:00:00.5Z"},
      {"2026-01-31T12:00:00.1234567Z", "2026-01-31T12:00:00.123456Z"},
      {"2026-01-01T00:30:00+01:00", "2025-12-31T23:30:00Z"},
      {"2024-02-29T00:00:00Z", "2024-02-29T00:00:00Z"},
      {"1969-12-31T23:59:59.75Z", "1969-12-31T23:59:59.75Z"},
      {"2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"},
      {"2026-02-29T00:00:00Z", nullptr},
      {"2026-13-01T00:00:00Z", nullptr},
      {"2026-01-31T24:00:00Z", nullptr},
      {"2026-01-31T12:00:00", nullptr},
      {"2026-01-31T12:00:00.Z", nullptr},
      {"2026-01-31T12:00:00+1:00", nullptr},
      {"2026-01-31T12:00:00+24:00", nullptr},
      {"2026-01-31T12:00:00Zx", nullptr},
      {"2026-1-31T12:00:00Z", nullptr},
      {"", nullptr},
  };
  for (const auto& r : rows) {
    CAPTURE(r.text);
    aft::time_point t;
    REQUIRE(aft::read_rfc3339(r.text, t) == (r.back != nullptr));
    if (r.back) CHECK(aft::to_rfc3339(t) == r.back);
  }
}

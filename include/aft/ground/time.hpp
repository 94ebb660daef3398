#pragma once
// Moments and spans of time in microseconds. They convert from and to std::chrono, whose header
// (heavy, because it knows calendars) only those include who want it.

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace aft {

namespace detail {
template <class T>
concept chrono_duration = requires(const T& t) {
  T::period::num;
  T::period::den;
  t.count();
};
// A fraction in its lowest terms, so that a product with it overflows only where the result does.
struct ratio {
  std::int64_t times, over;
  constexpr ratio(std::int64_t a, std::int64_t b) : times(a), over(b) {
    while (b) {
      const auto rest = a % b;
      a = b;
      b = rest;
    }
    times /= a;
    over /= a;
  }
};
template <class T>
concept chrono_time_point = requires(const T& t) {
  typename T::clock;
  typename T::duration;
  t.time_since_epoch();
};
}  // namespace detail

// A span of time, about 292,000 years either way. Made by seconds(75), or from std::chrono (75s).
class duration {
 public:
  constexpr duration() = default;
  template <detail::chrono_duration D>
  constexpr duration(D d) {
    constexpr detail::ratio r(D::period::num * 1'000'000, D::period::den);
    microseconds_ = std::int64_t(d.count() * r.times / r.over);
  }
  template <detail::chrono_duration D>
  constexpr explicit operator D() const {
    constexpr detail::ratio r(D::period::den, D::period::num * 1'000'000);
    return D(typename D::rep(microseconds_ * r.times / r.over));
  }

  constexpr std::int64_t in_microseconds() const { return microseconds_; }
  constexpr std::int64_t in_milliseconds() const { return microseconds_ / 1'000; }  // towards 0
  constexpr std::int64_t in_seconds() const { return microseconds_ / 1'000'000; }

  friend constexpr auto operator<=>(duration, duration) = default;
  friend constexpr duration operator+(duration a, duration b) {
    return duration(a.microseconds_ + b.microseconds_);
  }
  friend constexpr duration operator-(duration a, duration b) {
    return duration(a.microseconds_ - b.microseconds_);
  }
  friend constexpr duration operator-(duration a) { return duration(-a.microseconds_); }
  friend constexpr duration operator*(duration a, std::int64_t times) {
    return duration(a.microseconds_ * times);
  }
  friend constexpr duration operator/(duration a, std::int64_t parts) {
    return duration(a.microseconds_ / parts);
  }
  friend constexpr duration microseconds(std::int64_t);

 private:
  constexpr explicit duration(std::int64_t microseconds) : microseconds_(microseconds) {}
  std::int64_t microseconds_ = 0;
};

constexpr duration microseconds(std::int64_t count) { return duration(count); }
constexpr duration milliseconds(std::int64_t count) { return microseconds(count * 1'000); }
constexpr duration seconds(std::int64_t count) { return microseconds(count * 1'000'000); }
constexpr duration minutes(std::int64_t count) { return seconds(count * 60); }
constexpr duration hours(std::int64_t count) { return seconds(count * 3'600); }
constexpr duration days(std::int64_t count) { return hours(count * 24); }

// A moment in UTC. In JSON it is RFC 3339 ("2026-01-31T12:00:00.25Z"), in SQLite the number of
// microseconds since 1970, in PostgreSQL timestamptz.
class time_point {
 public:
  static constexpr std::int64_t aft_ticks_per_second = 1'000'000;

  constexpr time_point() = default;  // 1970-01-01T00:00:00Z
  constexpr explicit time_point(duration since_1970) : since_1970_(since_1970) {}
  template <detail::chrono_time_point P>
  constexpr time_point(P p) : since_1970_(p.time_since_epoch()) {}  // of the system clock
  template <detail::chrono_time_point P>
  constexpr explicit operator P() const {
    return P(typename P::duration(since_1970_));
  }

  constexpr duration since_1970() const { return since_1970_; }

  friend constexpr auto operator<=>(time_point, time_point) = default;
  friend constexpr time_point operator+(time_point t, duration d) {
    return time_point(t.since_1970_ + d);
  }
  friend constexpr time_point operator-(time_point t, duration d) {
    return time_point(t.since_1970_ - d);
  }
  friend constexpr duration operator-(time_point a, time_point b) {
    return a.since_1970_ - b.since_1970_;
  }

 private:
  duration since_1970_;
};

// RFC 3339 in UTC, with as many digits of a second as it has: "2026-01-31T12:00:00Z".
std::string to_rfc3339(time_point moment);

// Writes up to 27 characters at `out` and returns the end; years 0000 to 9999.
char* write_rfc3339(char* out, time_point moment);

// Reads RFC 3339 with any offset; false if it is not of that form or no such moment. Digits of a
// second beyond six are cut. A leap second (":60") counts as the second after it.
bool read_rfc3339(std::string_view text, time_point& moment);

}  // namespace aft

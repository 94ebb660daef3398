#pragma once
// Types that hold only valid values. The rule stands where the field is, travels with the value,
// and shows in the JSON Schema; a handler that takes one never sees a wrong one.

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include <aft/ground/type.hpp>

namespace aft {

namespace detail {
// Throws aft::error with the reason.
void require(const constraints& rule, std::string_view text);
void require(const constraints& rule, double value, std::int64_t integer);
bool is_email(std::string_view);
bool is_slug(std::string_view);
bool is_web_url(std::string_view);

template <class S, class Not>
concept other_text = std::is_convertible_v<const S&, std::string_view> && !std::is_same_v<S, Not>;
}  // namespace detail

// A string that satisfies Rule::rule(). Made from a request it is valid or the request is
// refused; made by the program, a wrong value throws aft::error. Default-constructed it is empty.
template <class Rule>
class valid_text {
 public:
  using aft_holds = std::string;
  static constexpr constraints aft_constraints() { return Rule::rule(); }

  valid_text() = default;
  valid_text(std::string value) : value_(std::move(value)) {
    detail::require(Rule::rule(), value_);
  }
  valid_text(const char* value) : valid_text(std::string(value)) {}

  const std::string& str() const { return value_; }
  operator const std::string&() const { return value_; }
  operator std::string_view() const { return value_; }
  const std::string& operator*() const { return value_; }
  const std::string* operator->() const { return &value_; }

  friend bool operator==(const valid_text&, const valid_text&) = default;
  template <detail::other_text<valid_text> S>
  friend bool operator==(const valid_text& a, const S& b) {
    return a.value_ == std::string_view(b);
  }
  friend auto operator<=>(const valid_text&, const valid_text&) = default;

 private:
  std::string value_;
};

template <std::int64_t Min, std::int64_t Max>
struct length_rule {
  static_assert(0 <= Min && Min <= Max);
  static constexpr constraints rule() {
    constraints c;
    c.min_length = Min;
    c.max_length = Max;
    return c;
  }
};
struct email_rule {
  static constexpr constraints rule() {
    constraints c;
    c.max_length = 254;
    c.format = "email";
    c.check = &detail::is_email;
    c.check_message = "must be an e-mail address";
    return c;
  }
};
struct slug_rule {
  static constexpr constraints rule() {
    constraints c;
    c.min_length = 1;
    c.max_length = 200;
    c.check = &detail::is_slug;
    c.check_message = "must be lower-case letters, digits and single hyphens";
    return c;
  }
};
struct web_url_rule {
  static constexpr constraints rule() {
    constraints c;
    c.max_length = 2048;
    c.format = "uri";
    c.check = &detail::is_web_url;
    c.check_message = "must be an http or https URL";
    return c;
  }
};

// Min to Max characters (Unicode code points).
template <std::int64_t Min, std::int64_t Max>
using text = valid_text<length_rule<Min, Max>>;

// One e-mail address, by the rule of HTML's input type=email; to 254 characters.
using email = valid_text<email_rule>;

// "how-to-train-your-dragon": what may stand in a URL as a readable name.
using slug = valid_text<slug_rule>;

// http://... or https://..., to 2,048 characters.
using web_url = valid_text<web_url_rule>;

// A number from Min to Max. Made by the program, a wrong value throws aft::error.
template <class T, auto Min, auto Max>
class bounded {
  static_assert(Min <= Max);

 public:
  using aft_holds = T;
  static constexpr constraints aft_constraints() {
    constraints c;
    c.has_minimum = c.has_maximum = true;
    c.minimum = double(Min);
    c.maximum = double(Max);
    c.integer_minimum = std::int64_t(Min);
    c.integer_maximum = std::int64_t(Max);
    return c;
  }

  constexpr bounded() : value_(T(0) < T(Min) || T(0) > T(Max) ? T(Min) : T(0)) {}
  constexpr bounded(T value) : value_(value) {
    if (value < T(Min) || value > T(Max)) {
      detail::require(aft_constraints(), double(value), std::int64_t(value));
    }
  }
  constexpr operator T() const { return value_; }
  constexpr T operator*() const { return value_; }

 private:
  T value_;
};

// A typed key: T in JSON, in SQL and in paths, and not interchangeable with another key in C++.
//   using note_id = aft::id<struct note_tag>;
template <class Tag, class T = std::int64_t>
class id {
 public:
  using aft_holds = T;
  static constexpr constraints aft_constraints() { return {}; }

  constexpr id() = default;
  constexpr explicit id(T value) : value_(value) {}
  constexpr const T& operator*() const { return value_; }

  friend bool operator==(const id&, const id&) = default;
  friend auto operator<=>(const id&, const id&) = default;

 private:
  T value_{};
};

}  // namespace aft

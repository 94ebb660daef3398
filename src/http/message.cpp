#include <aft/http/message.hpp>

#include <algorithm>

#include <aft/ground/error.hpp>

#include "../ground/coarse_clock.hpp"
#include "letters.hpp"

namespace aft {

std::string_view to_string(method m) {
  switch (m) {
    case method::get: return "GET";
    case method::head: return "HEAD";
    case method::post: return "POST";
    case method::put: return "PUT";
    case method::patch: return "PATCH";
    case method::del: return "DELETE";
    case method::options: return "OPTIONS";
    case method::query: return "QUERY";
    case method::trace: return "TRACE";
    case method::other: return "*";
  }
  return "";
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (http::lower(a[i]) != http::lower(b[i])) return false;
  }
  return true;
}

std::optional<std::string_view> request::header(std::string_view name) const {
  for (const auto& line : headers()) {
    if (equal_ignoring_case(line.name, name)) return line.value;
  }
  return {};
}

std::optional<std::string_view> request::cookie(std::string_view name) const {
  for (const auto& line : headers()) {
    if (!equal_ignoring_case(line.name, "cookie")) continue;
    auto rest = line.value;
    while (!rest.empty()) {
      auto pair = rest.substr(0, rest.find(';'));
      rest.remove_prefix(std::min(pair.size() + 1, rest.size()));
      while (pair.starts_with(' ')) pair.remove_prefix(1);
      const auto equals = pair.find('=');
      if (equals == pair.npos || pair.substr(0, equals) != name) continue;
      auto value = pair.substr(equals + 1);
      if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
        value = value.substr(1, value.size() - 2);
      }
      return value;
    }
  }
  return {};
}

duration request::time_left() const {
  if (!deadline_ || !*deadline_) return days(365);
  return milliseconds(std::max<std::int64_t>(*deadline_ - detail::coarse_milliseconds(), 0));
}

const request_context& request::context() const {
  static const request_context none;
  return source_ ? source_->get() : none;
}

response redirect(std::string location, int status) {
  return {status, {}, {}, {{"Location", std::move(location)}}};
}

}  // namespace aft

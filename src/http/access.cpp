#include "access.hpp"

#include <algorithm>

#include <aft/ground/error.hpp>

#include "letters.hpp"

namespace aft::http {
namespace {

std::string in_lower_case(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = lower(c);
  return result;
}

bool is_ip_address(std::string_view host) {
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') return true;
  int dots = 0, digits = 0;
  for (char c : host) {
    if (c == '.') {
      if (!digits) return false;
      ++dots, digits = 0;
    } else if (c >= '0' && c <= '9' && digits < 3) {
      ++digits;
    } else {
      return false;
    }
  }
  return dots == 3 && digits;
}

bool ends_with_ignoring_case(std::string_view text, std::string_view end) {
  return text.size() >= end.size() &&
         equal_ignoring_case(text.substr(text.size() - end.size()), end);
}

// "https://example.org" -> "example.org"
std::string_view authority_of(std::string_view origin) {
  const auto at = origin.find("://");
  return at == origin.npos ? std::string_view() : origin.substr(at + 3);
}

void check_host(std::string_view host) {
  const auto name = host.starts_with("*.") ? host.substr(2) : host;
  const bool fits = !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return host_letters[static_cast<unsigned char>(c)] && c != '*' && c != ':';
  });
  if (!fits) {
    throw configuration_error("\"" + std::string(host) +
                              "\" is no host; give a name without a port, \"*.\" and a name, or "
                              "\"*\"");
  }
}

void check_origin(std::string_view origin) {
  const auto authority = authority_of(origin);
  const bool fits =
      (origin.starts_with("http://") || origin.starts_with("https://")) && !authority.empty() &&
      std::all_of(authority.begin(), authority.end(),
                  [](char c) { return host_letters[static_cast<unsigned char>(c)] && c != '*'; });
  if (!fits) {
    throw configuration_error("\"" + std::string(origin) +
                              "\" is no origin; give it as a browser does, such as "
                              "\"https://app.example.org\"");
  }
}

std::string joined(const std::vector<std::string>& names) {
  std::string list;
  for (const auto& name : names) {
    if (!is_token(name)) throw configuration_error("\"" + name + "\" is no header name");
    if (!list.empty()) list += ", ";
    list += name;
  }
  return list;
}

}  // namespace

std::string_view host_name(std::string_view authority) {
  const auto bracket = authority.rfind(']');
  const auto colon = authority.rfind(':');
  if (colon != authority.npos && (bracket == authority.npos || colon > bracket)) {
    authority = authority.substr(0, colon);
  }
  if (authority.ends_with('.')) authority.remove_suffix(1);
  return authority;
}

access_policy::access_policy(const access_options& options, const page_options& pages)
    : open_(false) {
  for (const auto& host : options.hosts) {
    if (host == "*") {
      any_host_ = true;
      continue;
    }
    check_host(host);
    hosts_.push_back(in_lower_case(host));
  }
  for (const auto& origin : options.origins) {
    if (origin == "*") {
      any_origin_ = true;
      continue;
    }
    check_origin(origin);
    origins_.push_back(in_lower_case(origin));
  }
  if (any_origin_ && options.credentials) {
    throw configuration_error(
        "with credentials the origins must be named; \"*\" would let every page act for its user");
  }
  if (!options.origins.empty()) {
    always_ = "Vary: Origin\r\n";
    if (options.credentials) shared_ = "Access-Control-Allow-Credentials: true\r\n";
    if (const auto names = joined(options.response_headers); !names.empty()) {
      shared_ += "Access-Control-Expose-Headers: " + names + "\r\n";
    }
    preflight_ = "Access-Control-Allow-Methods: GET, HEAD, POST, PUT, PATCH, DELETE, QUERY\r\n";
    if (const auto names = joined(options.request_headers); !names.empty()) {
      preflight_ += "Access-Control-Allow-Headers: " + names + "\r\n";
    }
    preflight_ += "Access-Control-Max-Age: " +
                  std::to_string(options.preflight_age.in_milliseconds() / 1000) + "\r\n";
  }
  auto add = [this](const char* name, const std::string& value) {
    if (value.find_first_of("\r\n") != value.npos) {
      throw configuration_error(std::string("a line break in the page header ") + name);
    }
    if (!value.empty()) page_lines_.push_back(std::string(name) + ": " + value + "\r\n");
  };
  add("Content-Security-Policy", pages.content_security_policy);
  add("Referrer-Policy", pages.referrer_policy);
  add("Cross-Origin-Opener-Policy", pages.cross_origin_opener_policy);
  add("X-Frame-Options", pages.frame_options);
}

bool access_policy::knows_host(std::string_view host) const {
  const auto name = host_name(host);
  if (equal_ignoring_case(name, "localhost") || is_ip_address(name) ||
      ends_with_ignoring_case(name, ".localhost")) {
    return true;
  }
  for (const auto& known : hosts_) {
    if (known.starts_with("*.")) {
      const auto end = std::string_view(known).substr(1);
      if (name.size() > end.size() && ends_with_ignoring_case(name, end)) return true;
    } else if (equal_ignoring_case(name, known)) {
      return true;
    }
  }
  return false;
}

bool access_policy::knows_origin(std::string_view origin) const {
  for (const auto& known : origins_) {
    if (equal_ignoring_case(origin, known)) return true;
  }
  return false;
}

access_verdict access_policy::judge(const request_head& head) const {
  if (open_) return access_verdict::own;
  const auto host = head.authority.empty() ? head.value(known::host) : head.authority;
  const bool nameless = head.authority.empty() && !head.has(known::host);  // HTTP/1.0 may be
  if (!any_host_ && !nameless && !knows_host(host)) return access_verdict::wrong_host;
  const auto origin = head.value(known::origin);
  if (head.has(known::sec_fetch_site)) {
    const auto site = head.value(known::sec_fetch_site);
    if (site == "same-origin" || site == "none") return access_verdict::own;
  } else if (!head.has(known::origin) ||
             (!host.empty() && equal_ignoring_case(authority_of(origin), host))) {
    return access_verdict::own;
  }
  // "*" is for callers without credentials, and a cookie is one.
  const bool may = knows_origin(origin) || (any_origin_ && !head.has(known::cookie));
  return may && !origin.empty() ? access_verdict::known_origin : access_verdict::foreign_origin;
}

bool access_policy::lets_in(access_verdict v, const request_head& head) {
  switch (v) {
    case access_verdict::own:
    case access_verdict::known_origin: return true;
    case access_verdict::wrong_host: return false;
    case access_verdict::foreign_origin: break;
  }
  // A page may ask for what it cannot read the answer of.
  switch (head.method) {
    case method::get:
    case method::head:
    case method::options:
    case method::query: return !head.upgrades;
    default: return false;
  }
}

void access_policy::add_page_lines(buffer& lines) const {
  for (const auto& line : page_lines_) {
    const auto name = std::string_view(line).substr(0, line.find(':') + 1);
    if (lines.view().find(name) == std::string_view::npos) lines.append(line);
  }
}

}  // namespace aft::http

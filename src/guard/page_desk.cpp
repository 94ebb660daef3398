#include "page_desk.hpp"

#include <fmt/format.h>

#include <aft/ground/query_string.hpp>

#include "csrf.hpp"

namespace aft::guarding {

std::string hidden(std::string_view name, std::string_view value) {
  return fmt::format("<input type=\"hidden\" name=\"{}\" value=\"{}\">", name, escaped(value));
}

page_form page_desk::read(const request& r) {
  const auto type = r.header("Content-Type").value_or("");
  if (!type.starts_with("application/x-www-form-urlencoded")) {
    throw problem{415, "a form is sent as application/x-www-form-urlencoded"};
  }
  auto read = query_string::read<page_form>(r.body());
  if (!read) throw problem{400, "the form is malformed"};
  return *std::move(read);
}

std::string page_desk::at(std::string_view name) const {
  return name.empty() ? options_.pages : fmt::format("{}/{}", options_.pages, name);
}

std::string page_desk::link(std::string_view name, std::string_view text) const {
  return fmt::format("<p><a href=\"{}\">{}</a></p>", escaped(at(name)), text);
}

std::string page_desk::csrf(const request& r) const {
  return hidden("csrf_token", make_csrf_token(r.cookie(guard_.session_cookie()).value_or("")));
}

response page_desk::again(response r, const problem& p) const {
  if (p.retry_after_seconds > 0) {
    r.headers.emplace_back("Retry-After", std::to_string(p.retry_after_seconds));
  }
  return r;
}

response page_desk::go(const std::string& where, std::vector<std::string> cookies) const {
  auto r = redirect(where);
  for (auto& c : cookies) r.headers.emplace_back("Set-Cookie", std::move(c));
  return r;
}

response page_desk::prove(std::string_view next) const {
  return go(fmt::format("{}?next={}", at("again"), next));
}

}  // namespace aft::guarding

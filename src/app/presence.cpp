#include "presence.hpp"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include <aft/ground/error.hpp>

namespace aft {
namespace {

constexpr std::string_view plain_scheme = "http://";

void check_local(std::string_view whole) {
  const auto place = whole.substr(whole.starts_with(plain_scheme) ? plain_scheme.size() : 0);
  for (const char* begin : {"127.", "localhost", "[::1]:", "unix:"}) {
    if (place.starts_with(begin)) return;
  }
  if (place == "::1") return;
  throw configuration_error(fmt::format(
      "\"{}\" is open to other machines; a local app listens at 127.0.0.1, ::1 or a Unix socket",
      whole));
}

std::string at_both(std::string place) {
  const auto begin = place.starts_with(plain_scheme) ? plain_scheme.size() : 0;
  for (const std::string_view one : {"127.0.0.1:", "[::1]:"}) {
    if (place.compare(begin, one.size(), one) == 0) {
      return place.replace(begin, one.size(), "localhost:");
    }
  }
  return place;
}

}  // namespace

listen_options presence::with_both_loopbacks(listen_options options) const {
  check_local(options.address);
  for (const auto& place : options.also) check_local(place);
  if (options.address == "127.0.0.1" || options.address == "::1") options.address = "localhost";
  std::vector<std::string> known{fmt::format("{}:{}", options.address, options.port)};
  for (const auto& given : options.also) {
    auto place = at_both(given);
    const bool again = std::find(known.begin(), known.end(), place) != known.end();
    if (!again || place.ends_with(":0")) known.push_back(std::move(place));
  }
  options.also.assign(known.begin() + 1, known.end());
  return options;
}

void presence::begin(const std::vector<endpoint>& places, const http::token_gate& gate,
                     time_point now) {
  std::string origin;
  for (const auto& at : places) {
    // At another address a stranger may have the port.
    if (at.address != "127.0.0.1" || !origin.empty()) continue;
    const auto url = at.url();
    origin = fmt::format("{}://{}:{}", url.substr(0, url.find(':')), gate.page_host(), at.port);
  }
  {
    std::lock_guard lock(mutex_);
    page_origin_ = std::move(origin);
  }
  place_.write({places.front().url(), gate.token(), ::getpid(), now});
}

void presence::ended() noexcept {
  std::lock_guard lock(mutex_);
  page_origin_.clear();
  place_.remove_page();
}

std::string presence::write_page(std::string_view url) {
  std::lock_guard lock(mutex_);
  if (page_origin_.empty()) return "";
  return place_.write_page(
      fmt::format("<!doctype html><meta http-equiv=\"refresh\" content=\"0;url={}\">\n", url));
}

std::string presence::page_origin() const {
  std::lock_guard lock(mutex_);
  return page_origin_;
}

}  // namespace aft

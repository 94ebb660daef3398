#include "presence.hpp"

#include <unistd.h>

#include <fmt/format.h>

#include <aft/ground/error.hpp>

namespace aft {
namespace {

void check_local(std::string_view place) {
  for (const char* begin : {"127.", "localhost", "[::1]:", "unix:"}) {
    if (place.starts_with(begin)) return;
  }
  if (place == "::1") return;
  throw configuration_error(fmt::format(
      "\"{}\" is open to other machines; a local app listens at 127.0.0.1, ::1 or a Unix socket",
      place));
}

}  // namespace

void presence::check(const listen_options& options) const {
  check_local(options.address);
  for (const auto& place : options.also) check_local(place);
}

void presence::begin(const std::vector<endpoint>& places, const std::string& token,
                     time_point now) {
  std::string origin;
  for (const auto& at : places) {
    if (!at.port || !origin.empty()) continue;
    const auto url = at.url();
    origin = fmt::format("{}://{}:{}", url.substr(0, url.find(':')), page_host_, at.port);
  }
  {
    std::lock_guard lock(mutex_);
    page_origin_ = std::move(origin);
  }
  place_.write({places.front().url(), token, ::getpid(), now});
}

std::string presence::page_origin() const {
  std::lock_guard lock(mutex_);
  return page_origin_;
}

}  // namespace aft

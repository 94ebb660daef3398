#include <aft/local.hpp>

#include <algorithm>
#include <chrono>
#include <thread>

#include <fmt/format.h>

#include "../http/token_gate.hpp"
#include "discovery.hpp"
#include "presence.hpp"

namespace aft {
namespace {

// For one that has just been started to say where it listens.
constexpr std::chrono::seconds patience{2};

discovery claim(const local_options& options) {
  discovery place(options.name, options.directory);
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (!place.lock()) {
    auto first = place.read();
    if (first) {
      const auto message = fmt::format("{} is running already at {}", options.name, first->url);
      throw already_running(message, *std::move(first));
    }
    if (std::chrono::steady_clock::now() > deadline) {
      throw already_running(fmt::format("{} is being started already", options.name), {});
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return place;
}

// Browsers drop some control characters from a path, which may make it another server's.
bool is_page_path(std::string_view path) {
  const bool is_own = path.starts_with('/') && !path.starts_with("//") && !path.starts_with("/\\");
  return is_own && std::none_of(path.begin(), path.end(),
                                [](unsigned char c) { return c <= ' ' || c == 0x7f; });
}

[[noreturn]] void refuse_pages() {
  throw error("a local app has pages once it listens at 127.0.0.1 or ::1");
}

}  // namespace

class local::impl {
 public:
  impl(app& of, discovery&& place)
      : whose(of), where(std::move(place)), gate(whose.become_local(where)) {}

  app& whose;
  presence where;
  http::token_gate& gate;  // the app's, which stays closed
};

local::local(app& whose, local_options options) : impl_(new impl(whose, claim(options))) {}

local::~local() {
  impl_->whose.leave_local();
  delete impl_;
}

endpoint local::start(listen_options options) { return impl_->whose.start(std::move(options)); }
void local::run(listen_options options) { impl_->whose.run(std::move(options)); }
std::string local::token() const { return impl_->gate.token(); }

std::string local::page_url(std::string_view path) {
  if (!is_page_path(path)) {
    throw error("a page of a local app has a path of this app, such as \"/notes\"");
  }
  const auto origin = impl_->where.page_origin();
  if (origin.empty()) refuse_pages();
  return fmt::format("{}/?aft_token={}", origin, impl_->gate.make_ticket(std::string(path)));
}

std::string local::page_file(std::string_view path) {
  auto file = impl_->where.write_page(page_url(path));
  if (file.empty()) refuse_pages();
  return file;
}

std::optional<local_server> local::find(std::string_view name, std::string_view directory) {
  return discovery::find(name, directory);
}

}  // namespace aft

#include "server.hpp"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <string>
#include <utility>

#include <aft/ground/error.hpp>

#include "../ground/prompt_thread.hpp"
#include "../ground/quiet_thread.hpp"

namespace aft::server {
namespace {

unsigned loop_count(unsigned asked) {
  if (asked) return std::min(asked, 256u);
  return std::clamp(std::thread::hardware_concurrency(), 1u, 4u);
}

// "127.0.0.1:8081", "[::1]:8081"
std::pair<std::string, std::uint16_t> split_port(const std::string& text) {
  const auto colon = text.rfind(':');
  unsigned port = 0;
  const char* end = text.data() + text.size();
  const auto digits = colon == text.npos ? text.size() : colon + 1;
  const auto read = std::from_chars(text.data() + digits, end, port);
  auto address = text.substr(0, colon);
  if (address.starts_with('[') && address.ends_with(']')) {
    address = address.substr(1, address.size() - 2);
  } else if (address.find(':') != address.npos) {
    port = 65536;  // whether the last part is a port cannot be said
  }
  if (text.empty() || colon == text.npos || read.ec != std::errc() || read.ptr != end ||
      port > 65535) {
    throw configuration_error("\"" + text +
                              "\" is no place to listen at; give it like \"127.0.0.1:8081\", "
                              "\"[::1]:8081\", \"http://127.0.0.1:8081\" or "
                              "\"unix:/run/app.sock\"");
  }
  return {address, std::uint16_t(port)};
}

}  // namespace

// TCP sockets share their port, one for each loop; others are shared themselves.
void http_server::listen_at(const std::string& address, std::uint16_t port, transport over,
                            listeners_of_loops& of_loops) {
  if (address == "localhost") return listen_at_loopback(port, over, of_loops);
  std::vector<descriptor> sockets;
  if (address == "inherited") {
    sockets = inherited_sockets();
  } else if (address.starts_with("unix:")) {
    sockets.push_back(listen_unix(address, state_.options.socket_mode));
    files_.push_back(address.substr(5));
  } else {
    const bool share = of_loops.size() > 1;
    if (share) {
      // Sockets that share a port would also share it with a stranger's; so ask for it alone first.
      auto alone = listen_tcp(address, port, false);
      port = bound_to(alone).port;
    }
    for (auto& loop : of_loops) {
      loop.emplace_back(listen_tcp(address, port, share), over);
      port = bound_to(loop.back()).port;
    }
    note_place(bound_to(of_loops.front().back()), over);
  }
  for (const auto& socket : sockets) {
    const auto place = bound_to(socket);
    const auto its = place.address.starts_with("unix:") ? transport::plain : over;
    for (auto& loop : of_loops) loop.emplace_back(copy_of(socket), its);
    note_place(place, its);
  }
}

// A name below localhost is either address to a browser; a stranger may have neither.
void http_server::listen_at_loopback(std::uint16_t port, transport over,
                                     listeners_of_loops& of_loops) {
  const auto before = of_loops.front().size();
  for (int tries = 100;; --tries) {
    listen_at("127.0.0.1", port, over, of_loops);
    if (!has_ipv6_loopback()) return;
    try {
      return listen_at("::1", places_.back().port, over, of_loops);
    } catch (const port_in_use&) {
      if (port != 0 || tries == 0) throw;
    }
    places_.pop_back();
    for (auto& loop : of_loops) loop.erase(loop.begin() + std::ptrdiff_t(before), loop.end());
  }
}

void http_server::note_place(endpoint place, transport over) {
  place.secure = over == transport::tls;
  places_.push_back(std::move(place));
}

http_server::http_server(const http::dispatcher& routes, const logger& log,
                         const listen_options& options, bool through_asio,
                         boost::asio::io_context* host)
    : state_{routes, log, options, through_asio || routes.has_coroutines()} {
  if (options.proxy_protocol && state_.proxies.empty()) {
    throw configuration_error(
        "the PROXY protocol is believed of nobody; name the proxies in trusted_proxies");
  }
  const auto& tls = options.tls;
  const bool has_tls = !tls.certificates.empty();
  if (has_tls) reload_certificates();
  else if (!tls.client_authorities.empty()) {
    throw configuration_error("client_authorities need certificates of the server's own");
  }
  const auto over = has_tls ? transport::tls : transport::plain;
  const auto beside = has_tls && tls.redirect_pages ? transport::moved : transport::plain;
  listeners_of_loops of_loops(host ? 1 : loop_count(options.threads));
  listen_at(options.address, options.port, over, of_loops);
  for (const auto& place : options.also) {
    if (place == "inherited" || place.starts_with("unix:")) {
      listen_at(place, 0, over, of_loops);
    } else {
      const bool is_plain = place.starts_with("http://");
      const auto [address, port] = split_port(is_plain ? place.substr(7) : place);
      listen_at(address, port, is_plain ? beside : over, of_loops);
    }
  }
  if (has_tls) {
    const auto first = std::find_if(places_.begin(), places_.end(),
                                    [](const endpoint& place) { return place.secure; });
    if (first == places_.end()) {
      throw configuration_error("there are certificates, but no TCP socket that speaks TLS");
    }
    if (first->port != 443) state_.https_port = ":" + std::to_string(first->port);
  }
  for (auto& listeners : of_loops) {
    loops_.push_back(std::make_unique<event_loop>(state_, std::move(listeners), host));
  }
  if (host) return;
  for (auto& loop : loops_) {
    threads_.push_back(detail::quiet_thread("aft io", [&loop] {
      detail::want_short_turns();
      loop->run();
    }));
  }
}

void http_server::begin_stop() {
  // First, so that whoever takes a path over in the meantime keeps it.
  for (const auto& file : std::exchange(files_, {})) ::unlink(file.c_str());
  for (auto& loop : loops_) loop->drain();
}

void http_server::reload_certificates() {
  if (state_.options.tls.certificates.empty()) {
    throw configuration_error("the app was started without certificates");
  }
  state_.tls.set(std::make_shared<const tls_context>(state_.options.tls, state_.log));
}

void http_server::stop(duration drain) {
  using clock = std::chrono::steady_clock;
  begin_stop();
  const auto deadline = clock::now() + std::chrono::microseconds(drain.in_microseconds());
  if (threads_.empty()) {
    bool runs = true;
    while (runs && clock::now() < deadline) runs = loops_.front()->help();
    if (runs) loops_.front()->abort();
    while (runs) runs = loops_.front()->help();
    stopped_ = true;
    return;
  }
  while (state_.connections > 0 && clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  for (auto& loop : loops_) loop->abort();
  for (auto& thread : threads_) thread.join();
  threads_.clear();
  stopped_ = true;
}

http_server::~http_server() {
  if (!stopped_) stop({});
}

}  // namespace aft::server

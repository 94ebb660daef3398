#pragma once
// One thread, one io_context, and the connections that stay on it from beginning to end.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <aft/ground/log.hpp>
#include <aft/server/options.hpp>

#include "../http/dispatcher.hpp"
#include "../http/ip_address.hpp"
#include "client_places.hpp"
#include "socket.hpp"
#include "tls_context.hpp"

namespace boost::asio {
class io_context;
}

namespace aft::server {

// What a socket that listens is for.
enum class transport {
  plain,
  tls,
  moved,  // plain, and pages are to be had over TLS instead
};
struct listener : descriptor {
  listener(descriptor d, transport t) : descriptor(std::move(d)), over(t) {}
  transport over;
};

// What the loops of one server share. Any thread.
struct server_state {
  const http::dispatcher& routes;
  const logger& log;
  listen_options options;
  bool through_asio = false;  // Asio waits, for the sake of others who use it on these loops
  http::trusted_proxies proxies{options.trusted_proxies, options.proxy_header};
  std::atomic<std::size_t> connections{0};
  std::atomic<std::uint64_t> refused{0};  // connections
  client_places places{options.max_connections_per_client};
  current_tls tls{};
  std::string https_port{};  // as client_of wants it; before the loops begin
};

class event_loop {
 public:
  // With a `host` it serves in turns on that, from when it is constructed; else see run().
  event_loop(server_state& state, std::vector<listener> listeners,
             boost::asio::io_context* host = nullptr);
  event_loop(const event_loop&) = delete;
  event_loop& operator=(const event_loop&) = delete;
  ~event_loop();  // when it has stopped, or never began

  // Serves on the calling thread until drain() has been called and the last connection is closed.
  void run();

  // Any thread. No new connections; idle ones are closed, the others after their answer.
  void drain();

  // Any thread. Closes all connections. Calls that are on other lanes are still waited for.
  void abort();

  // On a host: serves on the calling thread too, for some milliseconds, so that it comes to its end
  // whether or not anybody runs the host's context. False when it has stopped.
  bool help();

 private:
  class impl;
  std::unique_ptr<impl> impl_;
};

}  // namespace aft::server

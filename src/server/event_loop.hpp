#pragma once
// One thread, one io_context, and the connections that stay on it from beginning to end.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include <aft/ground/log.hpp>
#include <aft/server/options.hpp>

#include "../http/dispatcher.hpp"
#include "../http/ip_address.hpp"
#include "client_places.hpp"
#include "socket.hpp"

namespace aft::server {

// What the loops of one server share. Any thread.
struct server_state {
  const http::dispatcher& routes;
  const logger& log;
  listen_options options;
  bool through_asio = false;  // Asio waits, for the sake of others who use it on these loops
  http::trusted_proxies proxies{options.trusted_proxies, options.proxy_header};
  std::atomic<std::size_t> connections{0};
  client_places places{options.max_connections_per_client};
};

class event_loop {
 public:
  event_loop(server_state& state, std::vector<descriptor> listeners);
  event_loop(const event_loop&) = delete;
  event_loop& operator=(const event_loop&) = delete;
  ~event_loop();  // after run() has returned, or never ran

  // Serves on the calling thread until drain() has been called and the last connection is closed.
  void run();

  // Any thread. No new connections; idle ones are closed, the others after their answer.
  void drain();

  // Any thread. Closes all connections. Calls that are on other lanes are still waited for.
  void abort();

 private:
  class impl;
  std::unique_ptr<impl> impl_;
};

}  // namespace aft::server

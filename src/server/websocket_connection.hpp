#pragma once
// Connections that go on as WebSockets. The one part of the library that knows Beast.

#include <atomic>
#include <cstddef>
#include <memory>
#include <string_view>

#include <boost/asio/any_io_executor.hpp>

#include <aft/ground/log.hpp>

#include "../http/websocket.hpp"
#include "socket.hpp"
#include "tls_stream.hpp"

namespace aft::server {

// Those of one event loop. On its thread alone.
class websocket_connections {
 public:
  // Each is counted in `count`.
  websocket_connections(const boost::asio::any_io_executor& io, const logger& log,
                        std::atomic<std::size_t>& count);
  websocket_connections(const websocket_connections&) = delete;
  websocket_connections& operator=(const websocket_connections&) = delete;
  ~websocket_connections();

  // Answers the handshake, and goes on. `tls` is null on a plain socket; `early` is what came
  // behind the request.
  void add(descriptor socket, std::unique_ptr<tls_stream> tls,
           std::unique_ptr<http::websocket_start> start, std::string_view early);

  bool empty() const;
  void tick();   // every tick_length
  void drain();  // closes all, with their knowledge
  void abort();  // closes all, now

 private:
  class impl;
  std::unique_ptr<impl> impl_;
};

}  // namespace aft::server

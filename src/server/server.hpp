#pragma once
// The event loops of one listening address.

#include <memory>
#include <thread>
#include <vector>

#include "event_loop.hpp"

namespace aft::server {

class http_server {
 public:
  // Listens when it is constructed; throws configuration_error.
  // Asio on its loops runs only where `through_asio` says so; then it is what waits.
  http_server(const http::dispatcher& routes, const logger& log, const listen_options& options,
              bool through_asio = false)
      : http_server(routes, log, options, through_asio, nullptr) {}
  // One loop, in turns on a host's context.
  http_server(const http::dispatcher& routes, const logger& log, const listen_options& options,
              boost::asio::io_context& host)
      : http_server(routes, log, options, true, &host) {}
  http_server(const http_server&) = delete;
  http_server& operator=(const http_server&) = delete;
  ~http_server();  // stop(duration()), if it has not been stopped, and not from a loop of its own

  const endpoint& where() const { return places_.front(); }
  const std::vector<endpoint>& places() const { return places_; }
  std::size_t connections() const { return state_.connections; }
  std::uint64_t refused() const { return state_.refused; }  // connections

  // Reads the files again, for connections that are still to come. Throws configuration_error, and
  // goes on as before. Any thread.
  void reload_certificates();

  // Any thread. Returns at once; no new connections from here on, and as stop() waits for.
  void begin_stop();

  // No new connections; requests that are being answered have until the deadline. Once, and not
  // from one of its loops.
  void stop(duration drain);

 private:
  http_server(const http::dispatcher& routes, const logger& log, const listen_options& options,
              bool through_asio, boost::asio::io_context* host);
  using listeners_of_loops = std::vector<std::vector<listener>>;
  void listen_at(const std::string& address, std::uint16_t port, transport over,
                 listeners_of_loops& of_loops);
  void listen_at_loopback(std::uint16_t port, transport over, listeners_of_loops& of_loops);
  void note_place(endpoint place, transport over);

  server_state state_;
  std::vector<endpoint> places_;
  std::vector<std::string> files_;  // of Unix sockets
  std::vector<std::unique_ptr<event_loop>> loops_;
  std::vector<std::thread> threads_;
  bool stopped_ = false;
};

}  // namespace aft::server

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
              bool through_asio = false);
  http_server(const http_server&) = delete;
  http_server& operator=(const http_server&) = delete;
  ~http_server();  // stop(duration()), if it has not been stopped

  const endpoint& where() const { return places_.front(); }
  const std::vector<endpoint>& places() const { return places_; }
  std::size_t connections() const { return state_.connections; }

  // No new connections; requests that are being answered have until the deadline. Once.
  void stop(duration drain);

 private:
  void listen_at(const std::string& address, std::uint16_t port,
                 std::vector<std::vector<descriptor>>& of_loops);

  server_state state_;
  std::vector<endpoint> places_;
  std::vector<std::string> files_;  // of Unix sockets
  std::vector<std::unique_ptr<event_loop>> loops_;
  std::vector<std::thread> threads_;
};

}  // namespace aft::server

#pragma once
// How a server listens, and what it does to slow and to many clients.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <aft/ground/time.hpp>
#include <aft/http/limits.hpp>
#include <aft/server/tls.hpp>

namespace aft {

// Times a client has, kept to within a quarter of a second, and how fast it must be.
struct server_timeouts {
  duration head = seconds(10);  // from a request's first byte to the end of its headers: 408
  duration body =
      seconds(30);  // for the next bytes of a body, as many as `body_rate` asks for: 408
  duration idle = seconds(60);  // between two requests of a connection: it is closed
  duration send = seconds(30);  // for taking the next bytes of its answer: it is closed
  // Bytes a second, on average over `body` and over `send`, as long as there are any. One byte
  // within that time will do where it is 0. What a client has taken the kernel says in steps, of up
  // to 100 KB on loopback, so an honest reader of less than a step in `send` is cut off as well.
  std::size_t body_rate = 240;
  std::size_t send_rate = 240;
};

struct listen_options {
  // An IP address; "0.0.0.0" and "::" are the open network, "localhost" 127.0.0.1 and ::1. Or a
  // Unix socket, "unix:/run/app.sock", or "inherited": the sockets of systemd (LISTEN_FDS).
  std::string address = "127.0.0.1";
  std::uint16_t port = 8080;  // of an IP address; 0: any free one
  // More of them: "127.0.0.1:8081", "[::1]:8080", "unix:/run/b.sock"; "http://0.0.0.0:80" is
  // without TLS in any case.
  std::vector<std::string> also{};
  tls_options tls{};
  // Proxies whose word about the client counts: "10.0.0.0/8", "::1", "unix". They must write the
  // one line that is named here, or what a client wrote into it itself would be believed; beside
  // X-Forwarded-For also X-Forwarded-Proto.
  std::vector<std::string> trusted_proxies{};
  std::string proxy_header = "X-Forwarded-For";  // or "Forwarded"
  // A connection of such a proxy must begin with a header of the PROXY protocol, version 2, which
  // says who the client is; without one it is closed.
  bool proxy_protocol = false;
  unsigned socket_mode = 0600;           // who may connect to a Unix socket, as chmod says it
  unsigned threads = 0;                  // event loops; 0: one for each core, at most four
  std::size_t max_connections = 20'000;  // beyond them 503 at once
  // Of one IPv4 address, or one /64 of IPv6; beyond them 503 at once too. 0: any number, because
  // all clients behind one router share its address. Those of trusted_proxies are not counted.
  std::size_t max_connections_per_client = 0;
  // How long a request may wait for its event loop where there are more than it can answer. Once
  // turns of the loop take half of it, those that come later in a turn than that, and would wait
  // for most of the next one too, are answered 503 with Retry-After at once. 0: any time will do.
  duration max_lag = milliseconds(500);
  http_limits limits{};
  server_timeouts timeouts{};
  duration drain = seconds(10);  // what stop() gives to requests that are being answered
};

// Where a server can be reached.
struct endpoint {
  std::string address;  // of a Unix socket: "unix:/run/app.sock"
  std::uint16_t port = 0;
  bool secure = false;      // it speaks TLS
  std::string url() const;  // "http://127.0.0.1:8080", "https://127.0.0.1:8443"
};

}  // namespace aft

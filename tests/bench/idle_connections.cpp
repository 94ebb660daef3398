// What connections cost while nothing happens on them: many on one server, which is a process of
// its own. In the end every one of them must still be there and get its message.
//
//   idle_connections [--count N] [--most BYTES]
//
// Prints one JSON object: the bytes of each connection, as the server's allocator counts them and
// as the system counts its pages. Ends with 1 where an idle keep-alive connection has more than
// --most (1024) from the allocator.

#include <arpa/inet.h>
#include <malloc.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <aft/aft.hpp>

#include "arguments.hpp"

namespace bench {
namespace {

constexpr std::size_t per_address = 5'000;  // of the client's ports; the system finds few slowly

struct memory {
  std::int64_t heap;
  std::int64_t pages;
};

memory used_now() {
  const auto all = ::mallinfo2();
  std::int64_t size = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> size >> resident;
  return {std::int64_t(all.uordblks + all.hblkhd), resident * ::sysconf(_SC_PAGESIZE)};
}

// ---- the server

[[noreturn]] void serve(int tell, std::size_t connections) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  aft::event_feed feed({.heartbeat = aft::hours(1)});
  aft::topic news;
  aft::app app;
  app.get("/plain", [] { return "plain"; });
  app.get("/memory", [] { return used_now(); });
  app.get("/listeners", [&feed, &news] {
    return std::to_string(feed.listeners() + news.subscribers()) + " listen";
  });
  app.get("/events", [&feed] { return aft::event_stream(feed); });
  app.get("/socket", [&news] {
    return aft::websocket(
        {.on_open = [&news](const aft::peer& p) { p.subscribe(news); }, .ping = aft::duration()});
  });
  app.post("/news", [&feed, &news] {
    feed.publish("news");
    news.publish("news");
  });
  const auto port = app.start({.port = 0,
                               .threads = 2,
                               .max_connections = connections + 100,
                               .timeouts = {.idle = aft::hours(1)}})
                        .port;
  if (::write(tell, &port, sizeof port) != sizeof port) std::exit(1);
  for (;;) ::pause();  // until it is killed
}

// ---- the client

class connection {
 public:
  connection(std::uint16_t port, std::size_t number)
      : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const int on = 1;
    ::setsockopt(fd_, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    auto from = loopback(0, 2 + unsigned(number / per_address));
    const auto to = loopback(port, 1);
    if (fd_ < 0 || ::bind(fd_, reinterpret_cast<const sockaddr*>(&from), sizeof from) != 0 ||
        ::connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
      throw std::runtime_error("cannot connect number " + std::to_string(number));
    }
  }
  connection(connection&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  connection& operator=(connection&&) = delete;
  ~connection() {
    if (fd_ >= 0) ::close(fd_);
  }

  void send(std::string_view bytes) {
    if (::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL) != ssize_t(bytes.size())) {
      throw std::runtime_error("a connection is gone");
    }
  }
  // All that comes up to these bytes.
  std::string receive_until(std::string_view end) {
    std::string got;
    while (got.find(end) == got.npos) {
      pollfd p{fd_, POLLIN, 0};
      char part[4096];
      const auto n = ::poll(&p, 1, 60'000) == 1 ? ::recv(fd_, part, sizeof part, 0) : 0;
      if (n <= 0) throw std::runtime_error("a connection is gone, or silent, after: " + got);
      got.append(part, std::size_t(n));
    }
    return got;
  }
  std::string ask(std::string_view method_and_path, std::string_view end) {
    send(std::string(method_and_path) + " HTTP/1.1\r\nHost: localhost\r\n\r\n");
    return receive_until(end);
  }

 private:
  static sockaddr_in loopback(std::uint16_t port, unsigned last) {
    sockaddr_in a{};
    a.sin_family = AF_INET;
    a.sin_port = htons(port);
    a.sin_addr.s_addr = htonl(0x7f000000u + last);
    return a;
  }

  int fd_;
};

constexpr std::string_view upgrade =
    "GET /socket HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

void open_keep_alive(connection& c) { c.ask("GET /plain", "plain"); }
void open_events(connection& c) { c.ask("GET /events", "retry: 2000\n\n"); }
void open_socket(connection& c) {
  c.send(std::string(upgrade) + "\r\n");
  c.receive_until("\r\n\r\n");
}
void open_packed_socket(connection& c) {  // as browsers do
  c.send(std::string(upgrade) + "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n");
  if (c.receive_until("\r\n\r\n").find("permessage-deflate") == std::string::npos) {
    throw std::runtime_error("no permessage-deflate was agreed on");
  }
}

// A server and its connections.
class round {
 public:
  explicit round(std::size_t count) : count_(count), server_(start(count)) {}
  round(const round&) = delete;
  round& operator=(const round&) = delete;
  ~round() {
    ::kill(server_, SIGKILL);
    ::waitpid(server_, nullptr, 0);
  }

  // What one costs.
  memory open(void (*begin)(connection&)) {
    const auto before = used();
    for (std::size_t i = 0; i < count_; ++i) {
      open_.emplace_back(port_, open_.size());
      begin(open_.back());
    }
    const auto now = used();
    const auto each = std::int64_t(count_);
    return {(now.heap - before.heap) / each, (now.pages - before.pages) / each};
  }

  // After all have been open for as long as it took.
  void see_that_all_have_news() {
    // A WebSocket is agreed on before its handler subscribes it.
    const auto all = "\n" + std::to_string(open_.size()) + " listen";
    while (!control_->ask("GET /listeners", " listen").ends_with(all)) {}
    control_->ask("POST /news", "\r\n\r\n");
    for (auto& c : open_) c.receive_until("news");
  }
  void see_that_all_answer() {
    for (auto& c : open_) open_keep_alive(c);
  }

 private:
  pid_t start(std::size_t count) {
    int told[2];
    if (::pipe(told) != 0) throw std::runtime_error("no pipe");
    const auto server = ::fork();
    if (server == 0) serve(told[1], count);
    ::close(told[1]);
    const auto size = ::read(told[0], &port_, sizeof port_);
    ::close(told[0]);
    if (size != sizeof port_) throw std::runtime_error("the server did not start");
    control_.emplace(port_, count);
    open_keep_alive(*control_);
    return server;
  }
  memory used() {
    const auto answer = control_->ask("GET /memory", "}");
    return *aft::json::read<memory>(answer.substr(answer.find('{')));
  }

  std::uint16_t port_ = 0;
  std::size_t count_;
  std::optional<connection> control_{};
  std::vector<connection> open_{};
  pid_t server_;
};

struct report {
  std::size_t connections_of_each_kind;
  memory keep_alive, event_stream, websocket, packed_websocket;  // bytes of each
};

// How many of each kind this process may have.
std::size_t allowed(std::size_t wanted) {
  constexpr rlim_t others = 200;
  const auto needed = rlim_t(wanted) + others;
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur >= needed) return wanted;
  const rlimit raised{needed, std::max(needed, limit.rlim_max)};  // beyond its end root may go
  if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) return wanted;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  const auto count = std::size_t(limit.rlim_cur - others);
  std::fprintf(stderr, "only %zu of each kind: this user may open %zu files\n", count,
               std::size_t(limit.rlim_cur));
  return count;
}

int measure(const arguments& given) {
  const auto count = allowed(given.number("--count", 10'000, 1, 100'000));
  const auto most = std::int64_t(given.number("--most", 1024, 1, 1'000'000));
  report r{count, {}, {}, {}, {}};
  {
    round idle(count);
    r.keep_alive = idle.open(open_keep_alive);
    idle.see_that_all_answer();
  }
  {
    round streams(count);
    r.event_stream = streams.open(open_events);
    streams.see_that_all_have_news();
  }
  {
    round sockets(count);
    r.websocket = sockets.open(open_socket);
    sockets.see_that_all_have_news();
  }
  {
    round packed(count);
    r.packed_websocket = packed.open(open_packed_socket);
    packed.see_that_all_have_news();
  }
  std::printf("%s\n", aft::json::write(r).c_str());
  if (r.keep_alive.heap <= most) return 0;
  std::fprintf(stderr, "an idle keep-alive connection costs %lld bytes, more than %lld\n",
               static_cast<long long>(r.keep_alive.heap), static_cast<long long>(most));
  return 1;
}

}  // namespace
}  // namespace bench

int main(int count, char** words) {
  const bench::arguments given(count, words, {"--count", "--most"});
  try {
    return bench::measure(given);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}

// Frames from strangers, through the connection that the server uses: never a crash or a hang, and
// each callback in its place.

#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string_view>

#include <boost/asio/io_context.hpp>

#include "http/websocket.hpp"
#include "server/websocket_connection.hpp"

namespace {

void check(bool holds) {
  if (!holds) std::abort();
}

constexpr std::size_t max_message = 4096;

struct seen {
  int opened = 0, closed = 0;
};

std::unique_ptr<aft::http::websocket_start> start_of(seen& s, bool packed) {
  aft::websocket_options o{
      .on_open = [&s](const aft::peer&) { ++s.opened; },
      .on_message =
          [&s](const aft::peer& p, std::string_view data, aft::message_kind kind) {
            check(s.opened == 1 && s.closed == 0 && data.size() <= max_message);
            if (kind == aft::message_kind::text) p.send(data);  // throws where it is not UTF-8
            else if (data == "close") p.close(4000, data);
            else p.send_binary(data);
          },
      .on_close = [&s](const aft::peer&, std::uint16_t, std::string_view) { ++s.closed; },
      .max_message = max_message,
      .max_unsent = 8192};
  return std::make_unique<aft::http::websocket_start>(aft::http::websocket_start{
      std::move(o),
      "dGhlIHNhbXBsZSBub25jZQ==", packed ? "permessage-deflate; client_max_window_bits" : "", ""});
}

void drop_what_came(int fd) {
  char part[4096];
  while (::recv(fd, part, sizeof part, MSG_DONTWAIT) > 0) {}
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const bool packed = data[0] & 1;
  const std::size_t piece = data[1] + 1u;
  std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  const auto early = bytes.substr(0, data[0] >> 1);
  bytes.remove_prefix(early.size());

  int ends[2];
  check(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
  seen s;
  {
    boost::asio::io_context io(1);
    aft::logger log([](const aft::log_record&) { std::abort(); });
    std::atomic<std::size_t> count{0};
    aft::server::websocket_connections all(io.get_executor(), log, count);
    all.add(aft::server::descriptor(ends[0]), nullptr, start_of(s, packed), early);
    while (!bytes.empty()) {
      const auto sent = ::send(ends[1], bytes.data(), std::min(piece, bytes.size()), MSG_NOSIGNAL);
      if (sent > 0) bytes.remove_prefix(std::size_t(sent));
      io.poll();
      drop_what_came(ends[1]);
      if (sent < 0 && all.empty()) break;
    }
    ::shutdown(ends[1], SHUT_WR);
    for (int turns = 0; !all.empty(); ++turns) {
      check(turns < 10'000);
      io.poll();
      drop_what_came(ends[1]);
      if (turns > 100) all.tick();
    }
    check(count == 0);
  }
  check(s.opened == 1 && s.closed == 1);
  ::close(ends[1]);
  return 0;
}

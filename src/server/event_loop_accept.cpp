#include "event_loop_impl.hpp"

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

#include "proxy_protocol.hpp"

namespace aft::server {
namespace {

constexpr int max_accepted_at_once = 4096;  // where more are waiting: they should not wait unseen
constexpr int max_handshakes = 16;          // in a batch; they cost more than all else

constexpr std::string_view too_many_connections =
    "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\n"
    "Connection: close\r\n\r\n";
constexpr std::string_view https_here =
    "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 42\r\n"
    "Connection: close\r\n\r\nThis port speaks HTTPS; use https:// here.";

}  // namespace

void event_loop::impl::accept(const listener& from) {
  const int most = std::exchange(accept_, accepted_at_once);
  for (int i = 0; i < most && from.get() >= 0; ++i) {
    sockaddr_storage peer;
    socklen_t size = sizeof peer;
    const int fd = ::accept4(from.get(), reinterpret_cast<sockaddr*>(&peer), &size,
                             SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
      if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        pause_accepting();
      }
      return;
    }
    const auto client = address_of(peer);
    std::shared_ptr<void> place;
    if (!has_room(client, place)) {
      state_.refused.fetch_add(1, std::memory_order_relaxed);
      if (from.over != transport::tls) refuse_connection(fd);
      ::close(fd);
      continue;
    }
    auto& c = *new connection(*this, fd);
    c.http.client = {client, &state_.proxies};
    c.place = std::move(place);
    c.proxied = state_.options.proxy_protocol && state_.proxies.trusts(client);
    if (from.over == transport::moved) c.http.client.https_port = &state_.https_port;
    if (from.over == transport::tls) begin_tls(c);
    add(c);
    if (minds_lag()) {  // its request should not wait for one more turn
      host_.late = turn_is_long();
      handle(c, EPOLLIN);
    }
  }
  accept_ = std::min(2 * most, max_accepted_at_once);
}

// What it has asked already is taken, because closing before would reset the connection, and may
// take the answer with it.
void event_loop::impl::refuse_connection(int fd) {
  ::recv(fd, read_buffer_.get(), read_buffer_size, MSG_DONTWAIT);
  send_raw(fd, too_many_connections);
}

// For one more connection, which is counted then.
bool event_loop::impl::has_room(const http::ip_address& client, std::shared_ptr<void>& place) {
  const auto& options = state_.options;
  const bool counts = options.max_connections_per_client && client != http::ip_address() &&
                      !state_.proxies.trusts(client);
  if (counts) place = state_.places.take(client);
  if (counts && !place) return false;
  if (state_.connections.fetch_add(1, std::memory_order_relaxed) < options.max_connections) {
    return true;
  }
  state_.connections.fetch_sub(1, std::memory_order_relaxed);
  return false;
}

// Out of descriptors: the connection stays in the kernel's queue, and is tried at the next tick.
void event_loop::impl::pause_accepting() {
  state_.log.write(log_level::error, "server",
                   "no more descriptors or memory for connections; accepting waits");
  for (auto& l : listeners_) control(epoll_, EPOLL_CTL_DEL, l.get(), 0, nullptr);
  accepting_paused_ = true;
}

void event_loop::impl::add(connection& c) {
  c.older = newest_;
  if (newest_) newest_->newer = &c;
  newest_ = &c;
  wheel_.add(c, wheel_.now() + in_ticks(state_.options.timeouts.head));
  watch(c, EPOLLIN);
}

// ---- reading

// Byte for byte, because what comes behind it may be TLS.
void event_loop::impl::read_proxy(connection& c) {
  while (c.proxied) {
    const auto header = read_proxy_header(c.in.view());
    if (header.verdict == proxy_verdict::refused) return close(c);
    if (header.verdict == proxy_verdict::whole) {
      if (header.client) c.http.client.peer = *header.client;
      if (header.is_unknown) c.http.client.proxies = nullptr;  // it may claim to be anybody
      c.proxied = false;
      c.in.release();
      return c.shaking ? shake_hands(c) : read(c);
    }
    char part[max_proxy_header];
    const auto received = ::recv(c.fd.get(), part, header.size - c.in.size(), MSG_DONTWAIT);
    if (received < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (received <= 0) return close(c);
    c.in.append({part, std::size_t(received)});
  }
}

// ---- TLS

void event_loop::impl::begin_tls(connection& c) {
  c.tls = std::make_unique<tls_stream>(state_.tls.get(), c.fd.get());
  c.shaking = c.http.client.secure = true;
}

void event_loop::impl::shake_hands(connection& c) {
  if (++handshakes_ > max_handshakes) return;  // epoll says it again
  switch (c.tls->handshake().status) {
    case tls_status::done: break;
    case tls_status::wants_read: return watch(c, EPOLLIN);
    case tls_status::wants_write: return watch(c, EPOLLOUT);
    default:
      state_.log.write(log_level::debug, "server",
                       "a TLS handshake failed: " + std::string(c.tls->why()));
      if (c.tls->met_http()) send_raw(c.fd.get(), https_here);
      return linger(c);
  }
  c.shaking = false;
  c.http.client.certificate = c.tls->certificate();
  put_off(c, state_.options.timeouts.head);
  watch(c, EPOLLIN);
  read(c);  // what came with the last of it
}

}  // namespace aft::server

#pragma once
// What lies between Beast's WebSockets and their sockets.

#include <sys/mman.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/core/bind_handler.hpp>
#include <boost/beast/core/buffers_prefix.hpp>
#include <boost/beast/core/role.hpp>

#include <aft/ground/buffer.hpp>

#include "tls_stream.hpp"

namespace aft::server {

// Where messages are unpacked. Beast may lose its place in a message that unpacks to more than the
// room it is given (boostorg/beast#3028), so there is room for the most that can come of what is
// read at once: 1032 times as much. Memory that is never written to costs nothing.
class unpacking_room {
 public:
  static constexpr std::size_t packed_at_once = 256;  // read of a peer that packs its messages
  static constexpr std::size_t max_kept = 16 * 1024;
  static constexpr std::size_t size = (2 * packed_at_once + 32) * 1032;

  unpacking_room()
      : data_(::mmap(nullptr, size, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)) {
    if (data_ == MAP_FAILED) throw std::bad_alloc();
  }
  unpacking_room(const unpacking_room&) = delete;
  unpacking_room& operator=(const unpacking_room&) = delete;
  ~unpacking_room() { ::munmap(data_, size); }

  char* data() { return static_cast<char*>(data_); }
  void used(std::size_t count) {
    if (count > max_kept) ::madvise(data_, size, MADV_DONTNEED);
  }

 private:
  void* data_;
};

// What Beast reads from and writes to: a socket, TLS on it if there is some, and before both what
// had been read already.
template <class Socket>
class websocket_layer {
  static constexpr std::size_t frame_buffer = 1536;  // Beast's own
  static constexpr std::size_t packed_at_once = unpacking_room::packed_at_once;
  static constexpr std::size_t record_size = 16 * 1024;  // of TLS, at most
  static constexpr std::size_t max_kept_record = 4096;
  using error_code = boost::system::error_code;

 public:
  using executor_type = typename Socket::executor_type;
  using next_layer_type = Socket;

  websocket_layer(Socket&& socket, std::shared_ptr<tls_stream> tls, std::string_view early)
      : socket_(std::move(socket)), tls_(std::move(tls)), early_(early) {}
  executor_type get_executor() { return socket_.get_executor(); }
  Socket& next_layer() { return socket_; }
  const Socket& next_layer() const { return socket_; }

  template <class Buffers, class Handler>
  void async_read_some(const Buffers& buffers, Handler&& handler) {
    ++reads;
    const bool slowly = packed && boost::asio::buffer_size(buffers) <= frame_buffer;
    if (early_at_ == early_.size()) {
      if (tls_) {
        const boost::asio::mutable_buffer to = boost::beast::buffers_front(buffers);
        return decrypt(slowly ? boost::asio::buffer(to, packed_at_once) : to,
                       std::forward<Handler>(handler), true);
      }
      if (!slowly) return socket_.async_read_some(buffers, std::forward<Handler>(handler));
      return socket_.async_read_some(boost::beast::buffers_prefix(packed_at_once, buffers),
                                     std::forward<Handler>(handler));
    }
    const auto count = boost::asio::buffer_copy(buffers, boost::asio::buffer(early_) + early_at_,
                                                slowly ? packed_at_once : frame_buffer);
    early_at_ += count;
    if (early_at_ == early_.size()) {
      early_ = {};
      early_at_ = 0;
    }
    boost::asio::post(get_executor(), boost::beast::bind_front_handler(
                                          std::forward<Handler>(handler), error_code(), count));
  }
  template <class Buffers, class Handler>
  void async_write_some(const Buffers& buffers, Handler&& handler) {
    ++writes;
    if (!tls_) return socket_.async_write_some(buffers, std::forward<Handler>(handler));
    const auto size = std::min(boost::asio::buffer_size(buffers), record_size);
    record_.clear();
    char* to = record_.reserve(size);
    record_.stop_at(to + boost::asio::buffer_copy(boost::asio::buffer(to, size), buffers));
    encrypt(std::forward<Handler>(handler), true);
  }

  // What has been sent still arrives.
  void end_writing() {
    if (tls_) tls_->shutdown();
    error_code ignored;
    socket_.shutdown(Socket::shutdown_send, ignored);
    ended = true;
  }

  bool packed = false;                  // messages may come packed
  std::uint32_t reads = 0, writes = 0;  // begun; one more means that something has moved
  bool ended = false;

 private:
  template <class Handler>
  void decrypt(boost::asio::mutable_buffer to, Handler&& handler, bool from_outside) {
    const auto got = tls_->read(static_cast<char*>(to.data()), to.size());
    if (is_blocked(got)) {
      return wait(got, [this, to, handler = std::forward<Handler>(handler)](error_code e) mutable {
        if (e) handler(e, 0);
        else decrypt(to, std::move(handler), false);
      });
    }
    complete(got, std::forward<Handler>(handler), from_outside);
  }

  template <class Handler>
  void encrypt(Handler&& handler, bool from_outside) {
    const auto put = tls_->write(record_.data(), record_.size());
    if (is_blocked(put)) {
      return wait(put, [this, handler = std::forward<Handler>(handler)](error_code e) mutable {
        if (e) handler(e, 0);
        else encrypt(std::move(handler), false);
      });
    }
    if (record_.capacity() > max_kept_record) record_.release();
    complete(put, std::forward<Handler>(handler), from_outside);
  }

  static bool is_blocked(const tls_result& r) {
    return r.status == tls_status::wants_read || r.status == tls_status::wants_write;
  }

  // Goes on when the socket is ready, unless this layer has gone by then.
  template <class Next>
  void wait(const tls_result& r, Next&& next) {
    const auto what = r.status == tls_status::wants_read ? Socket::wait_read : Socket::wait_write;
    socket_.async_wait(what, [this, there = std::weak_ptr(tls_),
                              next = std::forward<Next>(next)](error_code failed) mutable {
      const auto tls = there.lock();
      if (!failed && (!tls || !socket_.is_open())) failed = boost::asio::error::operation_aborted;
      next(failed);
    });
  }

  template <class Handler>
  void complete(const tls_result& r, Handler&& handler, bool from_outside) {
    error_code e;
    if (r.status == tls_status::closed) e = boost::asio::error::eof;
    if (r.status == tls_status::failed) e = boost::asio::error::connection_reset;
    if (!from_outside) return handler(e, r.size);
    boost::asio::post(get_executor(),
                      boost::beast::bind_front_handler(std::forward<Handler>(handler), e, r.size));
  }

  Socket socket_;
  std::shared_ptr<tls_stream> tls_;  // null: none. Who waits asks whether it is there still
  buffer record_;                    // what TLS is given to send
  std::string early_;
  std::size_t early_at_ = 0;
};

// Beast calls it when the last frame has been sent.
template <class Socket, class Handler>
void async_teardown(boost::beast::role_type, websocket_layer<Socket>& l, Handler&& handler) {
  l.end_writing();
  boost::asio::post(l.get_executor(),
                    boost::beast::bind_front_handler(std::forward<Handler>(handler),
                                                     boost::system::error_code()));
}

}  // namespace aft::server

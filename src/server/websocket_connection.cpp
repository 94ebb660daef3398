#include "websocket_connection.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <exception>
#include <mutex>
#include <new>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/bind_handler.hpp>
#include <boost/beast/core/buffers_prefix.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <boost/beast/zlib/error.hpp>

#include <aft/ground/buffer.hpp>

#include "timer_wheel.hpp"

namespace aft::server {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using boost::system::error_code;

constexpr std::size_t first_part = 512;  // of a message; most are not larger
constexpr std::size_t next_part = 4096;
// Beast's own buffer, and how much of it is filled at once for a peer that packs its messages.
constexpr std::size_t frame_buffer = 1536;
constexpr std::size_t packed_at_once = 256;
constexpr std::size_t max_kept_message = 16 * 1024;  // of the memory for messages
constexpr std::size_t record_size = 16 * 1024;       // of TLS, at most
constexpr std::size_t max_kept_record = 4096;
constexpr std::size_t max_lingering_bytes = 64 * 1024 * 1024;
constexpr duration lingering_time = seconds(10);
constexpr std::uint16_t going_away = 1001, protocol_error = 1002, no_status = 1005,
                        lost_connection = 1006, bad_payload = 1007, too_big = 1009,
                        internal_error = 1011;

using tcp_socket = asio::generic::stream_protocol::socket;

// What Beast reads from and writes to: a socket, TLS on it if there is some, and before both what
// had been read already.
template <class Socket>
class layer {
 public:
  using executor_type = typename Socket::executor_type;
  using next_layer_type = Socket;

  layer(Socket&& socket, std::shared_ptr<tls_stream> tls, std::string_view early)
      : socket_(std::move(socket)), tls_(std::move(tls)), early_(early) {}
  executor_type get_executor() { return socket_.get_executor(); }
  Socket& next_layer() { return socket_; }
  const Socket& next_layer() const { return socket_; }

  template <class Buffers, class Handler>
  void async_read_some(const Buffers& buffers, Handler&& handler) {
    ++reads;
    const bool slowly = packed && asio::buffer_size(buffers) <= frame_buffer;
    if (early_at_ == early_.size()) {
      if (tls_) {
        const asio::mutable_buffer to = beast::buffers_front(buffers);
        return decrypt(slowly ? asio::buffer(to, packed_at_once) : to,
                       std::forward<Handler>(handler), true);
      }
      if (!slowly) return socket_.async_read_some(buffers, std::forward<Handler>(handler));
      return socket_.async_read_some(beast::buffers_prefix(packed_at_once, buffers),
                                     std::forward<Handler>(handler));
    }
    const auto count = asio::buffer_copy(buffers, asio::buffer(early_) + early_at_,
                                         slowly ? packed_at_once : frame_buffer);
    early_at_ += count;
    if (early_at_ == early_.size()) {
      early_ = {};
      early_at_ = 0;
    }
    asio::post(get_executor(),
               beast::bind_front_handler(std::forward<Handler>(handler), error_code(), count));
  }
  template <class Buffers, class Handler>
  void async_write_some(const Buffers& buffers, Handler&& handler) {
    ++writes;
    if (!tls_) return socket_.async_write_some(buffers, std::forward<Handler>(handler));
    const auto size = std::min(asio::buffer_size(buffers), record_size);
    record_.clear();
    char* to = record_.reserve(size);
    record_.stop_at(to + asio::buffer_copy(asio::buffer(to, size), buffers));
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
  void decrypt(asio::mutable_buffer to, Handler&& handler, bool from_outside) {
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
      if (!failed && (!tls || !socket_.is_open())) failed = asio::error::operation_aborted;
      next(failed);
    });
  }

  template <class Handler>
  void complete(const tls_result& r, Handler&& handler, bool from_outside) {
    error_code e;
    if (r.status == tls_status::closed) e = asio::error::eof;
    if (r.status == tls_status::failed) e = asio::error::connection_reset;
    if (!from_outside) return handler(e, r.size);
    asio::post(get_executor(),
               beast::bind_front_handler(std::forward<Handler>(handler), e, r.size));
  }

  Socket socket_;
  std::shared_ptr<tls_stream> tls_;  // null: none. Who waits asks whether it is there still
  buffer record_;                    // what TLS is given to send
  std::string early_;
  std::size_t early_at_ = 0;
};

// Where messages are unpacked. Beast may lose its place in a message that unpacks to more than the
// room it is given (boostorg/beast#3028), so there is room for the most that can come of what is
// read at once: 1032 times as much. Memory that is never written to costs nothing.
class unpacking_room {
 public:
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
    if (count > max_kept_message) ::madvise(data_, size, MADV_DONTNEED);
  }

 private:
  void* data_;
};

// Beast calls it when the last frame has been sent.
template <class Socket, class Handler>
void async_teardown(beast::role_type, layer<Socket>& l, Handler&& handler) {
  l.end_writing();
  asio::post(l.get_executor(),
             beast::bind_front_handler(std::forward<Handler>(handler), error_code()));
}

}  // namespace

// As its loop sees it, whatever its socket is. Shared by the loop's list and the operations that
// are under way.
struct websocket_connection : timed, std::enable_shared_from_this<websocket_connection> {
  websocket_connection() = default;
  websocket_connection(const websocket_connection&) = delete;
  websocket_connection& operator=(const websocket_connection&) = delete;
  virtual ~websocket_connection() = default;

  virtual void work() = 0;    // its peer has something to send
  virtual void expire() = 0;  // the deadline has passed
  virtual void cut() = 0;     // ends at once
  virtual void leave() = 0;   // the list
  virtual http::peer_core& core() = 0;

  std::shared_ptr<websocket_connection> listed{};  // the list's share
  websocket_connection* older = nullptr;
  websocket_connection* newer = nullptr;
};

// Where peers leave word that there is work for their connections.
class word_box final : public http::peer_loop, public std::enable_shared_from_this<word_box> {
 public:
  explicit word_box(asio::any_io_executor io) : io_(std::move(io)) {}

  void has_work(const peer& p) override {
    std::lock_guard lock(mutex_);
    if (!io_) return;
    with_work_.push_back(p);
    if (with_work_.size() == 1) {
      asio::post(io_, [self = shared_from_this()] { self->empty(); });
    }
  }

  // On the loop.
  void empty() {
    {
      std::lock_guard lock(mutex_);
      now_.swap(with_work_);
    }
    for (const auto& p : now_) {
      auto& core = http::peer_core::of(p);
      core.working();
      if (auto* c = static_cast<websocket_connection*>(core.connection())) c->work();
    }
    now_.clear();
  }
  void close() {
    std::vector<peer> dropped;
    std::lock_guard lock(mutex_);
    io_ = {};
    dropped.swap(with_work_);
  }

 private:
  std::mutex mutex_;
  asio::any_io_executor io_;       // guarded by mutex_; empty: the loop is gone
  std::vector<peer> with_work_{};  // guarded by mutex_
  std::vector<peer> now_{};
};

class websocket_connections::impl {
 public:
  impl(const asio::any_io_executor& io, const logger& log, std::atomic<std::size_t>& count)
      : io_(io), log_(log), count_(count), box_(std::make_shared<word_box>(io)) {}
  ~impl() {
    box_->close();
    while (newest_) newest_->leave();
  }

  const asio::any_io_executor& io() { return io_; }
  const logger& log() const { return log_; }
  const std::shared_ptr<word_box>& box() const { return box_; }
  bool empty() const { return !newest_; }

  void insert(websocket_connection& c, duration d) {
    c.listed = c.shared_from_this();
    c.older = newest_;
    if (newest_) newest_->newer = &c;
    newest_ = &c;
    count_.fetch_add(1, std::memory_order_relaxed);
    wheel_.add(c, wheel_.now() + in_ticks(d));
  }
  void put_off(websocket_connection& c, duration d) { wheel_.set(c, wheel_.now() + in_ticks(d)); }
  void remove(websocket_connection& c) {
    wheel_.remove(c);
    (c.newer ? c.newer->older : newest_) = c.older;
    if (c.older) c.older->newer = c.newer;
    count_.fetch_sub(1, std::memory_order_relaxed);
    c.listed.reset();
  }

  void tick() {
    wheel_.tick([](timed& t) { static_cast<websocket_connection&>(t).expire(); });
  }
  template <class F>
  void for_each(F&& f) {  // which may remove the one it gets
    for (auto* c = newest_; c;) {
      auto* older = c->older;
      f(*c);
      c = older;
    }
  }

 private:
  const asio::any_io_executor io_;
  const logger& log_;
  std::atomic<std::size_t>& count_;
  const std::shared_ptr<word_box> box_;  // shared with the peers
  timer_wheel wheel_;
  websocket_connection* newest_ = nullptr;
};

namespace {

// Several operations of Beast may be under way at a time, one of each kind. When the connection
// ends they need not: of two that wait for each other (as when a peer breaks the protocol while a
// close is sent) neither ever does. Then the stream goes, with all that is stuck in it.
template <class Socket, class Connections>
class connection_over final : public websocket_connection {
 public:
  connection_over(Connections& all, Socket&& socket, std::shared_ptr<tls_stream> tls,
                  std::unique_ptr<http::websocket_start> start, std::string_view early)
      : all_(all), start_(std::move(start)),
        stream_(std::in_place, std::move(socket), std::move(tls), early),
        peer_(http::peer_core::make(start_->options, start_->subprotocol, all.box(),
                                    static_cast<websocket_connection*>(this))) {
    const auto& options = start_->options;
    stream_->read_message_max(options.max_message);
    stream_->auto_fragment(false);
    if (options.compression) stream_->set_option(compression());
  }
  ~connection_over() override {
    if (!ended_) core().end();
  }

  void accept() {
    all_.insert(*this, options().close_timeout);
    namespace http = beast::http;
    http::request<http::empty_body> request(http::verb::get, "/", 11);
    request.set(http::field::host, "localhost");
    request.set(http::field::connection, "upgrade");
    request.set(http::field::upgrade, "websocket");
    request.set(http::field::sec_websocket_version, "13");
    request.set(http::field::sec_websocket_key, start_->key);
    if (!start_->extensions.empty()) {
      request.set(http::field::sec_websocket_extensions, start_->extensions);
    }
    stream_->set_option(
        beast::websocket::stream_base::decorator([this](beast::websocket::response_type& r) {
          const auto& subprotocol = start_->subprotocol;
          stream_->next_layer().packed = r.count(http::field::sec_websocket_extensions) != 0;
          r.set(http::field::server, "aft");
          if (!start_->hsts.empty()) {
            r.set(http::field::strict_transport_security, start_->hsts);
          }
          if (!subprotocol.empty()) r.set(http::field::sec_websocket_protocol, subprotocol);
        }));
    stream_->async_accept(
        request, [this, self = shared_from_this()](error_code failed) { accepted(failed); });
  }

  void work() override {
    if (!open_ || over_ || closing_) return;
    if (core().closes() && !leaving_) {
      leaving_ = true;
      all_.put_off(*this, options().close_timeout);
    }
    if (writing_) return;
    if (auto message = core().next()) return write(std::move(message));
    if (leaving_) close();
  }

  void expire() override {
    const auto self = shared_from_this();
    if (!open_ || leaving_ || over_) return cut();
    auto& l = stream_->next_layer();
    // A peer that takes what it is sent lives too, and may have no way to say so.
    const bool busy = (pinging_ || paused_) && l.writes != writes_seen_;
    if (pinged_ && l.reads == reads_seen_ && !busy) return cut();
    pinged_ = true;
    if (!std::exchange(pinging_, true)) {
      stream_->async_ping({}, [this, self](error_code) { pinging_ = false; });
    }
    reads_seen_ = l.reads;
    writes_seen_ = l.writes;
    put_off_ping();
  }

  void cut() override {
    const auto self = shared_from_this();
    drop();
    settle();
  }
  void leave() override {
    const auto self = shared_from_this();
    drop();
    stream_.reset();
    all_.remove(*this);
  }

  http::peer_core& core() override { return http::peer_core::of(peer_); }

 private:
  using stream = beast::websocket::stream<layer<Socket>, true>;

  const websocket_options& options() const { return start_->options; }

  // Both windows are small, so that ten thousand peers fit into memory: a peer costs about 50 KiB
  // once it has sent and got something large. Beast declines a client that leaves no choice of its
  // window if ours is not the greatest.
  beast::websocket::permessage_deflate compression() const {
    beast::websocket::permessage_deflate o;
    o.server_enable = true;
    o.server_max_window_bits = 12;
    const bool has_choice = start_->extensions.find("client_max_window_bits") != std::string::npos;
    o.client_max_window_bits = has_choice ? 12 : 15;
    o.compLevel = 3;
    o.memLevel = 4;
    o.msg_size_threshold = 128;
    return o;
  }

  void put_off_ping() {
    const auto ping = options().ping;
    all_.put_off(*this, ping > duration() ? ping : hours(24 * 365));
  }

  // Calls the host. What it throws closes the peer.
  template <class F>
  void tell(F&& callback) noexcept {
    std::string what;
    try {
      try {
        return callback();
      } catch (const std::exception& e) {
        what = std::string("a callback of a WebSocket threw: ") + e.what();
      } catch (...) {
        what = "a callback of a WebSocket threw something that is no std::exception";
      }
      all_.log().write(log_level::error, "http", what);
      core().close(internal_error, {});
    } catch (...) {  // no memory, even for that
      drop();
    }
  }

  // ---- reading

  void accepted(error_code failed) {
    if (ended_) return;
    try {
      if (stream_->next_layer().packed) room_ = std::make_unique<unpacking_room>();
    } catch (const std::bad_alloc&) {
      drop();
    }
    if (failed) drop();
    if (over_) return settle();
    open_ = true;
    put_off_ping();
    if (options().on_open) tell([this] { options().on_open(peer_); });
    read();
    work();
    settle();
  }

  void read() {
    if (over_ || reading_) return;
    reading_ = true;
    into_long_ = !room_ && !long_.empty();
    auto done = [this, self = shared_from_this()](error_code failed, std::size_t size) {
      was_read(failed, size);
    };
    if (room_) return stream_->async_read_some(asio::buffer(room_->data(), room_->size), done);
    if (into_long_)
      stream_->async_read_some(asio::buffer(long_.reserve(next_part), next_part), done);
    else stream_->async_read_some(asio::buffer(short_), done);
  }

  void was_read(error_code failed, std::size_t size) {
    if (ended_) return;
    reading_ = false;
    if (failed) {
      reading_failed(failed);
      return settle();
    }
    const std::string_view part(room_ ? room_->data() : short_.data(), into_long_ ? 0 : size);
    const bool whole = stream_->is_message_done() && long_.empty();
    if (into_long_) long_.stop_at(long_.data() + long_.size() + size);
    else if (!whole) long_.append(part);
    if (stream_->is_message_done()) deliver(whole ? part : long_.view());
    if (room_) room_->used(size);
    if (stream_->is_message_done()) {
      long_.clear();
      if (long_.capacity() > max_kept_message) long_.release();
      paused_ = core().unsent() > options().max_unsent / 2;
    }
    if (!paused_) read();
    settle();
  }

  void deliver(std::string_view data) {
    if (!options().on_message || core().closes()) return;
    const auto kind = stream_->got_text() ? message_kind::text : message_kind::binary;
    tell([&] { options().on_message(peer_, data, kind); });
  }

  void reading_failed(error_code failed) {
    using error = beast::websocket::error;
    if (closing_ && failed == asio::error::operation_aborted)
      return;  // by the close, which goes on
    over_ = true;
    if (closing_) return;
    if (failed == error::closed) {
      const auto& reason = stream_->reason();
      code_ = reason.code ? reason.code : no_status;
      reason_.assign(reason.reason.data(), reason.reason.size());
    } else if (failed == error::message_too_big) {
      code_ = too_big;
    } else if (failed == error::bad_frame_payload) {
      code_ = bad_payload;
    } else if (stream_->next_layer().ended) {
      code_ = protocol_error;
    } else if (failed.category() == make_error_code(beast::zlib::error::general).category()) {
      refuse_packed();
    } else {
      drop();
    }
  }

  // Beast says nothing to a peer that sent what cannot be unpacked.
  void refuse_packed() {
    static constexpr std::array<std::uint8_t, 4> frame{0x88, 2, bad_payload >> 8,
                                                       bad_payload & 255};
    code_ = bad_payload;
    if (writing_ || pinging_) return drop();
    over_ = false;
    closing_ = leaving_ = true;
    all_.put_off(*this, options().close_timeout);
    asio::async_write(stream_->next_layer(), asio::buffer(frame),
                      [this, self = shared_from_this()](error_code, std::size_t) {
                        if (ended_) return;
                        stream_->next_layer().end_writing();
                        over_ = true;
                        settle();
                      });
  }

  // ---- writing

  void write(http::shared_message message) {
    writing_ = std::move(message);
    stream_->text(writing_->kind == message_kind::text);
    stream_->async_write(
        asio::buffer(writing_->bytes),
        [this, self = shared_from_this()](error_code failed, std::size_t) { written(failed); });
  }

  void written(error_code failed) {
    if (ended_) return;
    const auto unsent = core().sent(*writing_);
    writing_.reset();
    if (failed) drop();
    if (paused_ && unsent <= options().max_unsent / 2) {
      paused_ = false;
      read();
    }
    work();
    settle();
  }

  void close() {
    closing_ = true;
    const auto wanted = core().wanted_close();
    stream_->async_close({beast::websocket::close_code(wanted.code), wanted.reason},
                         [this, self = shared_from_this()](error_code) {
                           if (ended_) return;
                           over_ = true;
                           settle();
                         });
  }

  // ---- the end

  void drop() {
    over_ = cut_ = true;
    error_code ignored;
    if (stream_) beast::get_lowest_layer(*stream_).close(ignored);
  }

  void settle() {
    if (!over_) return;
    const bool first = !std::exchange(ended_, true);
    if (first) end();
    if (cut_ || !stream_->next_layer().ended) leave();
    else if (first) linger();
  }

  void end() {
    auto wanted = core().wanted_close();
    core().end();
    if (!code_ && wanted.code) {
      code_ = wanted.code;
      reason_ = std::move(wanted.reason);
    }
    if (open_ && options().on_close) {
      tell([this] { options().on_close(peer_, code_ ? code_ : lost_connection, reason_); });
    }
    all_.put_off(*this, lingering_time);
  }

  // Closing with unread bytes would reset the connection, and may take the last frame with it.
  void linger() {
    beast::get_lowest_layer(*stream_).async_read_some(
        asio::buffer(short_),
        [this, self = shared_from_this()](error_code failed, std::size_t size) {
          if (!stream_) return;
          lingered_ += size;
          if (failed || lingered_ > max_lingering_bytes) leave();
          else linger();
        });
  }

  Connections& all_;
  std::unique_ptr<http::websocket_start> start_;
  std::optional<stream> stream_;  // none: the end
  peer peer_;
  std::array<char, first_part> short_;      // of a message, its first part
  std::unique_ptr<unpacking_room> room_{};  // instead, where messages may be packed
  buffer long_;                             // the whole of a message that came in several
  http::shared_message writing_{};
  std::string reason_{};  // of the close
  std::size_t lingered_ = 0;
  std::uint32_t reads_seen_ = 0, writes_seen_ = 0;  // at the last ping
  std::uint16_t code_ = 0;                          // of the close; 0: not known yet
  bool open_ = false;                               // the handshake is done
  bool into_long_ = false, reading_ = false, pinging_ = false, closing_ = false;
  bool pinged_ = false;
  bool paused_ = false;   // nothing is read until the peer has taken more
  bool leaving_ = false;  // somebody asked for a close
  bool over_ = false;     // to be ended by settle()
  bool cut_ = false;      // nothing is sent any more
  bool ended_ = false;    // the host knows; what still completes means nothing
};

}  // namespace

websocket_connections::websocket_connections(const asio::any_io_executor& io, const logger& log,
                                             std::atomic<std::size_t>& count)
    : impl_(new impl(io, log, count)) {}
websocket_connections::~websocket_connections() = default;

void websocket_connections::add(descriptor socket, std::unique_ptr<tls_stream> tls,
                                std::unique_ptr<http::websocket_start> start,
                                std::string_view early) {
  tcp_socket s(impl_->io());
  error_code failed;
  s.assign(asio::generic::stream_protocol(AF_INET, SOCK_STREAM), socket.get(), failed);
  if (failed) return;
  (void)socket.release();
  std::make_shared<connection_over<tcp_socket, impl>>(*impl_, std::move(s), std::move(tls),
                                                      std::move(start), early)
      ->accept();
}

bool websocket_connections::empty() const { return impl_->empty(); }
void websocket_connections::tick() { impl_->tick(); }
void websocket_connections::drain() {
  impl_->for_each([](websocket_connection& c) { c.core().close(going_away, {}); });
}
void websocket_connections::abort() {
  impl_->for_each([](websocket_connection& c) { c.cut(); });
}

}  // namespace aft::server

#include "websocket_connection.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <exception>
#include <new>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <boost/beast/zlib/error.hpp>

#include <aft/ground/buffer.hpp>

#include "websocket_layer.hpp"
#include "websocket_list.hpp"

namespace aft::server {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using boost::system::error_code;

constexpr std::size_t first_part = 512;  // of a message; most are not larger
constexpr std::size_t next_part = 4096;
constexpr std::size_t max_kept_message = 16 * 1024;  // of the memory for messages
constexpr std::size_t max_lingering_bytes = 64 * 1024 * 1024;
constexpr duration lingering_time = seconds(10);
constexpr std::uint16_t going_away = 1001, protocol_error = 1002, no_status = 1005,
                        lost_connection = 1006, bad_payload = 1007, too_big = 1009,
                        internal_error = 1011;

using tcp_socket = asio::generic::stream_protocol::socket;

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
  using stream = beast::websocket::stream<websocket_layer<Socket>, true>;

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

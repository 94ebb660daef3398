#pragma once
// WebSockets (RFC 6455): messages both ways over one connection, for as long as it lasts.

#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <aft/ground/function.hpp>
#include <aft/ground/json.hpp>
#include <aft/ground/time.hpp>
#include <aft/http/handler.hpp>

namespace aft {

namespace http {
class peer_core;
class topic_core;
}  // namespace http

class topic;

enum class message_kind : std::uint8_t { text, binary };

// The other end of a WebSocket: a handle, cheap to copy. Any thread. It may outlive the connection;
// then what it is asked to do does nothing.
class peer {
 public:
  peer(const peer& other);
  peer& operator=(const peer& other);
  ~peer();

  // Returns at once; messages arrive in the order of the calls. Text that is not UTF-8 throws
  // aft::error.
  void send(std::string_view text) const;
  void send_binary(std::string_view bytes) const;
  template <class T>
  requires(std::is_class_v<T>&& std::is_aggregate_v<T>) void send(const T& value) const {
    send(json::write(value));
  }

  // After what was sent before. The code is 1000 to 1014 but for those that are never sent (1004,
  // 1005, 1006), or 3000 to 4999; the reason is UTF-8 of up to 123 bytes; else throws aft::error.
  void close(std::uint16_t code = 1000, std::string_view reason = {}) const;

  // Until unsubscribe(), or until the connection or the topic ends.
  void subscribe(topic& t) const;
  void unsubscribe(topic& t) const;

  std::string_view subprotocol() const;  // of those offered; empty: none. Lives as long as a handle

  friend bool operator==(const peer&, const peer&) = default;
  friend auto operator<=>(const peer&, const peer&) = default;

 private:
  friend class http::peer_core;
  explicit peer(http::peer_core* core);
  http::peer_core* core_;
};

// What many peers listen to, on whichever event loops they are. Any thread. Its subscribers get its
// messages in one order; their bytes are shared, not copied for each.
class topic {
 public:
  topic();
  topic(const topic&) = delete;
  topic& operator=(const topic&) = delete;
  ~topic();

  void publish(std::string_view text);  // returns at once, as peer::send
  void publish_binary(std::string_view bytes);
  template <class T>
  requires(std::is_class_v<T>&& std::is_aggregate_v<T>) void publish(const T& value) {
    publish(json::write(value));
  }

  std::size_t subscribers() const;

 private:
  friend class peer;
  http::topic_core* core_;  // shared with the subscribers
};

// The callbacks run on the connection's event loop, one at a time, and must not wait. What they
// capture lives until the connection ends. If one throws, that is logged, and the peer is closed
// with 1011.
struct websocket_options {
  function<void(const peer&)> on_open{};
  function<void(const peer&, std::string_view data, message_kind)> on_message{};
  // Once for each on_open. The code is that of the side that closed first, or 1006 where the
  // connection was lost.
  function<void(const peer&, std::uint16_t code, std::string_view reason)> on_close{};

  std::size_t max_message = 1024 * 1024;  // a larger one, unpacked, closes with 1009
  // Bytes that wait for a slow peer, with some for each message; one message alone may be larger.
  // From half of it on, nothing is read from the peer; beyond it, what waits is dropped, and the
  // peer closed with 1013.
  std::size_t max_unsent = 1024 * 1024;
  duration ping =
      seconds(30);  // between two; a peer silent for two of them is cut off; zero: never
  duration close_timeout = seconds(5);  // for what waits, and for the peer's answer to a close
  bool compression = true;              // where the client offers it (permessage-deflate, RFC 7692)
  std::vector<std::string> subprotocols{};  // the first that the client names and that is here
};

// What a handler returns to go on with its client as a WebSocket. Whoever asks for none is answered
// with 426. Pages of other origins never come so far, see aft/http/access.hpp.
//   app.get("/chat", [](user u, aft::topic& room) {
//     return aft::websocket({
//         .on_open = [&room](const aft::peer& p) { p.subscribe(room); },
//         .on_message = [&room, u](const aft::peer&, std::string_view text, aft::message_kind) {
//           room.publish(u.name + ": " + std::string(text));
//         },
//     });
//   });
class websocket {
 public:
  explicit websocket(websocket_options options);  // a malformed subprotocol throws aft::error

  static constexpr http::result_info answer_info{http::content::custom, nullptr, 101, false};
  void answer(http::call& c) &&;

 private:
  websocket_options options_;
};

}  // namespace aft

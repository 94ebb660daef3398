#pragma once
// WebSockets without their sockets: what a handler asked for, and what the handles of a peer share
// with its connection.

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include <aft/http/websocket.hpp>

namespace aft::http {

// What a connection needs to go on as a WebSocket. The handshake has been found to be well-formed.
struct websocket_start {
  websocket_options options;
  std::string key;                     // Sec-WebSocket-Key
  std::string extensions;              // that the client offers
  std::string subprotocol;             // that was chosen; empty: none
  std::string hsts{};                  // Strict-Transport-Security of its answer; empty: none
  std::shared_ptr<void> place{};       // of its server, which counts it until the connection ends
  std::shared_ptr<const void> held{};  // places of limits, likewise
};

struct peer_message {
  std::string bytes;
  message_kind kind;
};
using shared_message = std::shared_ptr<const peer_message>;  // by all peers that wait to send it

// The event loop that the connections of some peers stay on. Shared by these peers and the loop.
class peer_loop {
 public:
  peer_loop() = default;
  peer_loop(const peer_loop&) = delete;
  peer_loop& operator=(const peer_loop&) = delete;
  virtual ~peer_loop() = default;
  virtual void has_work(const peer& p) = 0;  // any thread, with the peer's mutex held
};

struct peer_close {
  std::uint16_t code = 0;  // 0: nobody asked for it
  std::string reason{};
};

// Shared by the handles of one peer and its connection, which is itself found by a handle.
class peer_core {
 public:
  static peer make(const websocket_options& options, std::string subprotocol,
                   std::shared_ptr<peer_loop> loop, void* connection) {
    return peer(new peer_core(options, std::move(subprotocol), std::move(loop), connection));
  }
  static peer_core& of(const peer& p) { return *p.core_; }
  static peer handle_of(peer_core& core) {
    core.hold();
    return peer(&core);
  }
  peer_core(const peer_core&) = delete;
  peer_core& operator=(const peer_core&) = delete;

  void hold() { count_.fetch_add(1, std::memory_order_relaxed); }
  void let_go() {
    if (count_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }

  // Any thread.
  void send(shared_message message);
  void close(std::uint16_t code, std::string_view reason);
  void subscribe(topic_core& t);
  void unsubscribe(topic_core& t);

  // The rest is for its connection, on its loop.
  void* connection() const { return connection_; }
  void working() {  // what is asked for from now on is told to the loop again
    std::lock_guard lock(mutex_);
    told_ = false;
  }
  shared_message next();                          // null: nothing waits
  std::size_t sent(const peer_message& message);  // what of the messages is left unsent
  std::size_t unsent() const {
    std::lock_guard lock(mutex_);
    return unsent_;
  }
  peer_close wanted_close() const {
    std::lock_guard lock(mutex_);
    return close_;
  }
  bool closes() const { return wanted_close_.load(std::memory_order_relaxed); }
  void end();  // the connection is gone

  const std::string subprotocol;

 private:
  peer_core(const websocket_options& options, std::string chosen, std::shared_ptr<peer_loop> loop,
            void* connection)
      : subprotocol(std::move(chosen)), loop_(std::move(loop)), max_unsent_(options.max_unsent),
        connection_(connection) {}
  ~peer_core() = default;
  void close_locked(std::uint16_t code, std::string_view reason);
  void tell_locked();

  std::atomic<unsigned> count_{1};
  std::atomic<bool> wanted_close_{false};
  const std::shared_ptr<peer_loop> loop_;
  const std::size_t max_unsent_;
  void* connection_;  // null: gone

  mutable std::mutex mutex_;
  std::vector<shared_message> waiting_{};  // guarded by mutex_, as is all below
  std::size_t first_ = 0;                  // of those that wait
  std::size_t unsent_ = 0;                 // bytes, with those that are being sent
  peer_close close_{};
  bool told_ = false;  // its loop
  bool over_ = false;
  std::vector<std::shared_ptr<topic_core>> topics_{};
};

// Shared by a topic and its subscribers. A topic's mutex is taken before a peer's.
class topic_core : public std::enable_shared_from_this<topic_core> {
 public:
  void publish(const shared_message& message);
  std::size_t subscribers() const;
  void end();

  std::shared_ptr<topic_core> of_topic;  // the topic's own share, dropped by its destructor

 private:
  friend class peer_core;
  mutable std::mutex mutex_;
  std::unordered_set<peer_core*> subscribers_{};  // guarded by mutex_; each leaves when it ends
  bool ended_ = false;                            // guarded by mutex_
};

}  // namespace aft::http

#pragma once
// The WebSockets of one event loop, and how word from other threads reaches them.

#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/post.hpp>

#include "../http/websocket.hpp"
#include "timer_wheel.hpp"
#include "websocket_connection.hpp"

namespace aft::server {

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
  explicit word_box(boost::asio::any_io_executor io) : io_(std::move(io)) {}

  void has_work(const peer& p) override {
    std::lock_guard lock(mutex_);
    if (!io_) return;
    with_work_.push_back(p);
    if (with_work_.size() == 1) {
      boost::asio::post(io_, [self = shared_from_this()] { self->empty(); });
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
  boost::asio::any_io_executor io_;  // guarded by mutex_; empty: the loop is gone
  std::vector<peer> with_work_{};    // guarded by mutex_
  std::vector<peer> now_{};
};

class websocket_connections::impl {
 public:
  impl(const boost::asio::any_io_executor& io, const logger& log, std::atomic<std::size_t>& count)
      : io_(io), log_(log), count_(count), box_(std::make_shared<word_box>(io)) {}
  ~impl() {
    box_->close();
    while (newest_) newest_->leave();
  }

  const boost::asio::any_io_executor& io() { return io_; }
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
  const boost::asio::any_io_executor io_;
  const logger& log_;
  std::atomic<std::size_t>& count_;
  const std::shared_ptr<word_box> box_;  // shared with the peers
  timer_wheel wheel_;
  websocket_connection* newest_ = nullptr;
};

}  // namespace aft::server

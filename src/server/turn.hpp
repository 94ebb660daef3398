#pragma once
// Whose turn it is on an io_context that others use too, from one thread or from several.

#include <atomic>
#include <memory>
#include <mutex>
#include <thread>
#include <type_traits>
#include <utility>

#include <boost/asio/execution.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/require.hpp>

#include "../ground/may_wait.hpp"

namespace aft::server {

// All that an event loop does, it does in its turn. Recursive, because Asio may call a handler from
// within another.
class turn {
 public:
  explicit turn(const void* whose) : serving(whose) {}
  void lock() {
    mutex_.lock();
    ++depth_;
    holder_.store(std::this_thread::get_id(), std::memory_order_relaxed);
  }
  void unlock() {
    if (!--depth_) holder_.store({}, std::memory_order_relaxed);
    mutex_.unlock();
  }
  bool is_mine() const {
    return holder_.load(std::memory_order_relaxed) == std::this_thread::get_id();
  }

  bool over = false;          // the loop is gone; guarded by the turn itself
  const void* const serving;  // see detail::serving

 private:
  std::recursive_mutex mutex_;
  int depth_ = 0;
  std::atomic<std::thread::id> holder_{};
};

// Runs everything in its turn, on another executor.
template <class Inner>
class turn_executor {
 public:
  turn_executor(Inner inner, std::shared_ptr<turn> t)
      : inner_(std::move(inner)), turn_(std::move(t)) {}

  template <class P>
  requires(boost::asio::can_query_v<const Inner&, P>) decltype(auto) query(const P& p) const {
    return boost::asio::query(inner_, p);
  }
  template <class P>
  requires(boost::asio::can_require_v<const Inner&, P>) auto require(const P& p) const {
    return with(boost::asio::require(inner_, p));
  }
  template <class P>
  requires(boost::asio::can_prefer_v<const Inner&, P>) auto prefer(const P& p) const {
    return with(boost::asio::prefer(inner_, p));
  }
  template <class F>
  void execute(F&& f) const {
    inner_.execute([t = turn_, f = std::forward<F>(f)]() mutable {
      std::lock_guard lock(*t);
      detail::no_waiting not_here("on an event loop");
      detail::serving_for serving(t->serving);
      std::move(f)();
    });
  }

  friend bool operator==(const turn_executor& a, const turn_executor& b) noexcept {
    return a.inner_ == b.inner_ && a.turn_ == b.turn_;
  }
  friend bool operator!=(const turn_executor& a, const turn_executor& b) noexcept {
    return !(a == b);
  }

 private:
  template <class Other>
  turn_executor<Other> with(Other other) const {
    return {std::move(other), turn_};
  }

  Inner inner_;
  std::shared_ptr<turn> turn_;
};

}  // namespace aft::server

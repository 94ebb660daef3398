#pragma once
// The one header that opens to Boost.Asio: handlers that are coroutines.
//
//   app.get("/slow", []() -> boost::asio::awaitable<std::string> {
//     boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor, 1s);
//     co_await timer.async_wait(boost::asio::use_awaitable);
//     co_return "done";
//   });
//
// Such a handler runs on the event loop of its connection, so between two co_awaits it must not
// wait or compute for long. It is cancelled (terminally: the operation that it waits for ends with
// operation_aborted) when its deadline passes (route::deadline), when its client closes the
// connection or the sending half of it, and when the server stops. It takes what other handlers
// take, by value, and returns what they return; a reader& or transaction& it cannot take, because
// nobody may hold one while he waits: take database& and use find_later(), all_later()
// and write_later() below.
//
// In an app that has such a route Asio waits on every loop, which costs all its requests a few
// system calls for each turn of the loop.
//
// g++ 12 miscompiles some coroutines. With it, give each a local variable; keep co_await out of
// conditions (`const auto n = co_await f(); if (n) ...`); and give a name to a lambda that captures
// something, and to an aggregate, before it goes into a co_await expression.

#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <aft/http/handler.hpp>
#include <aft/storage/database.hpp>

namespace aft {

namespace http {
void answer_later(call&, boost::asio::awaitable<void> body);
}

namespace detail {

template <class T>
boost::asio::awaitable<void> answer_when_ready(call& c, boost::asio::awaitable<T> body) {
  if constexpr (std::is_void_v<T>) {
    co_await std::move(body);
    http::reply_empty(c, 204);
  } else {
    T value = co_await std::move(body);
    returned<T>::put(c, std::move(value));
  }
}

constexpr http::result_info later(http::result_info info) {
  info.is_later = true;
  return info;
}

template <class T>
struct returned<boost::asio::awaitable<T>> {
  static constexpr http::result_info info = later(returned<T>::info);
  static void put(call& c, boost::asio::awaitable<T>&& body) {
    http::answer_later(c, answer_when_ready<T>(c, std::move(body)));
  }
};

// Outlives a coroutine that is destroyed while it waits.
template <class F, class R>
struct later_write {
  explicit later_write(F&& f) : call(std::move(f)) {}
  void run(transaction& tx) { value.emplace(call(tx)); }
  F call;
  std::optional<R> value{};
};
template <class F>
struct later_write<F, void> {
  explicit later_write(F&& f) : call(std::move(f)) {}
  void run(transaction& tx) { call(tx); }
  F call;
};

// Those who wait for a database, on one io_context. When that is destroyed first they go with it.
class database_waiter {
 public:
  struct told {
    std::shared_ptr<database_waiter> who;
    std::exception_ptr thrown;
  };

  database_waiter() = default;
  database_waiter(const database_waiter&) = delete;
  database_waiter& operator=(const database_waiter&) = delete;
  virtual ~database_waiter() = default;
  virtual void resume(std::exception_ptr thrown) = 0;  // any thread
  // The same, together with the others of its io_context that are told now: returns what is to be
  // called when all of them were.
  virtual const function<void()>* resume_with_others(std::exception_ptr thrown) = 0;
  virtual void post(std::vector<told> all) = 0;  // of the same io_context, itself among them
  virtual void forget() = 0;
};

class database_waiters final : public boost::asio::execution_context::service {
 public:
  static inline boost::asio::execution_context::id id;
  explicit database_waiters(boost::asio::execution_context& context) : service(context) {}

  template <class Handler>
  static std::shared_ptr<database_waiter> add(Handler&& handler) {
    using held = std::decay_t<Handler>;
    auto on = boost::asio::get_associated_executor(handler);
    auto& all = boost::asio::use_service<database_waiters>(
        boost::asio::query(on, boost::asio::execution::context));
    auto made = std::make_shared<waiter<held, decltype(on)>>(std::move(handler), std::move(on),
                                                             all.crossing_);
    std::lock_guard lock(all.mutex_);
    if (all.waiting_.size() >= all.swept_at_) {  // so seldom that it costs each little
      std::erase_if(all.waiting_, [](const auto& w) { return w.expired(); });
      all.swept_at_ = 2 * all.waiting_.size() + 16;
    }
    all.waiting_.push_back(made);
    return made;
  }

 private:
  // Those who are told at once cross to the io_context at once, too: with a post for each it would
  // wake for the first, and be in the way of the others. Of the service and its waiters.
  struct crossing {
    std::mutex mutex{};
    std::vector<database_waiter::told> told{};  // guarded by mutex, as is the next
    bool is_closed = false;
    const function<void()> begin = [this] {
      std::lock_guard lock(mutex);
      if (told.empty()) return;
      const auto first = told.front().who;  // they may be resumed before post() returns
      first->post(std::exchange(told, {}));
    };
  };

  template <class Handler, class Executor>
  class waiter final : public database_waiter,
                       public std::enable_shared_from_this<waiter<Handler, Executor>> {
   public:
    waiter(Handler&& handler, Executor on, std::shared_ptr<crossing> with_others)
        : handler_(std::make_shared<Handler>(std::move(handler))), on_(std::move(on)),
          crossing_(std::move(with_others)) {}
    void resume(std::exception_ptr thrown) override {
      std::lock_guard lock(mutex_);
      if (!handler_) return;
      boost::asio::post(on_, [handler = std::move(handler_), thrown = std::move(thrown)] {
        std::move (*handler)(thrown);
      });
    }
    const function<void()>* resume_with_others(std::exception_ptr thrown) override {
      std::lock_guard lock(crossing_->mutex);
      if (crossing_->is_closed) return nullptr;
      crossing_->told.push_back({this->shared_from_this(), std::move(thrown)});
      return &crossing_->begin;
    }
    void post(std::vector<told> all) override {
      boost::asio::post(on_, [all = std::move(all)]() mutable {
        for (auto& [who, thrown] : all) who->resume(std::move(thrown));
      });
    }
    void forget() override {
      std::unique_lock lock(mutex_);
      const auto dropped = std::move(handler_);
      lock.unlock();
    }

   private:
    std::mutex mutex_;
    std::shared_ptr<Handler> handler_;  // guarded by mutex_; null: resumed, or gone
    const Executor on_;
    const std::shared_ptr<crossing> crossing_;
  };

  void shutdown() override {
    {
      std::lock_guard lock(crossing_->mutex);
      crossing_->is_closed = true;
      crossing_->told.clear();
    }
    std::unique_lock lock(mutex_);
    const auto all = std::move(waiting_);
    lock.unlock();
    for (const auto& w : all) {
      if (const auto held = w.lock()) held->forget();
    }
  }

  const std::shared_ptr<crossing> crossing_ = std::make_shared<crossing>();
  std::mutex mutex_;
  std::vector<std::weak_ptr<database_waiter>> waiting_{};  // guarded by mutex_, as is the next
  [[maybe_unused]] std::size_t swept_at_ = 16;             // clang sees no use where nobody waits
};

}  // namespace detail

// Calls f(transaction&) on the writer of the database, and goes on when it is committed; what it
// throws is thrown here. To cancel it comes too late: it is done or undone as a whole.
//
//   auto add = [title](aft::transaction& tx) { ... };
//   const auto id = co_await aft::write_later(db, add);
template <class F>
auto write_later(database& db, F f)
    -> boost::asio::awaitable<std::invoke_result_t<F&, transaction&>> {
  using result = std::invoke_result_t<F&, transaction&>;
  auto held = std::make_shared<detail::later_write<F, result>>(std::move(f));
  auto begin = [&db, held](auto handler) {
    const auto waiting = detail::database_waiters::add(std::move(handler));
    try {
      db.submit([held](transaction& tx) { held->run(tx); },
                [waiting](std::exception_ptr thrown) { waiting->resume(std::move(thrown)); });
    } catch (...) {
      waiting->resume(std::current_exception());
    }
  };
  co_await boost::asio::async_initiate<const boost::asio::use_awaitable_t<>&,
                                       void(std::exception_ptr)>(begin, boost::asio::use_awaitable);
  if constexpr (!std::is_void_v<result>) co_return *std::move(held->value);
}

// One query alone (see database::all and find), which the loop does not wait for: on PostgreSQL
// those of all coroutines go over few connections, many in one round trip. Where nobody waits any
// more when the rows come, they are dropped.
//
//   auto found = co_await aft::find_later<note>(db, "select * from note where id = $1", id);
template <class Row, class... Args>
auto all_later(database& db, std::type_identity_t<sql<Args...>> query, Args... args)
    -> boost::asio::awaitable<std::vector<Row>> {
  auto rows = std::make_shared<std::vector<Row>>();
  auto begin = [&db, &query, &args..., rows](auto handler) {
    const auto waiting = detail::database_waiters::add(std::move(handler));
    try {
      db.ask<Row, Args...>(
          query,
          [waiting, rows](std::vector<Row>&& found, std::exception_ptr thrown) {
            *rows = std::move(found);
            return waiting->resume_with_others(std::move(thrown));
          },
          args...);
    } catch (...) {
      waiting->resume(std::current_exception());
    }
  };
  co_await boost::asio::async_initiate<const boost::asio::use_awaitable_t<>&,
                                       void(std::exception_ptr)>(begin, boost::asio::use_awaitable);
  co_return std::move(*rows);
}

// The first row, or nothing.
template <class Row, class... Args>
auto find_later(database& db, std::type_identity_t<sql<Args...>> query, Args... args)
    -> boost::asio::awaitable<std::optional<Row>> {
  auto rows = co_await all_later<Row, Args...>(db, query, std::move(args)...);
  std::optional<Row> first;
  if (!rows.empty()) first.emplace(std::move(rows.front()));
  co_return first;
}

}  // namespace aft

#include "coroutines.hpp"

#include <chrono>
#include <mutex>
#include <new>
#include <thread>
#include <utility>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <aft/ground/error.hpp>

#include "../ground/may_wait.hpp"
#include "../ground/quiet_thread.hpp"

namespace aft::server {
namespace {

class asio_coroutine final : public http::coroutine,
                             public std::enable_shared_from_this<asio_coroutine> {
 public:
  explicit asio_coroutine(boost::asio::awaitable<void> body) : body_(std::move(body)) {}

  void start(http::coroutine_loop& loop, http::call& c) override {
    executor_ = static_cast<coroutine_executor&>(loop).executor();
    boost::asio::co_spawn(
        executor_, std::move(body_),
        boost::asio::bind_cancellation_slot(signal_.slot(), ending(shared_from_this(), loop, c)));
  }
  // Asio puts an emission off where it does not run the loop, and the coroutine may end before it.
  void cancel() noexcept override {
    try {
      boost::asio::dispatch(executor_, [self = shared_from_this()] {
        self->signal_.emit(boost::asio::cancellation_type::terminal);
      });
    } catch (const std::bad_alloc&) {}  // then it ends by itself
  }

 private:
  // Says how it ended, or that it never will.
  class ending {
   public:
    ending(std::shared_ptr<asio_coroutine> self, http::coroutine_loop& loop, http::call& c)
        : self_(std::move(self)), loop_(&loop), call_(&c) {}
    ending(ending&& other) noexcept
        : self_(std::move(other.self_)), loop_(other.loop_),
          call_(std::exchange(other.call_, nullptr)) {}
    ending& operator=(ending&&) = delete;
    ~ending() {
      if (call_) loop_->lose(*call_);
    }
    void operator()(std::exception_ptr thrown) {
      loop_->end(*std::exchange(call_, nullptr), std::move(thrown));
    }

   private:
    std::shared_ptr<asio_coroutine> self_;  // whose signal is in use until this is gone
    http::coroutine_loop* loop_;
    http::call* call_;
  };

  boost::asio::awaitable<void> body_;
  boost::asio::any_io_executor executor_{};
  boost::asio::cancellation_signal signal_{};
};

}  // namespace

class coroutine_thread::impl final : public coroutine_executor {
 public:
  explicit impl(const http::dispatcher& routes) : routes_(routes) {}
  ~impl() {
    io_.stop();
    if (thread_.joinable()) thread_.join();
  }

  boost::asio::any_io_executor executor() override { return io_.get_executor(); }
  void begin(http::call& c) noexcept override {
    try {
      std::call_once(
          started_, [this] { thread_ = detail::quiet_thread("aft coroutine", [this] { run(); }); });
      boost::asio::post(io_, [this, &c] {
        cancel_in_time(c);
        c.later->start(*this, c);
      });
    } catch (...) {
      end(c, std::current_exception());
    }
  }
  void end(http::call& c, std::exception_ptr thrown) noexcept override {
    routes_.end_later(c, std::move(thrown));
    if (auto* w = c.on_done(c)) w->wake();
  }
  void lose(http::call& c) noexcept override {
    end(c, std::make_exception_ptr(error("the coroutine was destroyed before its end")));
  }

 private:
  void run() {
    detail::no_waiting not_here("on an event loop");
    detail::serving_for serving(&routes_);
    io_.run();
  }
  void cancel_in_time(const http::call& c) {
    if (!c.deadline) return;
    // Somewhat later, so that it is late by the coarse clock too.
    const auto left = std::chrono::milliseconds(c.deadline - detail::coarse_milliseconds() + 20);
    auto timer = std::make_shared<boost::asio::steady_timer>(io_, left);
    timer->async_wait([timer, later = std::weak_ptr(c.later)](boost::system::error_code) {
      if (const auto running = later.lock()) running->cancel();
    });
  }

  const http::dispatcher& routes_;
  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
      io_.get_executor()};
  std::once_flag started_;
  std::thread thread_{};  // from the first coroutine on
};

coroutine_thread::coroutine_thread(const http::dispatcher& routes) : impl_(new impl(routes)) {}
coroutine_thread::~coroutine_thread() = default;
http::coroutine_loop& coroutine_thread::loop() { return *impl_; }

}  // namespace aft::server

namespace aft::http {

// Declared in aft/asio.hpp.
void answer_later(call& c, boost::asio::awaitable<void> body);
void answer_later(call& c, boost::asio::awaitable<void> body) {
  if (!c.coroutines) throw error("nothing runs coroutines here");
  c.later = std::make_shared<server::asio_coroutine>(std::move(body));
}

}  // namespace aft::http

#include "coroutines.hpp"

#include <thread>
#include <utility>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <aft/ground/error.hpp>

#include "../ground/quiet_thread.hpp"

namespace aft::server {
namespace {

class asio_coroutine final : public http::coroutine,
                             public std::enable_shared_from_this<asio_coroutine> {
 public:
  explicit asio_coroutine(boost::asio::awaitable<void> body) : body_(std::move(body)) {}

  void start(http::coroutine_loop& loop, http::call& c) override {
    boost::asio::co_spawn(
        static_cast<coroutine_executor&>(loop).executor(), std::move(body_),
        boost::asio::bind_cancellation_slot(signal_.slot(), ending(shared_from_this(), loop, c)));
  }
  void cancel() noexcept override { signal_.emit(boost::asio::cancellation_type::terminal); }

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
  boost::asio::cancellation_signal signal_{};
};

}  // namespace

class coroutine_thread::impl final : public coroutine_executor {
 public:
  explicit impl(const http::dispatcher& routes)
      : routes_(routes), thread_(detail::quiet_thread("aft coroutine", [this] { io_.run(); })) {}
  ~impl() {
    work_.reset();
    thread_.join();
  }

  boost::asio::any_io_executor executor() override { return io_.get_executor(); }
  void begin(http::call& c) noexcept override {
    boost::asio::post(io_, [this, &c] { c.later->start(*this, c); });
  }
  void end(http::call& c, std::exception_ptr thrown) noexcept override {
    routes_.end_later(c, std::move(thrown));
    if (auto* w = c.on_done(c)) w->wake();
  }
  void lose(http::call& c) noexcept override {
    end(c, std::make_exception_ptr(error("the coroutine was destroyed before its end")));
  }

 private:
  const http::dispatcher& routes_;
  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
      io_.get_executor()};
  std::thread thread_;
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

#pragma once
// Coroutine handlers, on an executor of Asio.

#include <exception>
#include <memory>

#include <boost/asio/any_io_executor.hpp>

#include "../http/dispatcher.hpp"

namespace aft::server {

// What a loop that runs them gives them.
class coroutine_executor : public http::coroutine_loop {
 public:
  virtual boost::asio::any_io_executor executor() = 0;

 protected:
  ~coroutine_executor() = default;
};

// A thread that runs nothing else, for calls that came over no socket.
class coroutine_thread {
 public:
  explicit coroutine_thread(const http::dispatcher& routes);
  coroutine_thread(const coroutine_thread&) = delete;
  coroutine_thread& operator=(const coroutine_thread&) = delete;
  ~coroutine_thread();  // when nothing runs on it any more

  http::coroutine_loop& loop();

 private:
  class impl;
  std::unique_ptr<impl> impl_;
};

}  // namespace aft::server

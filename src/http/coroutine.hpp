#pragma once
// Handlers that are not done when they return.

#include <exception>

namespace aft::http {

class call;
class coroutine_loop;

// The body of one such handler.
class coroutine {
 public:
  coroutine() = default;
  coroutine(const coroutine&) = delete;
  coroutine& operator=(const coroutine&) = delete;
  virtual ~coroutine() = default;

  // Both on the thread of the loop. What runs tells the loop when it has ended, and not before
  // start() has returned.
  virtual void start(coroutine_loop& loop, call& c) = 0;
  virtual void cancel() noexcept = 0;
};

// What runs them.
class coroutine_loop {
 public:
  coroutine_loop() = default;
  coroutine_loop(const coroutine_loop&) = delete;
  coroutine_loop& operator=(const coroutine_loop&) = delete;

  // Starts call::later. Any thread; the call is the loop's from here on.
  virtual void begin(call& c) noexcept = 0;

  // It has ended, on the thread of the loop: the call is to be answered.
  virtual void end(call& c, std::exception_ptr thrown) noexcept = 0;

  // It never will, because what it ran on is gone. Any thread.
  virtual void lose(call& c) noexcept = 0;

 protected:
  ~coroutine_loop() = default;
};

}  // namespace aft::http

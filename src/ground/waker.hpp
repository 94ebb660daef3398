#pragma once
// Who waits for something that another thread has finished.

namespace aft {

// Whoever is told of a waker owes it exactly one wake() or skip(), and it stays alive until then.
class waker {
 public:
  virtual void wake() noexcept = 0;  // any thread
  virtual void skip() noexcept {}    // any thread; somebody else wakes it

 protected:
  ~waker() = default;
};

}  // namespace aft

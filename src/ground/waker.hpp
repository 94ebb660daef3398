#pragma once
// Who waits for something that another thread has finished.

namespace aft {

class waker {
 public:
  virtual void wake() noexcept = 0;  // any thread

 protected:
  ~waker() = default;
};

}  // namespace aft

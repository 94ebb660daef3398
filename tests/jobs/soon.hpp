#pragma once
// Waits for what another thread is about to do, without sleeping for a fixed time.

#include <chrono>
#include <thread>

template <class F>
bool soon(F&& done) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (std::chrono::steady_clock::now() < end) {
    if (done()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return done();
}

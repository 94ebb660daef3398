#pragma once
// Copies no faster than it may.

#include <chrono>
#include <cstdint>
#include <thread>

namespace aft::storage {

class pace {
 public:
  explicit pace(std::int64_t bytes_per_second) : rate_(bytes_per_second) {}

  // How long to pause after so many bytes more. Time that went by without any is not made up for.
  std::chrono::microseconds after(std::int64_t bytes) {
    if (rate_ <= 0) return {};
    const auto now = std::chrono::steady_clock::now();
    if (next_ < now) next_ = now;
    next_ += std::chrono::microseconds(bytes * 1'000'000 / rate_);
    return std::chrono::duration_cast<std::chrono::microseconds>(next_ - now);
  }
  void wait_after(std::int64_t bytes) { std::this_thread::sleep_for(after(bytes)); }

 private:
  std::int64_t rate_;
  std::chrono::steady_clock::time_point next_{};
};

// Small, so that others get at the disk in between.
inline constexpr std::size_t copy_step = 256 * 1024;

}  // namespace aft::storage

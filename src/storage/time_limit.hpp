#pragma once
// How long somebody wants what he asks of a database.

#include <atomic>
#include <cstdint>

#include "../ground/coarse_clock.hpp"

namespace aft::storage {

struct time_limit {
  std::int64_t at = 0;                        // of coarse_milliseconds(); 0: whenever
  const std::atomic<bool>* cancel = nullptr;  // null: nobody does

  static constexpr std::int64_t between_looks = 10;  // milliseconds, of those who wait

  explicit operator bool() const { return at || cancel; }
  bool is_cancelled() const { return cancel && cancel->load(std::memory_order_relaxed); }
  bool is_over() const { return (at && aft::detail::coarse_milliseconds() > at) || is_cancelled(); }
};

// For the end of a transaction, which is waited for however late it is: half an end is none.
class without_limit {
 public:
  explicit without_limit(time_limit& limit) : place_(limit), before_(limit) { limit = {}; }
  without_limit(const without_limit&) = delete;
  without_limit& operator=(const without_limit&) = delete;
  ~without_limit() { place_ = before_; }

 private:
  time_limit& place_;
  const time_limit before_;
};

}  // namespace aft::storage

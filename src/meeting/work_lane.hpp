#pragma once
// A bounded pool of threads for handlers that wait or compute.

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

#include "../http/dispatcher.hpp"
#include "queue_watch.hpp"

namespace aft::meeting {

// Threads of low priority leave the processors to the others where there is not enough for all.
enum class lane_priority : std::uint8_t { usual, low };

class work_lane final : public http::lane_runner {
 public:
  work_lane(const http::dispatcher& routes, unsigned threads, std::size_t max_waiting,
            duration max_wait, lane_priority priority = lane_priority::usual);
  ~work_lane() override;  // runs what waits

  bool submit(http::call& c) noexcept override;

 private:
  void work();

  const http::dispatcher& routes_;
  const std::size_t max_waiting_;
  const lane_priority priority_;
  queue_watch queue_;
  std::mutex mutex_;
  std::condition_variable wake_;
  http::call* first_ = nullptr;  // guarded by mutex_, as is all below
  http::call* last_ = nullptr;
  std::size_t waiting_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace aft::meeting

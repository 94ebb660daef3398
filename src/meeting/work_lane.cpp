#include "work_lane.hpp"

#include <sys/resource.h>

#include <new>

#include "../ground/deadline.hpp"
#include "../ground/may_wait.hpp"
#include "../ground/quiet_thread.hpp"

namespace aft::meeting {
namespace {

[[maybe_unused]] constexpr int low_niceness = 10;

}  // namespace

work_lane::work_lane(const http::dispatcher& routes, unsigned threads, std::size_t max_waiting,
                     duration max_wait, lane_priority priority)
    : routes_(routes), max_waiting_(max_waiting), priority_(priority), queue_(max_wait) {
  for (unsigned i = 0; i < threads; ++i) {
    threads_.push_back(detail::quiet_thread("aft work", [this] { work(); }));
  }
}

work_lane::~work_lane() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (auto& thread : threads_) thread.join();
}

bool work_lane::submit(http::call& c) noexcept {
  static_assert(sizeof(queue_watch::moment) <= sizeof c.lane_memory);
  if (!queue_.lets_in()) return false;
  {
    std::lock_guard lock(mutex_);
    if (waiting_ >= max_waiting_) return false;
    ++waiting_;
    new (c.lane_memory) queue_watch::moment(queue_.entered());
    c.next = nullptr;
    (first_ ? last_->next : first_) = &c;
    last_ = &c;
  }
  wake_.notify_one();
  return true;
}

void work_lane::work() {
#if defined(__linux__)
  // Of this thread alone, which is what Linux takes the 0 for.
  if (priority_ == lane_priority::low) ::setpriority(PRIO_PROCESS, 0, low_niceness);
#endif
  detail::serving_for serving(&routes_);
  http::lane_context context;  // this thread's own database reader
  while (true) {
    http::call* c;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stopping_ || first_; });
      if (!first_) return;
      c = first_;
      first_ = c->next;
      --waiting_;
    }
    c->context = &context;
    const auto began = queue_watch::now();
    if (queue_.begins(*std::launder(reinterpret_cast<queue_watch::moment*>(c->lane_memory)),
                      began)) {
      const auto end = [&] {
        const detail::deadline_here deadline(c->deadline);
        return routes_.resume(*c, lane::work);
      }();
      queue_.ended(began);
      if (end == http::outcome::handed_over) continue;
    } else {
      routes_.refuse_as_busy(*c);
    }
    if (auto* w = c->on_done(*c)) w->wake();
  }
}

}  // namespace aft::meeting

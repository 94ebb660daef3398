#pragma once
// Until when the work of a thread must be done.

#include <algorithm>
#include <cstdint>

namespace aft::detail {

// Of coarse_milliseconds(); 0: whenever.
inline thread_local std::int64_t thread_deadline = 0;

// An outer deadline that is earlier holds on.
class deadline_here {
 public:
  explicit deadline_here(std::int64_t at) : before_(thread_deadline) {
    if (at) thread_deadline = before_ ? std::min(before_, at) : at;
  }
  deadline_here(const deadline_here&) = delete;
  deadline_here& operator=(const deadline_here&) = delete;
  ~deadline_here() { thread_deadline = before_; }

 private:
  std::int64_t before_;
};

}  // namespace aft::detail

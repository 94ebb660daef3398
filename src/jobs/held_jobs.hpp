#pragma once
// All jobs that a runner holds.

#include <cstddef>
#include <vector>

namespace aft::jobs {

class held_job;

// In no order, so that each is taken out where it is. One thread at a time.
class held_jobs {
 public:
  void add(held_job& job);
  void remove(held_job& job);

  std::size_t size() const { return all_.size(); }
  auto begin() const { return all_.begin(); }
  auto end() const { return all_.end(); }

 private:
  std::vector<held_job*> all_{};
};

}  // namespace aft::jobs

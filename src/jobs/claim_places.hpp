#pragma once
// How far claims have come.

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include <aft/ground/time.hpp>

namespace aft::jobs {

struct claim_place {
  std::string kind;
  int priority;
  time_point run_at;
  std::int64_t id;
};

// In a queue that had nothing more urgent than jobs of one kind, claims go on for a while where the
// last one ended: before that lies what was claimed just now, and PostgreSQL would step over all of
// it each time, until its next vacuum. What is more urgent, or has become ready before that place,
// is found once the places are forgotten. Any thread.
class claim_places {
 public:
  std::optional<claim_place> of(const std::string& queue) const {
    std::lock_guard lock(mutex_);
    const auto at = places_.find(queue);
    if (at == places_.end()) return {};
    return at->second;
  }
  // By who has begun at that generation: not where all was forgotten since.
  void note(const std::string& queue, claim_place&& place, std::uint64_t generation) {
    std::lock_guard lock(mutex_);
    if (generation == generation_) places_.insert_or_assign(queue, std::move(place));
  }
  void forget(const std::string& queue) {
    std::lock_guard lock(mutex_);
    places_.erase(queue);
  }
  void forget() {
    std::lock_guard lock(mutex_);
    places_.clear();
    ++generation_;
  }
  std::uint64_t generation() const {
    std::lock_guard lock(mutex_);
    return generation_;
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, claim_place> places_{};
  std::uint64_t generation_ = 0;
};

}  // namespace aft::jobs

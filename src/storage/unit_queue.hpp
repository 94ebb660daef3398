#pragma once
// The order in which units have their turn.

#include <chrono>
#include <utility>

#include "unit.hpp"

namespace aft::storage {

// In the order they come; those of low priority when no other waits, or after so long. One thread
// at a time.
class unit_queue {
 public:
  using steady = std::chrono::steady_clock;
  static constexpr auto longest_patience = std::chrono::seconds(1);

  void add(unit& u) {
    auto& to = u.low_priority ? patient_ : normal_;
    u.next = nullptr;
    to.last = (to.last ? to.last->next : to.first) = &u;
  }
  bool empty() const { return !normal_.first && !patient_.first; }

  // All but those of low priority, as a list.
  unit* take_all() {
    normal_.last = nullptr;
    return std::exchange(normal_.first, nullptr);
  }

  // One of low priority whose turn has come.
  unit* take_patient(steady::time_point now) {
    const auto* first = patient_.first;
    if (!first || (normal_.first && now - first->entered < longest_patience)) return nullptr;
    return patient_.take();
  }

  // Any one.
  unit* take(steady::time_point now) {
    auto* u = take_patient(now);
    return u ? u : normal_.take();
  }

 private:
  struct list {
    unit* first = nullptr;
    unit* last = nullptr;

    unit* take() {
      if (!first) return nullptr;
      auto* u = std::exchange(first, first->next);
      u->next = nullptr;
      if (!first) last = nullptr;
      return u;
    }
  };
  list normal_, patient_;
};

}  // namespace aft::storage

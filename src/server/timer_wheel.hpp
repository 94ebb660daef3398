#pragma once
// Deadlines of many connections that are put off far more often than they pass. Putting one off is
// one store; the wheel finds out when the old deadline comes.

#include <algorithm>
#include <array>
#include <cstdint>

#include <aft/ground/time.hpp>

namespace aft::server {

constexpr int tick_length = 250;  // milliseconds

inline std::uint32_t in_ticks(duration d) {
  const auto count = (d.in_milliseconds() + tick_length - 1) / tick_length;
  return std::uint32_t(std::clamp<std::int64_t>(count, 1, 1 << 30)) + 1;  // the first is partial
}

struct timed {
  timed* next = nullptr;
  timed* previous = nullptr;
  std::uint32_t deadline = 0;  // in ticks
  std::uint32_t visit = 0;     // the tick at which the wheel looks at it, at the latest
};

// One thread at a time.
class timer_wheel {
 public:
  timer_wheel() {
    for (auto& slot : slots_) slot.next = slot.previous = &slot;
  }
  timer_wheel(const timer_wheel&) = delete;
  timer_wheel& operator=(const timer_wheel&) = delete;

  std::uint32_t now() const { return now_; }

  void add(timed& t, std::uint32_t deadline) {
    t.deadline = deadline;
    link(t);
  }
  void remove(timed& t) {
    t.previous->next = t.next;
    t.next->previous = t.previous;
  }
  void set(timed& t, std::uint32_t deadline) {
    t.deadline = deadline;
    if (deadline < t.visit) {  // nearer than the wheel would look
      remove(t);
      link(t);
    }
  }

  // Calls `expire` with each whose deadline has passed; it may remove that one, or set it anew.
  template <class F>
  void tick(F&& expire) {
    ++now_;
    auto& slot = slots_[now_ % size];
    timed due;  // what this slot held, so that what is linked anew is not seen again
    if (slot.next == &slot) return;
    due.next = slot.next, due.previous = slot.previous;
    due.next->previous = due.previous->next = &due;
    slot.next = slot.previous = &slot;
    while (due.next != &due) {
      auto& t = *due.next;
      remove(t);
      link(t);
      if (t.deadline <= now_) expire(t);
    }
  }

 private:
  static constexpr std::uint32_t size = 256;

  void link(timed& t) {
    const auto latest = now_ + size - 1;
    t.visit = t.deadline <= now_ ? now_ + 1 : t.deadline < latest ? t.deadline : latest;
    auto& slot = slots_[t.visit % size];
    t.previous = slot.previous;
    t.next = &slot;
    slot.previous->next = &t;
    slot.previous = &t;
  }

  std::array<timed, size> slots_;
  std::uint32_t now_ = 0;
};

}  // namespace aft::server

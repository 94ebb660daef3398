#pragma once
// What an answer's body is made from while it is sent.

#include <cstdint>
#include <memory>

#include <aft/ground/buffer.hpp>
#include <aft/ground/time.hpp>

namespace aft::http {

// Tells a connection that its source has more. Any thread, until the source is destroyed.
struct more_signal {
  void (*raise)(void* session) = nullptr;  // null: nobody can wait
  void* session = nullptr;
  void operator()() const {
    if (raise) raise(session);
  }
};

// A part of an open file, to be sent by the kernel itself.
struct file_part {
  int fd = -1;
  std::int64_t offset = 0;
  std::uint64_t left = 0;
};

// Used on the loop of its connection alone; owns all it needs.
class body_source {
 public:
  enum class step {
    more,   // ask again when there is room
    pause,  // and when others had their turn
    wait,   // nothing for now: the signal will say
    end,
    cut,  // the rest never comes: the answer breaks off, and the client sees it
  };

  body_source() = default;
  body_source(const body_source&) = delete;
  body_source& operator=(const body_source&) = delete;
  virtual ~body_source() = default;

  // Once, before the first next().
  virtual void begin(more_signal) {}

  // Appends what comes next, some ten KiB at best. If it throws, the answer breaks off, and the
  // client sees that it did.
  virtual step next(buffer& out) = 0;

  // While it waits this is sent so often, so that both ends see whether the other is there.
  virtual duration heartbeat() const { return {}; }  // zero: never
  virtual void beat(buffer&) {}

  // What the kernel can send instead of next(); null where that is not so.
  virtual file_part* file() { return nullptr; }

  std::shared_ptr<const void> places{};  // of limits, until it has ended
};

}  // namespace aft::http

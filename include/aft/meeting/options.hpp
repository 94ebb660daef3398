#pragma once
// The lanes beside the event loops.

#include <cstddef>

#include <aft/ground/time.hpp>

namespace aft {

struct lane_options {
  unsigned work_threads = 4;        // for aft::blocking handlers
  std::size_t max_waiting = 1'000;  // of their requests; beyond: 503 with Retry-After
  // For a thread, and for the writer; or ten times as long as what they run usually takes, if that
  // is more. Where all have to wait for half of it for as long, there is more work than can be done
  // in time: new requests are then answered 503 with Retry-After at once, and those that have
  // waited for longer are too. 0: any time will do.
  duration max_wait = milliseconds(500);

  // What a request has from its last byte to its answer, for routes without a deadline of their
  // own; zero: as long as it takes. One that waited so long for its lane is not run any more, its
  // queries fail, a coroutine is cancelled, and other handlers can ask request::time_left(). The
  // answer is 503 then. What is sent afterwards, a stream or a WebSocket, may last.
  duration deadline = seconds(30);
};

}  // namespace aft

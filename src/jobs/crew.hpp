#pragma once
// The threads of one queue, or of all that have none of their own, and what waits for them.

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <aft/ground/time.hpp>

namespace aft::jobs {

class held_job;

// Guarded by the runner's mutex.
struct crew {
  std::string queue{};  // empty: of all others
  unsigned threads = 0;
  std::size_t prefetch = 0;  // at most

  std::size_t held = 0;      // claimed, and not run yet
  std::size_t promised = 0;  // to claims that are under way: what they have found, or may find
  std::size_t reserved = 0;  // for jobs whose transactions are not at their ends
  unsigned idle = 0;         // threads that wait for a job
  unsigned replaced = 0;     // threads that take the place of those with stuck jobs
  bool is_hungry = false;    // there was no room for all that was ready
  bool has_asked = false;    // for more, since then
  std::condition_variable wake{};

  // Its queues take turns, so that none waits for all jobs of another one.
  struct share {
    std::size_t held = 0;
    std::deque<held_job*> waiting{};  // the most urgent first
  };
  std::map<std::string, share, std::less<>> shares{};

  std::size_t at_once() const;  // jobs that it runs
  // Jobs that it should hold at once: what its threads work off soon.
  std::size_t room() const;
  // One more would wait until another one has ended, however long that takes.
  bool is_slow_and_full() const;
  void took(duration one);  // how long a job ran

  void hold(std::string_view of);
  void leave(std::string_view of);
  void wait(std::string_view of, held_job* job);
  bool has_waiting() const { return waiting_ > 0; }
  void wake_idle();  // for those that wait
  held_job* take_next();
  std::vector<held_job*> take_all();

 private:
  double usual_run_ = -1;  // microseconds; less than 0: not known yet
  std::size_t waiting_ = 0;
  std::string last_{};  // whose turn it was
};

// How much a claim may take for a crew.
struct crew_room {
  std::size_t left = 0;
  std::size_t least = 0;            // for a queue of which it holds nothing, whatever is left
  std::vector<std::string> held{};  // queues of which it holds some; sorted
};
crew_room room_of(const crew& c);

}  // namespace aft::jobs

#include "crew.hpp"

#include <algorithm>

#include "held_job.hpp"

namespace aft::jobs {
namespace {

// Jobs are held for about that long at most before they run; those of other processes could have
// begun them meanwhile.
constexpr double longest_hold = 50'000;    // microseconds
constexpr std::size_t smallest_part = 50;  // of its room, that is claimed at once
constexpr double newest_part = 0.1;        // of the usual time of a run

}  // namespace

std::size_t crew::at_once() const { return std::max(threads, 1u) + replaced; }

std::size_t crew::room() const {
  const auto running = at_once();
  if (usual_run_ < 0) return std::min(running, prefetch);
  const auto next = double(running) * longest_hold / std::max(usual_run_, 1.0);
  return std::size_t(std::min(double(running) + next, double(prefetch)));
}

bool crew::is_slow_and_full() const {
  const auto all = room();
  return all <= at_once() && held + promised >= all;
}

void crew::took(duration one) {
  const auto now = double(one.in_microseconds());
  usual_run_ = usual_run_ < 0 ? now : usual_run_ + newest_part * (now - usual_run_);
}

void crew::hold(std::string_view of) {
  ++held;
  auto at = shares.find(of);
  if (at == shares.end()) at = shares.emplace(of, share()).first;
  ++at->second.held;
}

void crew::leave(std::string_view of) {
  --held;
  const auto at = shares.find(of);
  if (--at->second.held == 0) shares.erase(at);
}

void crew::wait(std::string_view of, held_job* job) {
  auto& all = shares.find(of)->second.waiting;
  const auto is_before = [](const held_job* a, const held_job* b) {
    return is_more_urgent(a->stored(), b->stored());
  };
  // Nearly always the last one.
  const bool is_last = all.empty() || !is_before(job, all.back());
  all.insert(is_last ? all.end() : std::upper_bound(all.begin(), all.end(), job, is_before), job);
  ++waiting_;
}

void crew::wake_idle() {
  for (auto i = std::min<std::size_t>(idle, waiting_); i; --i) wake.notify_one();
}

held_job* crew::take_next() {
  auto at = shares.upper_bound(last_);
  while (true) {
    if (at == shares.end()) at = shares.begin();
    if (!at->second.waiting.empty()) break;
    ++at;
  }
  auto* job = at->second.waiting.front();
  at->second.waiting.pop_front();
  --waiting_;
  last_ = at->first;
  return job;
}

std::vector<held_job*> crew::take_all() {
  std::vector<held_job*> all;
  while (has_waiting()) all.push_back(take_next());
  return all;
}

crew_room room_of(const crew& c) {
  const auto all = c.room();
  const auto taken = c.held + c.promised;
  crew_room room{all > taken ? all - taken : 0, c.at_once(), {}};
  // Some run while others are claimed.
  if (all > smallest_part) room.left = std::min(room.left, std::max(all / 2, smallest_part));
  for (const auto& [name, share] : c.shares) room.held.push_back(name);
  return room;
}

}  // namespace aft::jobs

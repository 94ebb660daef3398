#include "crew.hpp"

#include <algorithm>

namespace aft::jobs {

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
  shares.find(of)->second.waiting.push_back(job);
  ++waiting_;
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
  crew_room room{c.prefetch > c.held ? c.prefetch - c.held : 0, std::max(c.threads, 1u), {}};
  for (const auto& [name, share] : c.shares) room.held.push_back(name);
  return room;
}

}  // namespace aft::jobs

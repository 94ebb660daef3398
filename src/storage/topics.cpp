#include "topics.hpp"

#include <algorithm>

namespace aft::storage {

std::uint64_t topics::listen(std::string_view topic, listening heard) {
  std::lock_guard lock(mutex_);
  listeners_.push_back({++last_number_, std::string(topic), std::move(heard)});
  return last_number_;
}

void topics::unlisten(std::uint64_t number) {
  std::lock_guard lock(mutex_);  // also waits for a call that is being made
  std::erase_if(listeners_, [&](const listener& l) { return l.number == number; });
}

void topics::tell(std::string_view note) {
  const auto topic = note.substr(0, note.find('\n'));
  const auto what = note.substr(std::min(topic.size() + 1, note.size()));
  std::lock_guard lock(mutex_);
  for (const auto& l : listeners_) {
    if (l.topic == topic) l.heard(&what);
  }
}

void topics::tell_all() {
  std::lock_guard lock(mutex_);
  for (const auto& l : listeners_) l.heard(nullptr);
}

}  // namespace aft::storage

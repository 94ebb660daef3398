#include "rate_table.hpp"

#include <algorithm>
#include <bit>

namespace aft::http {

rate_table::rate_table(std::size_t max_keys)
    : slots_(std::bit_floor(std::max(max_keys, ways) / ways) * ways) {}

rate_table::slot* rate_table::find(std::uint64_t key) {
  auto* set = &slots_[set_of(key) * ways];
  auto* found = std::find_if(set, set + ways, [key](const slot& s) { return s.key == key; });
  return found == set + ways ? nullptr : found;
}

rate_table::slot& rate_table::find_or_make(std::uint64_t key) {
  if (auto* known = find(key)) return *known;
  auto* set = &slots_[set_of(key) * ways];
  auto* least = std::min_element(
      set, set + ways, [](const slot& a, const slot& b) { return a.full_at < b.full_at; });
  *least = {key, 0};
  return *least;
}

rate_table::taken rate_table::take(std::uint64_t key, std::int64_t now, const rate& r) {
  std::lock_guard lock(lock_of(key));
  auto& s = find_or_make(key);
  // Not later than all of it ahead, where the clock was set back.
  const auto from = std::clamp(s.full_at, now, now + r.room);
  if (from + r.step > now + r.room) return {false, s.full_at = from};
  return {true, s.full_at = from + r.step};
}

void rate_table::give_back(std::uint64_t key, const rate& r) {
  std::lock_guard lock(lock_of(key));
  if (auto* s = find(key)) s->full_at = std::max<std::int64_t>(s->full_at - r.step, 0);
}

void rate_table::set(std::uint64_t key, std::int64_t full_at) {
  std::lock_guard lock(lock_of(key));
  if (auto* s = find(key)) s->full_at = full_at;
}

}  // namespace aft::http

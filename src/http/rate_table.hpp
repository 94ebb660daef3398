#pragma once
// What many keys have left of one limit, in memory that does not grow.

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

namespace aft::http {

// All times are nanoseconds of one clock, which may stand at 0 or later.
struct rate {
  std::int64_t step;  // in which one request's worth comes back
  std::int64_t room;  // in which all that may come at once comes back; a multiple of step
};

// The generic cell rate algorithm: of each key only the moment when its allowance is whole again.
// Sets of eight; where a set is full, who has used least of them goes, so that a flood of new keys
// does not free those that have used much. Any thread.
class rate_table {
 public:
  explicit rate_table(std::size_t max_keys);

  struct taken {
    bool is_given;
    std::int64_t full_at;
  };
  taken take(std::uint64_t key, std::int64_t now, const rate& r);
  void give_back(std::uint64_t key, const rate& r);
  void set(std::uint64_t key, std::int64_t full_at);

  std::size_t most_keys() const { return slots_.size(); }

 private:
  static constexpr std::size_t ways = 8, lock_count = 16;

  struct slot {
    std::uint64_t key = 0;
    std::int64_t full_at = 0;
  };
  std::size_t set_of(std::uint64_t key) const { return key & (slots_.size() / ways - 1); }
  std::mutex& lock_of(std::uint64_t key) { return locks_[set_of(key) % lock_count]; }
  slot* find(std::uint64_t key);
  slot& find_or_make(std::uint64_t key);

  std::vector<slot> slots_;  // a power of two of sets
  std::array<std::mutex, lock_count> locks_;
};

}  // namespace aft::http

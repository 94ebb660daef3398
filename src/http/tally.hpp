#pragma once
// What one event loop has answered: how often and how fast, by route, method and status.

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <vector>

#include <aft/ground/metrics.hpp>

namespace aft::http {

class call;
class route_list;
struct route_entry;

// One thread at a time counts, without locks or atomic read-modify-writes; any thread looks. The
// only allocation is for the first answer of a route with a status.
class tally {
 public:
  explicit tally(std::size_t routes) : slots_(routes + 1) {}
  tally(const tally&) = delete;
  tally& operator=(const tally&) = delete;
  ~tally();

  static std::int64_t now() {  // nanoseconds of the steady clock
    return std::chrono::duration_cast<std::chrono::nanoseconds>(
               std::chrono::steady_clock::now().time_since_epoch())
        .count();
  }

  // When the work that is being done began: after a look, or what was counted last.
  std::int64_t moment() const { return moment_; }
  void look() { moment_ = now(); }

  void handed_over() { put(elsewhere_, elsewhere_.load(std::memory_order_relaxed) + 1); }
  void came_back() { put(elsewhere_, elsewhere_.load(std::memory_order_relaxed) - 1); }

  // It is answered, but its answer still has to be sent with others of this moment.
  void answered(const call& c);
  // They are about to be sent.
  void flush() {
    if (pending_) record();
  }

 private:
  friend class tallies;
  using number = std::atomic<std::uint64_t>;
  static constexpr std::size_t bound_count = 14;

  struct series {
    std::uint32_t key;  // method and status
    series* next;
    std::array<number, bound_count + 1> counts{};
    number nanoseconds{0}, received{0}, sent{0};
  };
  struct slot {
    std::atomic<series*> first{nullptr};
    series* last_used = nullptr;
  };

  static void put(number& n, std::uint64_t v) { n.store(v, std::memory_order_relaxed); }
  static void add(number& n, std::uint64_t v) { put(n, n.load(std::memory_order_relaxed) + v); }
  static series& find(slot& s, std::uint32_t key);
  void record();

  std::vector<slot> slots_;  // by route_entry::index; the last is of no route
  number elsewhere_{0};
  std::int64_t moment_ = 0;
  series* pending_ = nullptr;  // answers of one kind that began at one moment
  const route_entry* pending_route_ = nullptr;
  std::int64_t pending_began_ = 0;
  std::uint64_t pending_count_ = 0, pending_received_ = 0, pending_sent_ = 0;
};

// Those of all loops. Any thread.
class tallies {
 public:
  explicit tallies(const route_list& routes) : routes_(routes) {}
  tally& take();  // after the start
  void give_back(tally& t);

  void collect(metric_sink& to) const;

 private:
  const route_list& routes_;
  mutable std::mutex mutex_;
  std::deque<tally> all_;     // guarded by mutex_, as is the next
  std::vector<tally*> free_;  // what they have counted stays
};

}  // namespace aft::http

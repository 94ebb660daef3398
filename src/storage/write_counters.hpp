#pragma once
// What the writers of a database have done.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>

#include <aft/ground/metrics.hpp>
#include <aft/storage/database.hpp>

namespace aft::storage {

// Any thread; one that counts is not slowed down by one that looks.
class write_counters {
 public:
  using steady = std::chrono::steady_clock;

  void ran(steady::duration waited, steady::duration took, bool kept) {
    add(transactions_, 1);
    if (!kept) add(undone_, 1);
    add(waited_, microseconds(waited));
    wait_times_.observe(in_seconds(waited));
    add(running_, microseconds(took));
  }
  void committed(std::uint64_t transactions, steady::duration took) {
    add(commits_, 1);
    add(committing_, microseconds(took));
    commit_times_.observe(in_seconds(took));
    commit_sizes_.observe(double(transactions));
    auto largest = largest_.load(std::memory_order_relaxed);
    while (largest < transactions &&
           !largest_.compare_exchange_weak(largest, transactions, std::memory_order_relaxed)) {}
  }
  void synced(steady::duration took) {
    add(syncing_, microseconds(took));
    sync_times_.observe(in_seconds(took));
  }
  void log_is(int pages) { log_pages_.store(std::uint64_t(pages), std::memory_order_relaxed); }
  void checkpointed(steady::duration took) { checkpoint_times_.observe(in_seconds(took)); }

  // What the writer does, by the names of OpenTelemetry where it has some.
  void collect(metric_sink& to, std::size_t waiting, bool has_log) const;

  void gave_up() { add(late_, 1); }
  void refused(std::uint64_t transactions) { add(refused_, transactions); }

  write_stats now(std::size_t waiting) const {
    write_stats s;
    s.transactions = transactions_.load(std::memory_order_relaxed);
    s.undone = undone_.load(std::memory_order_relaxed);
    s.late = late_.load(std::memory_order_relaxed);
    s.refused = refused_.load(std::memory_order_relaxed);
    s.commits = commits_.load(std::memory_order_relaxed);
    s.largest_commit = largest_.load(std::memory_order_relaxed);
    s.waited = aft::microseconds(std::int64_t(waited_.load(std::memory_order_relaxed)));
    s.running = aft::microseconds(std::int64_t(running_.load(std::memory_order_relaxed)));
    s.committing = aft::microseconds(std::int64_t(committing_.load(std::memory_order_relaxed)));
    s.syncing = aft::microseconds(std::int64_t(syncing_.load(std::memory_order_relaxed)));
    s.waiting = waiting;
    return s;
  }

 private:
  using number = std::atomic<std::uint64_t>;

  static void add(number& to, std::uint64_t count) {
    to.fetch_add(count, std::memory_order_relaxed);
  }
  static std::uint64_t microseconds(steady::duration d) {
    return std::uint64_t(std::chrono::duration_cast<std::chrono::microseconds>(d).count());
  }

  static double in_seconds(steady::duration d) { return std::chrono::duration<double>(d).count(); }
  static constexpr double sizes_[] = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024};

  histogram wait_times_{short_buckets()}, commit_times_{short_buckets()}, commit_sizes_{sizes_};
  histogram checkpoint_times_{short_buckets()}, sync_times_{short_buckets()};
  number log_pages_{0};
  number transactions_{0}, undone_{0}, late_{0}, refused_{0}, commits_{0}, largest_{0};
  number waited_{0}, running_{0}, committing_{0}, syncing_{0};  // microseconds
};

}  // namespace aft::storage

#include "readers.hpp"

#include <thread>

#include "../../ground/coarse_clock.hpp"

namespace aft::storage {
namespace {

// A snapshot hides what other processes commit, so none is older than this.
constexpr std::int64_t max_snapshot_age = 50;  // milliseconds

}  // namespace

sqlite_reading::sqlite_reading(const std::string& file, const storage_options& options,
                               const commit_counter& commits, const clock& time)
    : connection_(file, sqlite_access::read, options.durable, options.busy_timeout,
                  options.cache_bytes),
      reader_(connection_), commits_(commits) {
  connection_.time = &time;
}

reader& sqlite_reading::begin(std::int64_t deadline) {
  while (busy_.exchange(true, std::memory_order_acquire)) {  // the writer takes the snapshot away
    std::this_thread::yield();
  }
  const auto commits = commits_.now();
  const auto now = aft::detail::coarse_milliseconds();
  if (!has_snapshot_ || !connection_.in_transaction() || commits != seen_ ||
      commit_counter::on_its_way(commits) || now - since_ > max_snapshot_age) {
    try {
      drop_snapshot();
      connection_.run("begin");
    } catch (...) {
      busy_.store(false, std::memory_order_release);
      throw;
    }
    has_snapshot_ = true;
    seen_ = commits;
    since_ = now;
  }
  connection_.deadline = deadline;
  return reader_;
}

void sqlite_reading::end() {
  connection_.deadline = 0;
  if (let_go_.exchange(false, std::memory_order_relaxed)) drop_snapshot();
  busy_.store(false, std::memory_order_release);
}

void sqlite_reading::let_go() {
  let_go_.store(true, std::memory_order_relaxed);
  if (busy_.exchange(true, std::memory_order_acquire)) return;  // end() will
  end();
}

void sqlite_reading::drop_snapshot() {
  if (!has_snapshot_) return;
  has_snapshot_ = false;
  if (connection_.in_transaction()) connection_.run("commit");  // after some errors it is not
}

sqlite_reading* readers::take() {
  std::lock_guard lock(mutex_);
  if (!free_.empty()) {
    auto* r = free_.back();
    free_.pop_back();
    return r;
  }
  all_.push_back(std::make_unique<sqlite_reading>(file_, options_, commits_, clock_));
  return all_.back().get();
}

void readers::give_back(sqlite_reading* r) {
  std::lock_guard lock(mutex_);
  free_.push_back(r);
}

bool readers::let_go(std::chrono::microseconds patience) {
  std::vector<const sqlite_reading*> late;
  {
    std::lock_guard lock(mutex_);
    for (auto& r : all_) {
      r->let_go();
      if (r->is_to_let_go()) late.push_back(r.get());
    }
  }
  const auto end = std::chrono::steady_clock::now() + patience;
  for (const auto* r : late) {
    while (r->is_to_let_go()) {
      if (std::chrono::steady_clock::now() > end) return false;
      std::this_thread::sleep_for(std::chrono::microseconds(50));
    }
  }
  return true;
}

}  // namespace aft::storage

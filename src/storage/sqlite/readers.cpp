#include "readers.hpp"

#include <thread>

namespace aft::storage {

sqlite_reading::sqlite_reading(const std::string& file, const storage_options& options,
                               const clock& time)
    : connection_(file, sqlite_access::read, options.durable, options.busy_timeout,
                  options.cache_bytes, options.key),
      reader_(connection_) {
  if (options.key.empty()) connection_.keep_pages(options.cache_bytes);
  connection_.time = &time;
  connection_.on_query = options.on_query;
}

reader& sqlite_reading::begin(const time_limit& limit) {
  while (busy_.exchange(true, std::memory_order_acquire)) {  // the writer takes the snapshot away
    std::this_thread::yield();
  }
  log_head head{};  // before the snapshot, which may be newer, but never older
  const bool is_new = !read_log_head(head) || head != seen_head_;
  if (is_new || !has_snapshot_ || !connection_.in_transaction()) {
    try {
      drop_snapshot();
      connection_.run("begin");
    } catch (...) {
      busy_.store(false, std::memory_order_release);
      throw;
    }
    has_snapshot_ = true;
    seen_head_ = head;
  }
  connection_.limit = limit;
  return reader_;
}

bool sqlite_reading::read_log_head(log_head& to) {
  if (!log_head_ && !(log_head_ = connection_.log_head())) return false;
  for (std::size_t i = 0; i < to.size(); ++i) {
    to[i] = __atomic_load_n(log_head_ + i, __ATOMIC_ACQUIRE);
  }
  return true;
}

void sqlite_reading::end() {
  connection_.limit = {};
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
  all_.push_back(std::make_unique<sqlite_reading>(file_, options_, clock_));
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

#include <aft/ground/cache.hpp>

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <iterator>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include <fmt/format.h>

#include <aft/ground/error.hpp>

namespace aft::detail {

struct cache_entry {
  std::string key;
  cached_value* value;
  std::vector<std::string> tags;
  time_point until;
  std::size_t bytes;
};

// One load under way. It is shared by who loads, those who wait for him, and the list of loads.
struct cache_flight {
  std::thread::id loader = std::this_thread::get_id();
  std::vector<std::string> tags{};
  bool landed = false, kept = true;
  cached_value* value = nullptr;  // held by the flight
  std::exception_ptr failure{};
  ~cache_flight() {
    if (value) value->let_go();
  }
};

// Values that are let go of when the lock is: their destructors are the program's.
struct let_go_later {
  std::vector<cached_value*> values{};
  let_go_later() = default;
  let_go_later(const let_go_later&) = delete;
  let_go_later& operator=(const let_go_later&) = delete;
  ~let_go_later() {
    for (auto* v : values) v->let_go();
  }
};

class any_cache::impl {
 public:
  impl(const cache_options& options, const clock& time) : options_(options), clock_(time) {}
  ~impl() {
    for (auto& e : entries_) e.value->let_go();
  }

  cached_value* find(std::string_view key) {
    const auto now = clock_.now();
    let_go_later dropped;
    std::lock_guard lock(mutex_);
    return find_fresh(key, now, dropped);
  }

  cached_value* get(std::string_view key, tag_list tags, void* context,
                    cached_value* (*load)(void* context)) {
    const auto now = clock_.now();
    std::shared_ptr<cache_flight> flight;
    {
      let_go_later dropped;
      std::unique_lock lock(mutex_);
      if (auto* found = find_fresh(key, now, dropped)) return found;
      const auto under_way = flights_.find(std::string(key));
      if (under_way != flights_.end()) return wait_for(under_way->second, lock, key);
      flight = std::make_shared<cache_flight>();
      for (auto tag : tags) flight->tags.emplace_back(tag);
      flights_.emplace(key, flight);
    }
    cached_value* value = nullptr;
    try {
      value = load(context);
    } catch (...) {
      land(key, *flight, nullptr, std::current_exception());
      throw;
    }
    value->hold();  // for the caller
    land(key, *flight, value, nullptr);
    return value;
  }

  void erase(std::string_view key) {
    let_go_later dropped;
    std::lock_guard lock(mutex_);
    const auto at = places_.find(key);
    if (at != places_.end()) drop(at->second, dropped);
    const auto flight = flights_.find(std::string(key));
    if (flight == flights_.end()) return;
    flight->second->kept = false;
    flights_.erase(flight);
  }

  void erase_tag(std::string_view tag) {
    let_go_later dropped;
    std::lock_guard lock(mutex_);
    const auto tagged = tagged_.find(std::string(tag));
    if (tagged != tagged_.end()) {
      const auto keys = std::move(tagged->second);
      for (const auto key : keys) drop(places_.find(key)->second, dropped);
    }
    std::erase_if(flights_, [&](const auto& f) {
      auto& flight = *f.second;
      const bool is_tagged =
          std::find(flight.tags.begin(), flight.tags.end(), tag) != flight.tags.end();
      if (is_tagged) flight.kept = false;
      return is_tagged;
    });
  }

  void clear() {
    let_go_later dropped;
    std::lock_guard lock(mutex_);
    while (!entries_.empty()) drop(entries_.begin(), dropped);
    for (auto& [key, flight] : flights_) flight->kept = false;
    flights_.clear();
  }

  std::size_t size() const {
    std::lock_guard lock(mutex_);
    return entries_.size();
  }

 private:
  using place = std::list<cache_entry>::iterator;

  cached_value* find_fresh(std::string_view key, time_point now, let_go_later& dropped) {
    const auto at = places_.find(key);
    if (at == places_.end()) return nullptr;
    const auto entry = at->second;
    if (entry->until <= now) {
      drop(entry, dropped);
      return nullptr;
    }
    entries_.splice(entries_.begin(), entries_, entry);
    entry->value->hold();
    return entry->value;
  }

  cached_value* wait_for(std::shared_ptr<cache_flight> flight, std::unique_lock<std::mutex>& lock,
                         std::string_view key) {
    if (flight->loader == std::this_thread::get_id()) {
      throw error(fmt::format("the loader of \"{}\" asks the cache for it again", key));
    }
    landed_.wait(lock, [&] { return flight->landed; });
    if (flight->failure) std::rethrow_exception(flight->failure);
    flight->value->hold();
    return flight->value;
  }

  void land(std::string_view key, cache_flight& flight, cached_value* value,
            std::exception_ptr failure) {
    const auto now = clock_.now();
    {
      let_go_later dropped;
      std::lock_guard lock(mutex_);
      flight.value = value;
      flight.failure = std::move(failure);
      flight.landed = true;
      landed_.notify_all();
      if (!flight.kept) return;
      flights_.erase(flights_.find(std::string(key)));
      if (value) insert(key, flight, now, dropped);
    }
  }

  void insert(std::string_view key, cache_flight& flight, time_point now, let_go_later& dropped) {
    const auto bytes = key.size() + flight.value->bytes();
    if (bytes > options_.max_bytes || !options_.max_entries) return;
    while (entries_.size() >= options_.max_entries || bytes_ + bytes > options_.max_bytes) {
      drop(std::prev(entries_.end()), dropped);
    }
    entries_.push_front({std::string(key), flight.value, std::move(flight.tags),
                         now + options_.time_to_live, bytes});
    flight.value->hold();
    bytes_ += bytes;
    const auto entry = entries_.begin();
    places_.emplace(entry->key, entry);
    for (const auto& tag : entry->tags) tagged_[tag].insert(entry->key);
  }

  void drop(place entry, let_go_later& dropped) {
    places_.erase(entry->key);
    for (const auto& tag : entry->tags) {
      const auto tagged = tagged_.find(tag);
      if (tagged == tagged_.end()) continue;
      tagged->second.erase(entry->key);
      if (tagged->second.empty()) tagged_.erase(tagged);
    }
    bytes_ -= entry->bytes;
    dropped.values.push_back(entry->value);
    entries_.erase(entry);
  }

  const cache_options options_;
  const clock& clock_;
  mutable std::mutex mutex_;
  std::condition_variable landed_;
  std::list<cache_entry> entries_;  // guarded by mutex_, as are the rest; the last asked for first
  std::unordered_map<std::string_view, place> places_;
  std::unordered_map<std::string, std::unordered_set<std::string_view>> tagged_;
  std::unordered_map<std::string, std::shared_ptr<cache_flight>> flights_;
  std::size_t bytes_ = 0;
};

any_cache::any_cache(const cache_options& options, const clock& time)
    : impl_(new impl(options, time)) {}
any_cache::~any_cache() { delete impl_; }

cached_value* any_cache::find(std::string_view key) { return impl_->find(key); }
cached_value* any_cache::get(std::string_view key, tag_list tags, void* context,
                             cached_value* (*load)(void* context)) {
  return impl_->get(key, tags, context, load);
}
void any_cache::erase(std::string_view key) { impl_->erase(key); }
void any_cache::erase_tag(std::string_view tag) { impl_->erase_tag(tag); }
void any_cache::clear() { impl_->clear(); }
std::size_t any_cache::size() const { return impl_->size(); }

}  // namespace aft::detail

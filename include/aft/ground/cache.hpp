#pragma once
// Values that are dear to make, kept in memory for a while.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>

#include <aft/ground/clock.hpp>

namespace aft {

struct cache_options {
  std::size_t max_entries = 10'000;
  std::size_t max_bytes = 64u << 20;  // of keys and values, as far as their sizes are told
  duration time_to_live = minutes(5);
};

namespace detail {

// A value that several threads hold; the last one destroys it.
class cached_value {
 public:
  explicit cached_value(std::size_t bytes) : bytes_(bytes) {}
  cached_value(const cached_value&) = delete;
  cached_value& operator=(const cached_value&) = delete;
  virtual ~cached_value() = default;
  std::size_t bytes() const { return bytes_; }
  void hold() { holders_.fetch_add(1, std::memory_order_relaxed); }
  void let_go() {
    if (holders_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }

 private:
  std::size_t bytes_;
  std::atomic<unsigned> holders_{1};
};

template <class Value>
class cached : public cached_value {
 public:
  cached(Value&& v, std::size_t bytes) : cached_value(bytes), value(std::move(v)) {}
  const Value value;
};

class any_cache {
 public:
  using tag_list = std::initializer_list<std::string_view>;

  any_cache(const cache_options& options, const clock& time);
  any_cache(const any_cache&) = delete;
  any_cache& operator=(const any_cache&) = delete;
  ~any_cache();

  // Both give a held value; find may give null.
  cached_value* find(std::string_view key);
  cached_value* get(std::string_view key, tag_list tags, void* context,
                    cached_value* (*load)(void* context));
  void erase(std::string_view key);
  void erase_tag(std::string_view tag);
  void clear();
  std::size_t size() const;

 private:
  class impl;
  impl* impl_;
};

}  // namespace detail

// Bounded by entries, bytes and time; what was not asked for the longest goes first. Any thread.
//   aft::cache<profile> profiles({.time_to_live = aft::seconds(30)}, app.time());
//   auto p = profiles.get("profile/" + name, [&] { return load(name); }, {"user/" + name});
//   profiles.erase_tag("user/" + name);                        // after a commit that changed him
//
// It knows nothing of transactions: erase after the commit, in a listener or the caller of write().
// A shared_cache does, and of other processes.
template <class Value>
class cache {
 public:
  // The clock must outlive it.
  cache(const cache_options& options, const clock& time) : inside_(options, time) {}

  // The value of the key, made by load() where there is none. Of several threads that want the same
  // one at once, one loads and the others wait for it; what load() throws is thrown to all of them,
  // and not kept. No lock is held while it runs. load() may get other keys, but not, however
  // indirectly, its own: where the same thread asks, aft::error.
  //
  // What is erased while it is loaded is given to those who wait, but not kept: whoever asks after
  // the erase loads anew.
  template <class Load>
  Value get(std::string_view key, Load&& load, detail::any_cache::tag_list tags = {}) {
    using call = std::remove_reference_t<Load>;
    const holding held(inside_.get(key, tags, const_cast<void*>(static_cast<const void*>(&load)),
                                   [](void* context) -> detail::cached_value* {
                                     Value made = (*static_cast<call*>(context))();
                                     const auto bytes = size_of(made);
                                     return new detail::cached<Value>(std::move(made), bytes);
                                   }));
    return held.value();
  }

  std::optional<Value> find(std::string_view key) {
    const holding held(inside_.find(key));
    if (!held) return {};
    return held.value();
  }

  void erase(std::string_view key) { inside_.erase(key); }
  void erase_tag(std::string_view tag) { inside_.erase_tag(tag); }  // all that were got with it
  void clear() { inside_.clear(); }
  std::size_t size() const { return inside_.size(); }  // entries, those included that are too old

 private:
  class holding {
   public:
    explicit holding(detail::cached_value* held) : held_(held) {}
    holding(const holding&) = delete;
    holding& operator=(const holding&) = delete;
    ~holding() {
      if (held_) held_->let_go();
    }
    explicit operator bool() const { return held_; }
    const Value& value() const { return static_cast<detail::cached<Value>*>(held_)->value; }

   private:
    detail::cached_value* held_;
  };

  // A string or vector counts with its items; a struct as it is.
  static std::size_t size_of(const Value& value) {
    if constexpr (requires { value.size() * sizeof(*value.data()); }) {
      return sizeof(Value) + value.size() * sizeof(*value.data());
    } else {
      return sizeof(Value);
    }
  }

  detail::any_cache inside_;
};

}  // namespace aft

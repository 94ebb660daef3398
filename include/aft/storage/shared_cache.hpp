#pragma once
// A cache of what a database holds, on every process that uses the database.

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include <aft/ground/cache.hpp>
#include <aft/storage/database.hpp>
#include <aft/storage/transaction.hpp>

namespace aft {

namespace detail {

// Tells those who share a cache what is to be dropped from it, and hears what others tell.
class cache_news {
 public:
  enum class scope { key, tag, all };

  cache_news(database& db, std::string_view name, void* owner,
             void (*drop)(void* owner, scope of, std::string_view what));
  cache_news(const cache_news&) = delete;
  cache_news& operator=(const cache_news&) = delete;
  ~cache_news();

  void tell(transaction& tx, scope of, std::string_view what) const;

 private:
  database& db_;
  const std::string topic_;
  std::uint64_t listener_;
};

}  // namespace detail

// A cache whose values are dropped by transactions: when one that changed them is committed, and
// only then, they go here and in every process that has a shared cache of the same name on the same
// database. Any thread.
//   aft::shared_cache<profile> profiles("profiles", db, {.time_to_live = aft::minutes(1)});
//   auto p = profiles.get("profile/" + name, [&] { return load(name); }, {"user/" + name});
//   profiles.erase_tag(tx, "user/" + name);  // in the transaction that changes him
//
// load() must read by a view that begins in it (db.read): one that began before has perhaps not
// seen what was dropped meanwhile. Here it is dropped before whoever waits for the commit hears of
// it, elsewhere a moment later (PostgreSQL's NOTIFY). Where the connection to the server was lost,
// notices may have been: everything is dropped when it is there again, and until then values may be
// as old as time_to_live. A SQLite file is written by one process, which has one database of it.
template <class Value>
class shared_cache {
 public:
  // The database must outlive it.
  shared_cache(std::string_view name, database& db, const cache_options& options = {})
      : cache_(options, db.time()), news_(db, name, &cache_, &drop) {}

  // As those of a cache.
  template <class Load>
  Value get(std::string_view key, Load&& load, detail::any_cache::tag_list tags = {}) {
    return cache_.get(key, load, tags);
  }
  std::optional<Value> find(std::string_view key) { return cache_.find(key); }
  std::size_t size() const { return cache_.size(); }

  // Once the transaction is committed. Keys and tags of more than 5,000 bytes, and more than 100
  // of one transaction, drop everything.
  void erase(transaction& tx, std::string_view key) { news_.tell(tx, scope::key, key); }
  void erase_tag(transaction& tx, std::string_view tag) { news_.tell(tx, scope::tag, tag); }
  void clear(transaction& tx) { news_.tell(tx, scope::all, {}); }

 private:
  using scope = detail::cache_news::scope;

  static void drop(void* owner, scope of, std::string_view what) {
    auto& values = *static_cast<cache<Value>*>(owner);
    switch (of) {
      case scope::key: return values.erase(what);
      case scope::tag: return values.erase_tag(what);
      case scope::all: return values.clear();
    }
  }

  cache<Value> cache_;
  const detail::cache_news news_;  // last, so that it hears nothing any more when the cache goes
};

}  // namespace aft

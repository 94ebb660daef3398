#pragma once
// Limits that processes with one database have in common.

#include <atomic>
#include <cstdint>
#include <vector>

#include <aft/storage/database.hpp>

#include "../http/dispatcher.hpp"

namespace aft::meeting {

inline constexpr const char* rates_line = "aft-rates";  // of migrations
std::vector<migration> rates_migrations();

bool has_shared_limit(const http::route_list& routes);

// Any thread that may wait. The database outlives it.
class shared_rates {
 public:
  explicit shared_rates(database& db) : db_(db) {}
  http::shared_limits limits();

 private:
  void take(std::vector<http::shared_take>& all);
  void clean_up(const http::shared_take& of);

  database& db_;
  std::atomic<std::uint64_t> taken_{0};
};

}  // namespace aft::meeting

#pragma once
// How many connections each client has.

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>

#include "../http/ip_address.hpp"

namespace aft::server {

// Any thread. Places may outlive it.
class client_places {
 public:
  explicit client_places(std::size_t most) : most_(most), taken_(std::make_shared<taken>()) {}

  // Held as long as the connection lives; null where the client has as many as it may.
  std::shared_ptr<void> take(const http::ip_address& client);

 private:
  using key = std::array<std::uint8_t, 16>;
  struct taken {
    std::mutex mutex;
    std::map<key, std::size_t> counts;  // guarded by mutex
  };
  const std::size_t most_;
  const std::shared_ptr<taken> taken_;  // shared with the places
};

}  // namespace aft::server

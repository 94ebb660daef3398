#include "client_places.hpp"

#include <algorithm>

namespace aft::server {

std::shared_ptr<void> client_places::take(const http::ip_address& client) {
  auto who = client.bytes;
  if (!client.is_v4()) std::fill(who.begin() + 8, who.end(), std::uint8_t(0));  // a /64 is one
  {
    std::lock_guard lock(taken_->mutex);
    auto& count = taken_->counts[who];
    if (count >= most_) return nullptr;
    ++count;
  }
  // Only the deleter matters. It is called, too, where there is no memory for this.
  return {taken_.get(), [all = taken_, who](void*) {
            std::lock_guard lock(all->mutex);
            const auto at = all->counts.find(who);
            if (--at->second == 0) all->counts.erase(at);
          }};
}

}  // namespace aft::server

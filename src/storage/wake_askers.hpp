#pragma once
// Wakes those who do not wait for their queries.

#include <memory>
#include <span>

#include <aft/storage/asked_query.hpp>

namespace aft::storage {

// Of queries that were told: each who asked once, however many of them were his.
inline void wake_askers(std::span<const std::unique_ptr<asked_query>> told) noexcept {
  const auto is_woken = [&](std::size_t i) {
    for (auto before = i; before-- > 0;) {  // mostly the last
      if (told[before]->to_wake() == told[i]->to_wake()) return true;
    }
    return false;
  };
  for (std::size_t i = 0; i < told.size(); ++i) {
    const auto* wake = told[i]->to_wake();
    if (!wake || is_woken(i)) continue;
    try {
      (*wake)();
    } catch (...) {  // it was to throw nothing
    }
  }
}

}  // namespace aft::storage

#pragma once
// Queries alone that go to the server together.

#include <array>
#include <chrono>
#include <cstddef>
#include <exception>
#include <memory>
#include <span>
#include <utility>

#include "../wake_askers.hpp"
#include "lone_query.hpp"

namespace aft::storage::postgres {

// The first of them leads. One thread at a time.
class round {
 public:
  static constexpr std::size_t largest = 64;  // queries

  void add(lone_query& q) {
    if (!size_) began_ = std::chrono::steady_clock::now();
    queries_[size_++] = &q;
  }
  std::size_t size() const { return size_; }
  std::span<lone_query* const> queries() const { return {queries_.data(), size_}; }
  void begin_now() { began_ = std::chrono::steady_clock::now(); }  // it waited for another
  auto took() const { return std::chrono::steady_clock::now() - began_; }

  void fail(const std::exception_ptr& why) {
    for (auto* q : queries()) q->failure = why;
  }
  // From this one on. All are told before any who asked is woken: so that he wakes once for all.
  // Leaves it empty; returns how many they were, with those before.
  std::size_t finish(std::size_t from = 0) noexcept {
    std::array<std::unique_ptr<asked_query>, largest> told;
    std::size_t count = 0;
    for (std::size_t i = from; i < size_; ++i) {
      if (auto asked = queries_[i]->finish()) told[count++] = std::move(asked);
    }
    wake_askers({told.data(), count});
    is_sent = false;
    return std::exchange(size_, 0);
  }

  bool is_sent = false;  // to the server, and not answered

 private:
  std::array<lone_query*, largest> queries_;
  std::size_t size_ = 0;
  std::chrono::steady_clock::time_point began_{};
};

}  // namespace aft::storage::postgres

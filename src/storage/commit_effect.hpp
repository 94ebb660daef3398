#pragma once
// What is to happen in this process once a transaction is committed.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace aft::storage {

// On the writer. One that is destroyed without a call had no part in a commit.
class commit_effect {
 public:
  commit_effect() = default;
  commit_effect(const commit_effect&) = delete;
  commit_effect& operator=(const commit_effect&) = delete;
  virtual ~commit_effect() = default;

  virtual bool is_of(std::int64_t job) const = 0;  // the beginning of that one
  virtual const void* whose() const = 0;
  // With all others of the same commit that are the same one's, by `next`.
  virtual void committed() noexcept = 0;
  virtual void in_doubt() noexcept = 0;  // it may have been committed, or not

  commit_effect* next = nullptr;
};

// Those of one transaction, or of all that share a commit.
class commit_effects {
 public:
  void add(std::unique_ptr<commit_effect> e) { all_.push_back(std::move(e)); }
  std::size_t size() const { return all_.size(); }
  void shrink_to(std::size_t size) { all_.resize(size); }  // what was added since is undone
  void clear() { all_.clear(); }
  bool take_back(std::int64_t job) {
    return std::erase_if(all_, [&](const auto& e) { return e->is_of(job); }) > 0;
  }
  void move_to(commit_effects& others) {
    for (auto& e : all_) others.all_.push_back(std::move(e));
    all_.clear();
  }
  void commit() {
    for (std::size_t first = 0, i = 0; i < all_.size(); ++i) {
      const bool is_last = i + 1 == all_.size() || all_[i]->whose() != all_[i + 1]->whose();
      all_[i]->next = is_last ? nullptr : all_[i + 1].get();
      if (is_last) all_[std::exchange(first, i + 1)]->committed();
    }
    all_.clear();
  }
  void doubt() {
    for (auto& e : all_) e->in_doubt();
    all_.clear();
  }

 private:
  std::vector<std::unique_ptr<commit_effect>> all_{};
};

}  // namespace aft::storage

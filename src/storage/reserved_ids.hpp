#pragma once
// Ids of rows to come, of which a block was taken from a sequence at once.

#include <algorithm>
#include <cstdint>

namespace aft::storage {

// One thread at a time. A block belongs to this process once the transaction that has taken it is
// committed; undone with it, others take the same.
class reserved_ids {
 public:
  bool empty() const { return next_ == end_; }
  // How many to take: more and more, so that a process that needs few leaves few behind.
  std::int64_t wanted() const { return wanted_; }
  void take(std::int64_t first) {
    next_ = first;
    end_ = first + wanted_;
    wanted_ = std::min<std::int64_t>(2 * wanted_, 1024);
    is_kept_ = false;
  }
  std::int64_t next() { return next_++; }
  void give_back() { --next_; }  // the last one: its row was not written
  void drop() { next_ = end_ = 0; }

  void keep() { is_kept_ = true; }  // its transaction was committed
  void forget_undone() {
    if (!is_kept_) drop();
  }

 private:
  std::int64_t next_ = 0, end_ = 0;
  std::int64_t wanted_ = 8;
  bool is_kept_ = true;
};

}  // namespace aft::storage

#pragma once
// Pages of a file by their numbers, in a memory of fixed size.

#include <cstddef>
#include <cstdint>
#include <vector>

namespace aft::storage::sqlite {

// Memory that costs nothing until it is used.
class page_memory {
 public:
  explicit page_memory(std::size_t bytes);
  page_memory(const page_memory&) = delete;
  page_memory& operator=(const page_memory&) = delete;
  ~page_memory();
  char* begin() const { return begin_; }  // null: there is none

 private:
  const std::size_t bytes_;
  char* begin_ = nullptr;
};

// Each page has a place, which it may lose to another one while nobody holds it. One that was not
// found since the last search for a place loses it first.
//
// One thread at a time.
class page_table {
 public:
  static constexpr std::uint32_t none = ~std::uint32_t(0);

  page_table(std::size_t bytes, std::size_t page_size);

  std::size_t places() const { return memory_.begin() ? pages_.size() : 0; }
  std::size_t page_size() const { return stride_ - beyond; }

  // The place of a page that is here, which is held from then on; else none.
  std::uint32_t hold(std::uint32_t number) {
    const auto at = find(number);
    if (at == none) return none;
    pages_[at].was_found = true;
    ++pages_[at].holders;
    return at;
  }
  // One for a page that is not, which is held, too; none: all are held. Its content is to be
  // written, or it is to be dropped.
  std::uint32_t add(std::uint32_t number);
  void drop(std::uint32_t place);
  void forget(std::uint32_t number);  // nobody holds it
  void let_go(std::uint32_t place) { --pages_[place].holders; }
  void clear();  // nothing is held

  char* content(std::uint32_t place) { return memory_.begin() + place * stride_; }
  std::uint32_t place_of(const void* content) const {
    const auto distance = static_cast<const char*>(content) - memory_.begin();
    return std::uint32_t(std::size_t(distance) / stride_);
  }

 private:
  // SQLite looks a little beyond the end of a page, where its content is wrong.
  static constexpr std::size_t beyond = 256;

  struct page {
    std::uint32_t number = 0;   // from 1; 0: the place is free
    std::uint32_t next = none;  // in the same bucket, or free as well
    std::uint32_t holders = 0;
    bool was_found = false;
  };

  std::size_t bucket_of(std::uint32_t number) const { return number & (firsts_.size() - 1); }
  std::uint32_t find(std::uint32_t number) const {
    auto at = firsts_[bucket_of(number)];
    while (at != none && pages_[at].number != number) at = pages_[at].next;
    return at;
  }
  void unlink(std::uint32_t place);
  std::uint32_t find_place();

  const std::size_t stride_;
  page_memory memory_;
  std::vector<page> pages_;              // by their places
  std::vector<std::uint32_t> firsts_{};  // places, of the buckets
  std::uint32_t free_ = none;            // the first of the places that were dropped
  std::size_t used_ = 0;                 // places, so far
  std::size_t next_to_look_at_ = 0;      // when all are
};

}  // namespace aft::storage::sqlite

#include "page_table.hpp"

#include <sys/mman.h>

#include <bit>
#include <utility>

namespace aft::storage::sqlite {

// Beyond the first of them in huge pages, if the kernel has some: a search goes all over it.
page_memory::page_memory(std::size_t bytes) : bytes_(bytes) {
  constexpr std::size_t huge = 2u << 20;
  void* got = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (got == MAP_FAILED) return;
  begin_ = static_cast<char*>(got);
  if (bytes_ > huge) madvise(begin_ + huge, bytes_ - huge, MADV_HUGEPAGE);
}

page_memory::~page_memory() {
  if (begin_) munmap(begin_, bytes_);
}

page_table::page_table(std::size_t bytes, std::size_t page_size)
    : stride_(page_size + beyond), memory_(bytes), pages_(bytes / stride_),
      firsts_(std::bit_ceil(pages_.size()), none) {}

std::uint32_t page_table::add(std::uint32_t number) {
  const auto place = find_place();
  if (place == none) return none;
  auto& first = firsts_[bucket_of(number)];
  pages_[place] = {number, first, 1, false};
  first = place;
  return place;
}

void page_table::clear() {
  for (std::size_t i = 0; i < used_; ++i) {
    firsts_[bucket_of(pages_[i].number)] = none;
    pages_[i] = {};
  }
  used_ = 0;
  free_ = none;
}

void page_table::forget(std::uint32_t number) {
  if (const auto place = find(number); place != none) drop(place);
}

// The second time around all that are not held are free to be taken.
std::uint32_t page_table::find_place() {
  if (free_ != none) return std::exchange(free_, pages_[free_].next);
  if (used_ < pages_.size()) return std::uint32_t(used_++);
  for (std::size_t looked = 0; looked < 2 * pages_.size(); ++looked) {
    const auto place = std::uint32_t(next_to_look_at_);
    next_to_look_at_ = (next_to_look_at_ + 1) % pages_.size();
    auto& p = pages_[place];
    if (p.holders || std::exchange(p.was_found, false)) continue;
    unlink(place);
    return place;
  }
  return none;
}

void page_table::drop(std::uint32_t place) {
  unlink(place);
  pages_[place] = {0, free_, 0, false};
  free_ = place;
}

void page_table::unlink(std::uint32_t place) {
  auto* at = &firsts_[bucket_of(pages_[place].number)];
  while (*at != place) at = &pages_[*at].next;
  *at = pages_[place].next;
}

}  // namespace aft::storage::sqlite

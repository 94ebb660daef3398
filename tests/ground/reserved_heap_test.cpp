#include "ground/reserved_heap.hpp"

#include <unistd.h>

#include <cstdint>
#include <fstream>
#include <ios>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "../sanitized.hpp"

namespace {

constexpr std::size_t mebibyte = 1 << 20;

// Bytes of the address space that this process may write to.
std::uint64_t writable() {
  std::ifstream maps("/proc/self/maps");
  std::uint64_t all = 0;
  std::string from, to, rights, rest;
  while (std::getline(maps, from, '-') && std::getline(maps, to, ' ') && maps >> rights &&
         std::getline(maps, rest)) {
    if (rights.starts_with("rw"))
      all += std::stoull(to, nullptr, 16) - std::stoull(from, nullptr, 16);
  }
  return all;
}

std::uint64_t resident() {
  std::ifstream statm("/proc/self/statm");
  std::uint64_t whole = 0, pages = 0;
  statm >> whole >> pages;
  return pages * std::uint64_t(::sysconf(_SC_PAGESIZE));
}

// Small pieces of memory of the calling thread.
class small_pieces {
 public:
  small_pieces() { pieces_.reserve(100 * mebibyte / size); }
  // How many more bytes are writable after so many were taken.
  std::uint64_t take(std::size_t bytes) {
    const auto before = writable();
    for (; bytes >= size; bytes -= size) pieces_.push_back(std::make_unique<char[]>(size));
    return writable() - before;
  }
  // Until all has been taken that an earlier thread may have left in this heap.
  void exhaust() {
    while (!take(mebibyte / 8)) {}
  }

 private:
  static constexpr std::size_t size = 1000;
  std::vector<std::unique_ptr<char[]>> pieces_;
};

}  // namespace

#if defined(__GLIBC__)
TEST_CASE("what a heap has in reserve is had without another mapping, and is no memory before") {
  if (is_sanitized) return;  // whose heap is another
  std::uint64_t mapped = 0, mapped_with_reserve = 0;
  std::thread([&] {
    small_pieces pieces;
    pieces.exhaust();
    mapped = pieces.take(mebibyte);
    aft::detail::reserve_heap(4 * mebibyte);
    mapped_with_reserve = pieces.take(2 * mebibyte);
  }).join();
  CHECK(mapped > mebibyte / 2);
  CHECK(mapped_with_reserve == 0);
  const auto before = resident();
  std::thread([] { aft::detail::reserve_heap(16 * mebibyte); }).join();
  CHECK(resident() < before + 4 * mebibyte);
}
#endif

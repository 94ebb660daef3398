#pragma once
// Room for a thread's heap, before it is wanted.

#include <cstddef>
#include <new>
#include <vector>

namespace aft::detail {

// glibc enlarges the heap of a thread a page at a time, and each time takes the lock of the whole
// address space. Another thread holds that for as long as it has the kernel clear memory, as each
// hash of a password does: milliseconds, and for longer where it is of low priority and waits for a
// processor. What has been the heap's once stays so, its pages alone go back: so afterwards the
// calling thread takes so many bytes, in small pieces, without that lock. No memory is used.
inline void reserve_heap(std::size_t bytes) {
#if defined(__GLIBC__)
  constexpr std::size_t piece = 64 * 1024;  // larger ones may lie outside of the heap
  std::vector<void*> pieces(bytes / piece);
  for (auto& p : pieces) p = ::operator new(piece, std::nothrow);
  for (auto* p : pieces) ::operator delete(p, std::nothrow);
#else
  static_cast<void>(bytes);
#endif
}

}  // namespace aft::detail

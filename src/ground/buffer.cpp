#include <aft/ground/buffer.hpp>

#include <cstdlib>
#include <new>

namespace aft {

void buffer::grow(std::size_t count) {
  auto capacity = capacity_ * 2;
  if (capacity < size_ + count) capacity = size_ + count;
  if (capacity < 256) capacity = 256;
  auto* data = static_cast<char*>(std::realloc(data_, capacity));
  if (!data) throw std::bad_alloc();
  data_ = data;
  capacity_ = capacity;
}

void buffer::erase_front(std::size_t count) {
  std::memmove(data_, data_ + count, size_ - count);
  size_ -= count;
}

void buffer::release() {
  std::free(data_);
  data_ = nullptr;
  size_ = capacity_ = 0;
}

}  // namespace aft

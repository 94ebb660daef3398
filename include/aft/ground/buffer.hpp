#pragma once
// Bytes that grow at their end. The one place where the library writes JSON and HTTP.

#include <cstddef>
#include <cstring>
#include <string_view>

namespace aft {

// Owned bytes. Unlike std::string it never fills what it reserves, so that it can be written in
// place. One thread at a time.
class buffer {
 public:
  buffer() = default;
  buffer(buffer&& other) noexcept
      : data_(other.data_), size_(other.size_), capacity_(other.capacity_) {
    other.data_ = nullptr;
    other.size_ = other.capacity_ = 0;
  }
  buffer& operator=(buffer&& other) noexcept {
    swap(other);
    return *this;
  }
  buffer(const buffer&) = delete;
  buffer& operator=(const buffer&) = delete;
  ~buffer() { release(); }

  std::size_t size() const { return size_; }
  std::size_t capacity() const { return capacity_; }
  bool empty() const { return size_ == 0; }
  char* data() { return data_; }
  const char* data() const { return data_; }
  std::string_view view() const { return {data_, size_}; }  // until the next call that writes

  // Room for `count` more bytes. Write at most that many there, then say where you stopped.
  char* reserve(std::size_t count) {
    if (capacity_ - size_ < count) grow(count);
    return data_ + size_;
  }
  void stop_at(const char* end) { size_ = std::size_t(end - data_); }

  void append(std::string_view text) {
    if (text.empty()) return;
    std::memcpy(reserve(text.size()), text.data(), text.size());
    size_ += text.size();
  }
  void append(char c) {
    *reserve(1) = c;
    ++size_;
  }

  void clear() { size_ = 0; }
  void resize_down(std::size_t size) { size_ = size; }  // size <= size()
  void erase_front(std::size_t count);                  // count <= size()
  void release();                                       // gives the memory back
  void swap(buffer& other) noexcept {
    auto* data = data_;
    auto size = size_, capacity = capacity_;
    data_ = other.data_, size_ = other.size_, capacity_ = other.capacity_;
    other.data_ = data, other.size_ = size, other.capacity_ = capacity;
  }

 private:
  void grow(std::size_t count);

  char* data_ = nullptr;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace aft

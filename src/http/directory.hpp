#pragma once
// A directory that nothing is read from beside what lies in it.

#include <cstdint>
#include <string>
#include <string_view>

namespace aft::http {

// An open regular file. Owns its descriptor.
class open_file {
 public:
  open_file() = default;
  explicit open_file(int fd);  // takes it; empty where it is no regular file
  open_file(open_file&& other) noexcept
      : fd_(other.fd_), size_(other.size_), changed_at_(other.changed_at_),
        changed_ns_(other.changed_ns_) {
    other.fd_ = -1;
  }
  open_file& operator=(open_file&& other) noexcept;
  ~open_file();

  explicit operator bool() const { return fd_ >= 0; }
  int fd() const { return fd_; }
  std::uint64_t size() const { return size_; }
  std::int64_t changed_at() const { return changed_at_; }  // unix seconds
  std::string etag(std::string_view variant) const;        // quoted

 private:
  int fd_ = -1;
  std::uint64_t size_ = 0;
  std::int64_t changed_at_ = 0, changed_ns_ = 0;
};

// Any thread.
class directory {
 public:
  explicit directory(const std::string& path);  // throws configuration_error
  directory(const directory&) = delete;
  directory& operator=(const directory&) = delete;
  ~directory();

  enum class found { file, directory, nothing };

  // A relative path of plain names. Links are followed as long as they stay in the directory.
  found open(const std::string& path, open_file& file) const;

 private:
  int open_beneath(const std::string& path) const;
  int fd_;
};

}  // namespace aft::http

#pragma once
// A file without a name, that is gone when nobody holds it: for uploads and other large things.

#include <cstdint>
#include <string>
#include <string_view>

namespace aft {

// Readable by this process alone, and freed by the system even if the process is killed. One thread
// at a time. Everything throws aft::error where the disk refuses.
class temporary_file {
 public:
  explicit temporary_file(const std::string& directory = "/tmp");
  temporary_file(temporary_file&& other) noexcept
      : directory_(std::move(other.directory_)), fd_(other.fd_), size_(other.size_) {
    other.fd_ = -1;
  }
  temporary_file& operator=(temporary_file&& other) noexcept;
  ~temporary_file();

  void write(std::string_view bytes);  // appends
  std::uint64_t size() const { return size_; }
  std::string read(std::uint64_t offset = 0, std::uint64_t most = UINT64_MAX) const;
  int fd() const { return fd_; }  // stays ours

  // Keeps the bytes under this name, whole or not at all, in place of what is there, readable by
  // its owner alone. They are on the disk when this returns.
  void save_as(const std::string& path) const;

 private:
  std::string directory_;
  int fd_ = -1;
  std::uint64_t size_ = 0;
};

}  // namespace aft

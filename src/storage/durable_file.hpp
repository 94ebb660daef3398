#pragma once
// Files that are on the disk when they are said to be.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace aft::storage {

// A descriptor with its path for what is thrown: storage_error, full or io.
class durable_file {
 public:
  durable_file() = default;
  static durable_file create(const std::string& path);         // new, for its owner alone
  static durable_file open(const std::string& path);           // to read; no link is followed
  static durable_file open_to_write(const std::string& path);  // the same, to write, too
  durable_file(durable_file&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)), path_(std::move(other.path_)) {}
  durable_file& operator=(durable_file&& other) noexcept {
    std::swap(fd_, other.fd_);
    std::swap(path_, other.path_);
    return *this;
  }
  ~durable_file();

  explicit operator bool() const { return fd_ >= 0; }
  void write(std::string_view bytes);
  std::size_t read(char* to, std::size_t size);                          // less only at the end
  std::size_t read_at(char* to, std::size_t size, std::int64_t offset);  // the same
  std::string read_whole(std::size_t most);
  void start_writing_back();  // so that a later sync has little to do, and keeps nobody waiting
  void sync();
  void cut(std::int64_t size);  // what is written goes there, then
  bool lock();  // for this descriptor alone; false: another has it, if errno is EWOULDBLOCK
  std::uint64_t inode() const;

 private:
  durable_file(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  int fd_ = -1;
  std::string path_;
};

// An empty file for its owner alone, where there is none. What fails is left to who opens it.
void make_private(const std::string& path);

std::string read_whole_file(const std::string& path, std::size_t most);
// Either the old or the new is there at any moment.
void replace_file(const std::string& path, std::string_view content);
void remove_file(const std::string& path);  // if it is there
void sync_directory(const std::string& path);
// Fails where there is something of that name.
void rename_new(const std::string& from, const std::string& to);
void swap_names(const std::string& one, const std::string& other);
std::string directory_of(const std::string& path);

[[noreturn]] void fail_file(const std::string& doing, const std::string& path, int error);

// A new directory with an unlikely name after `prefix`, locked where the file system has locks, and
// removed with all that is in it.
class scratch_directory {
 public:
  explicit scratch_directory(const std::string& prefix);
  scratch_directory(const scratch_directory&) = delete;
  scratch_directory& operator=(const scratch_directory&) = delete;
  ~scratch_directory();
  const std::string& path() const { return path_; }
  void keep() { kept_ = true; }

 private:
  bool lock();

  std::string path_{};
  durable_file lock_{};
  bool kept_ = false;
};

// The scratch directories with this prefix that processes which were killed have left; not where
// the file system has no locks to tell them by.
void remove_left_over(const std::string& prefix);

}  // namespace aft::storage

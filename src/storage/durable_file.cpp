#include "durable_file.hpp"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include <fmt/format.h>

#include <aft/storage/errors.hpp>

namespace aft::storage {
namespace {

constexpr std::string_view unlikely = "XXXXXX";  // for mkdtemp

}  // namespace

void fail_file(const std::string& doing, const std::string& path, int error) {
  const bool full = error == ENOSPC || error == EDQUOT || error == EFBIG;
  throw storage_error(full ? storage_fault::full : storage_fault::io,
                      fmt::format("cannot {} {}: {}", doing, path, std::strerror(error)));
}

void make_private(const std::string& path) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd >= 0) ::close(fd);
}

durable_file durable_file::create(const std::string& path) {
  durable_file file(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600), path);
  if (!file) fail_file("make", path, errno);
  return file;
}

durable_file durable_file::open(const std::string& path) {
  durable_file file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK), path);
  if (!file) fail_file("open", path, errno);
  return file;
}

durable_file durable_file::open_to_write(const std::string& path) {
  durable_file file(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK), path);
  if (!file) fail_file("open", path, errno);
  return file;
}

durable_file::~durable_file() {
  if (fd_ >= 0) ::close(fd_);
}

void durable_file::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto n = ::write(fd_, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail_file("write", path_, errno);
    bytes.remove_prefix(std::size_t(n));
  }
}

std::size_t durable_file::read(char* to, std::size_t size) {
  std::size_t have = 0;
  while (have < size) {
    const auto n = ::read(fd_, to + have, size - have);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail_file("read", path_, errno);
    if (n == 0) break;
    have += std::size_t(n);
  }
  return have;
}

std::size_t durable_file::read_at(char* to, std::size_t size, std::int64_t offset) {
  std::size_t have = 0;
  while (have < size) {
    const auto n = ::pread(fd_, to + have, size - have, offset + std::int64_t(have));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail_file("read", path_, errno);
    if (n == 0) break;
    have += std::size_t(n);
  }
  return have;
}

void durable_file::start_writing_back() {
#if defined(SYNC_FILE_RANGE_WRITE)
  ::sync_file_range(fd_, 0, 0, SYNC_FILE_RANGE_WRITE);
#endif
}

void durable_file::sync() {
  if (::fsync(fd_) != 0) fail_file("sync", path_, errno);
}

void durable_file::cut(std::int64_t size) {
  if (::ftruncate(fd_, size) != 0 || ::lseek(fd_, size, SEEK_SET) < 0) {
    fail_file("shorten", path_, errno);
  }
}

bool durable_file::lock() { return ::flock(fd_, LOCK_EX | LOCK_NB) == 0; }

std::uint64_t durable_file::inode() const {
  struct stat about {};
  if (::fstat(fd_, &about) != 0) fail_file("look at", path_, errno);
  return std::uint64_t(about.st_ino);
}

std::string durable_file::read_whole(std::size_t most) {
  std::string text;
  char part[16 * 1024];
  while (const auto n = read(part, sizeof part)) {
    text.append(part, n);
    if (text.size() > most) {
      throw storage_error(storage_fault::corrupt,
                          fmt::format("{} is longer than {} bytes", path_, most));
    }
  }
  return text;
}

std::string read_whole_file(const std::string& path, std::size_t most) {
  return durable_file::open(path).read_whole(most);
}

std::string directory_of(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == path.npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

void sync_directory(const std::string& path) {
  auto directory = durable_file::open(path);
  directory.sync();
}

void replace_file(const std::string& path, std::string_view content) {
  const auto fresh = path + ".new";
  ::unlink(fresh.c_str());  // of a run that broke off
  auto file = durable_file::create(fresh);
  file.write(content);
  file.sync();
  if (::rename(fresh.c_str(), path.c_str()) != 0) fail_file("rename to", path, errno);
  sync_directory(directory_of(path));
}

void remove_file(const std::string& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) fail_file("remove", path, errno);
}

void rename_new(const std::string& from, const std::string& to) {
#if defined(RENAME_NOREPLACE)
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return;
  // Some file systems do not know it.
  if (errno != EINVAL && errno != ENOSYS) fail_file("rename to", to, errno);
#endif
  if (::access(to.c_str(), F_OK) == 0) fail_file("rename to", to, EEXIST);
  if (::rename(from.c_str(), to.c_str()) != 0) fail_file("rename to", to, errno);
}

void swap_names(const std::string& one, const std::string& other) {
#if defined(RENAME_EXCHANGE)
  if (::renameat2(AT_FDCWD, one.c_str(), AT_FDCWD, other.c_str(), RENAME_EXCHANGE) == 0) return;
#else
  errno = ENOSYS;
#endif
  fail_file("exchange the names of " + one + " and", other, errno);
}

scratch_directory::scratch_directory(const std::string& prefix) {
  do {
    path_ = prefix + std::string(unlikely);
    if (!::mkdtemp(path_.data())) fail_file("make a directory", path_, errno);
  } while (!lock());
}

// Somebody may take a new one for a left over one, until it is locked. False: somebody has.
bool scratch_directory::lock() {
  const auto is_there = [this] { return ::access(path_.c_str(), F_OK) == 0; };
  try {
    lock_ = durable_file::open(path_);
    if (!lock_.lock() && errno == EWOULDBLOCK) return false;
    return is_there();
  } catch (const storage_error&) {
    if (is_there()) throw;
    return false;
  }
}

scratch_directory::~scratch_directory() {
  if (kept_) return;
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

void remove_left_over(const std::string& prefix) {
  const auto name = prefix.substr(prefix.rfind('/') + 1);
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(directory_of(prefix), ignored)) {
    const auto found = entry.path().filename().string();
    if (!found.starts_with(name) || found.size() != name.size() + unlikely.size()) continue;
    if (entry.symlink_status(ignored).type() != std::filesystem::file_type::directory) continue;
    try {
      auto left = durable_file::open(entry.path().string());
      if (left.lock()) std::filesystem::remove_all(entry.path(), ignored);
    } catch (const storage_error&) {  // it has just got its name, or is another's
    }
  }
}

}  // namespace aft::storage

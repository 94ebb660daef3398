#include <aft/http/temporary_file.hpp>

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include <aft/ground/error.hpp>

namespace aft {
namespace {

[[noreturn]] void disk_refused(const std::string& what) {
  throw error(what + ": " + std::strerror(errno));
}

int open_nameless(const std::string& directory) {
#ifdef O_TMPFILE
  const int fd = ::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (fd >= 0) return fd;
#endif
  auto name = directory + "/aft-XXXXXX";  // for file systems that know no nameless files
  const int named = ::mkostemp(name.data(), O_CLOEXEC);
  if (named >= 0) ::unlink(name.c_str());
  return named;
}

void write_all(int fd, std::string_view bytes, const std::string& place) {
  while (!bytes.empty()) {
    const auto n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) disk_refused("cannot write to a file in " + place);
    bytes.remove_prefix(std::size_t(n));
  }
}

std::string folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == path.npos) return ".";
  return slash ? path.substr(0, slash) : "/";
}

void sync_folder(const std::string& folder) {
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  ::fsync(fd);
  ::close(fd);
}

}  // namespace

temporary_file::temporary_file(const std::string& directory)
    : directory_(directory), fd_(open_nameless(directory)) {
  if (fd_ < 0) disk_refused("no temporary file can be made in " + directory);
}

temporary_file& temporary_file::operator=(temporary_file&& other) noexcept {
  std::swap(directory_, other.directory_);
  std::swap(fd_, other.fd_);
  std::swap(size_, other.size_);
  return *this;
}

temporary_file::~temporary_file() {
  if (fd_ >= 0) ::close(fd_);
}

void temporary_file::write(std::string_view bytes) {
  write_all(fd_, bytes, directory_);
  size_ += bytes.size();
}

std::string temporary_file::read(std::uint64_t offset, std::uint64_t most) const {
  if (offset >= size_) return {};
  std::string bytes(std::size_t(std::min(most, size_ - offset)), '\0');
  std::size_t have = 0;
  while (have < bytes.size()) {
    const auto n = ::pread(fd_, bytes.data() + have, bytes.size() - have, off_t(offset + have));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) disk_refused("cannot read a file in " + directory_);
    have += std::size_t(n);
  }
  return bytes;
}

void temporary_file::save_as(const std::string& path) const {
  const auto folder = folder_of(path);
  auto part = folder + "/.aft-XXXXXX";
  const int fd = ::mkostemp(part.data(), O_CLOEXEC);
  if (fd < 0) disk_refused("cannot make a file in " + folder);
  try {
    constexpr std::uint64_t at_once = 256 * 1024;
    for (std::uint64_t at = 0; at < size_; at += at_once) write_all(fd, read(at, at_once), folder);
    if (::fsync(fd) != 0) disk_refused("cannot sync a file in " + folder);
    if (::rename(part.c_str(), path.c_str()) != 0) disk_refused("cannot write " + path);
  } catch (...) {
    ::close(fd);
    ::unlink(part.c_str());
    throw;
  }
  ::close(fd);
  sync_folder(folder);
}

}  // namespace aft

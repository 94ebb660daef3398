#include "directory.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include <fmt/format.h>

#include <aft/ground/error.hpp>

namespace aft::http {

open_file::open_file(int fd) : fd_(fd) {
  if (fd_ < 0) return;
  struct stat about {};
  if (::fstat(fd_, &about) != 0 || !S_ISREG(about.st_mode)) {
    ::close(fd_);
    fd_ = -1;
    return;
  }
  size_ = std::uint64_t(about.st_size);
  changed_at_ = about.st_mtim.tv_sec;
  changed_ns_ = about.st_mtim.tv_nsec;
}

open_file& open_file::operator=(open_file&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(size_, other.size_);
  std::swap(changed_at_, other.changed_at_);
  std::swap(changed_ns_, other.changed_ns_);
  return *this;
}

open_file::~open_file() {
  if (fd_ >= 0) ::close(fd_);
}

std::string open_file::etag(std::string_view variant) const {
  return fmt::format("\"{:x}.{:x}.{:x}{}\"", changed_at_, changed_ns_, size_, variant);
}

directory::directory(const std::string& path)
    : fd_(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)) {
  if (fd_ < 0) {
    throw configuration_error(
        fmt::format("the directory {} cannot be served: {}", path, std::strerror(errno)));
  }
}

directory::~directory() { ::close(fd_); }

namespace {

constexpr int read_flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;

// Where the kernel cannot keep a path in its directory: name by name, and no links at all.
int open_by_names(int from, const std::string& path) {
  int at = ::dup(from);
  for (std::size_t begin = 0; at >= 0;) {
    const auto end = path.find('/', begin);
    const auto name = path.substr(begin, end - begin);
    const bool last = end == path.npos;
    const int next = ::openat(at, name.c_str(),
                              O_NOFOLLOW | (last ? read_flags : O_PATH | O_DIRECTORY | O_CLOEXEC));
    ::close(at);
    if (last) return next;
    at = next;
    begin = end + 1;
  }
  return -1;
}

bool is_sound(const std::string& path) {
  for (std::size_t begin = 0; begin <= path.size();) {
    const auto end = std::min(path.find('/', begin), path.size());
    const auto name = std::string_view(path).substr(begin, end - begin);
    if (name.empty() || name == "." || name == ".." || name.find('\0') != name.npos) return false;
    begin = end + 1;
  }
  return true;
}

}  // namespace

int directory::open_beneath(const std::string& path) const {
  open_how how{};
  how.flags = read_flags;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  const auto fd = int(::syscall(SYS_openat2, fd_, path.c_str(), &how, sizeof how));
  if (fd >= 0 || (errno != ENOSYS && errno != EPERM && errno != EINVAL)) return fd;
  return open_by_names(fd_, path);
}

directory::found directory::open(const std::string& path, open_file& file) const {
  if (!is_sound(path)) return found::nothing;
  const int fd = open_beneath(path);
  if (fd < 0) {
    if (errno == EMFILE || errno == ENFILE) throw error("no more files can be opened");
    return found::nothing;
  }
  struct stat about {};
  if (::fstat(fd, &about) == 0 && S_ISDIR(about.st_mode)) {
    ::close(fd);
    return found::directory;
  }
  file = open_file(fd);
  return file ? found::file : found::nothing;
}

}  // namespace aft::http

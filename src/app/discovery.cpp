#include "discovery.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include <fmt/format.h>

#include <aft/ground/json.hpp>
#include <aft/ground/text.hpp>

namespace aft {
namespace {

using server::descriptor;

constexpr const char* discovery_file = "server.json";
constexpr const char* new_discovery_file = "server.json.new";
constexpr const char* page_file = "page.html";
constexpr const char* new_page_file = "page.html.new";
constexpr const char* lock_file = "server.lock";
constexpr std::size_t longest_name = 100;
constexpr std::size_t most_discovery_bytes = 4096;

std::string absolute_directory(const char* variable) {
  const char* value = std::getenv(variable);
  return value && *value == '/' ? value : "";
}

std::string discovery_path(std::string_view name, std::string_view directory) {
  if (!detail::is_slug(name) || name.size() > longest_name) {
    throw configuration_error(
        fmt::format("\"{}\" is no name of a local app; give lower-case letters, digits and single "
                    "hyphens, such as \"my-notes\"",
                    name));
  }
  if (!directory.empty()) {
    // With a slash at its end, a link would be followed.
    while (directory.size() > 1 && directory.ends_with('/')) directory.remove_suffix(1);
    return std::string(directory);
  }
  if (const auto runtime = absolute_directory("XDG_RUNTIME_DIR"); !runtime.empty()) {
    return fmt::format("{}/{}", runtime, name);
  }
  if (const auto home = absolute_directory("HOME"); !home.empty()) {
    return fmt::format("{}/.local/state/{}", home, name);
  }
  throw configuration_error(
      "neither XDG_RUNTIME_DIR nor HOME says where the files of a local app lie; give .directory");
}

void make_directories(const std::string& path) {
  for (auto end = path.find('/', 1);; end = path.find('/', end + 1)) {
    const auto part = path.substr(0, end);
    if (::mkdir(part.c_str(), 0700) != 0 && errno != EEXIST) {
      throw configuration_error(
          fmt::format("cannot make the directory {}: {}", part, std::strerror(errno)));
    }
    if (end == path.npos) return;
  }
}

descriptor open_directory(const std::string& path) {
  return descriptor(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

// Why secrets cannot lie there; empty: they can.
std::string unsafe_because(const descriptor& directory) {
  if (directory.get() < 0) {
    return errno == ENOTDIR || errno == ELOOP
               ? "is a link or no directory"
               : std::string("cannot be opened: ") + std::strerror(errno);
  }
  struct stat about {};
  ::fstat(directory.get(), &about);
  if (about.st_uid != ::geteuid()) return "belongs to another user";
  if (about.st_mode & 022) return "can be written to by others; take that right from them";
  return "";
}

descriptor open_in(const descriptor& directory, const char* name, int how) {
  return descriptor(::openat(directory.get(), name, how | O_NOFOLLOW | O_CLOEXEC, 0600));
}

bool belongs_to_user(const descriptor& file) {
  struct stat about {};
  return ::fstat(file.get(), &about) == 0 && S_ISREG(about.st_mode) && about.st_uid == ::geteuid();
}

bool is_users_secret(const descriptor& file) {
  struct stat about {};
  return belongs_to_user(file) && ::fstat(file.get(), &about) == 0 &&
         (about.st_mode & 07777) == 0600;
}

// Unlike other locks, these belong to what was opened and not to the process, and it can be asked
// about one without taking it.
//
// The first byte is for the one that runs; the second says that no file of an earlier run is left.
struct flock one_byte(off_t at) {
  struct flock byte {};
  byte.l_type = F_WRLCK;
  byte.l_whence = SEEK_SET;
  byte.l_start = at;
  byte.l_len = 1;
  return byte;
}
constexpr off_t running_byte = 0, cleared_byte = 1;

bool is_cleared(const descriptor& file) {
  auto asked = one_byte(cleared_byte);
  return ::fcntl(file.get(), F_OFD_GETLK, &asked) == 0 && asked.l_type != F_UNLCK;
}

bool write_whole(int fd, std::string_view text) {
  while (!text.empty()) {
    const auto n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    text.remove_prefix(std::size_t(n));
  }
  return true;
}

std::optional<local_server> read_server(const descriptor& directory) {
  const auto lock = open_in(directory, lock_file, O_RDONLY | O_NONBLOCK);
  if (!belongs_to_user(lock) || !is_cleared(lock)) return {};
  // A pipe in its place must not hold us up.
  const auto file = open_in(directory, discovery_file, O_RDONLY | O_NONBLOCK);
  if (!is_users_secret(file)) return {};
  std::string text(most_discovery_bytes, '\0');
  const auto size = ::read(file.get(), text.data(), text.size());
  if (size <= 0) return {};
  text.resize(std::size_t(size));
  auto server = json::read<local_server>(text, {.ignore_unknown = true});
  if (!server) return {};
  return *std::move(server);
}

}  // namespace

discovery::discovery(std::string_view name, std::string_view directory)
    : path_(discovery_path(name, directory)) {
  make_directories(path_);
  directory_ = open_directory(path_);
  if (const auto why = unsafe_because(directory_); !why.empty()) {
    throw configuration_error(fmt::format("the directory {} of a local app {}", path_, why));
  }
}

bool discovery::lock() {
  auto file = open_in(directory_, lock_file, O_RDWR | O_CREAT);
  if (!belongs_to_user(file)) {
    throw configuration_error(fmt::format(
        "{}/{} is no file of this user, or cannot be opened; remove it", path_, lock_file));
  }
  auto first = one_byte(running_byte), second = one_byte(cleared_byte);
  if (::fcntl(file.get(), F_OFD_SETLK, &first) == 0) {
    remove();
    remove_page();
    if (::fcntl(file.get(), F_OFD_SETLK, &second) == 0) {
      lock_ = std::move(file);
      return true;
    }
  }
  if (errno == EAGAIN || errno == EACCES) return false;
  throw configuration_error(
      fmt::format("cannot lock {}/{}: {}", path_, lock_file, std::strerror(errno)));
}

void discovery::replace(const char* name, const char* new_name, std::string_view text) {
  ::unlinkat(directory_.get(), new_name, 0);  // of a run that broke off
  const auto file = open_in(directory_, new_name, O_WRONLY | O_CREAT | O_EXCL);
  if (::fchmod(file.get(), 0600) != 0 || !write_whole(file.get(), text) ||
      ::renameat(directory_.get(), new_name, directory_.get(), name) != 0) {
    throw configuration_error(
        fmt::format("cannot write {}/{}: {}", path_, name, std::strerror(errno)));
  }
}

void discovery::write(const local_server& server) {
  replace(discovery_file, new_discovery_file, json::write(server));
}

std::string discovery::write_page(std::string_view html) {
  replace(page_file, new_page_file, html);
  return fmt::format("{}/{}", path_, page_file);
}

void discovery::remove_page() noexcept { ::unlinkat(directory_.get(), page_file, 0); }

void discovery::remove() noexcept { ::unlinkat(directory_.get(), discovery_file, 0); }

std::optional<local_server> discovery::read() const { return read_server(directory_); }

std::optional<local_server> discovery::find(std::string_view name, std::string_view directory) {
  const auto place = open_directory(discovery_path(name, directory));
  if (!unsafe_because(place).empty()) return {};
  return read_server(place);
}

}  // namespace aft

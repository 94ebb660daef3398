#include "socket.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include <aft/ground/error.hpp>

namespace aft {

std::string endpoint::url() const {
  if (address.starts_with("unix:")) return address;
  const bool v6 = address.find(':') != address.npos;
  const auto host = v6 ? "[" + address + "]" : address;
  return fmt::format("{}://{}:{}", secure ? "https" : "http", host, port);
}

namespace server {

descriptor& descriptor::operator=(descriptor&& other) noexcept {
  if (this != &other) {
    close();
    fd_ = other.release();
  }
  return *this;
}
int descriptor::release() { return std::exchange(fd_, -1); }
void descriptor::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

namespace {

struct socket_address {
  sockaddr_storage storage{};
  socklen_t size = 0;
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

socket_address parse(const std::string& address, std::uint16_t port) {
  socket_address parsed;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&parsed.storage);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&parsed.storage);
  if (inet_pton(AF_INET, address.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    parsed.size = sizeof *v4;
  } else if (inet_pton(AF_INET6, address.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    parsed.size = sizeof *v6;
  } else {
    throw configuration_error(fmt::format(
        "\"{}\" is no address to listen at; give an IP address such as 127.0.0.1 or ::1", address));
  }
  return parsed;
}

void set_on(int fd, int level, int option) {
  const int on = 1;
  ::setsockopt(fd, level, option, &on, sizeof on);
}

[[noreturn]] void refuse(const std::string& address, std::uint16_t port) {
  switch (errno) {
    case EADDRINUSE:
      throw port_in_use(fmt::format("port {} of {} is in use; choose another port", port, address));
    case EACCES:
      throw configuration_error(
          fmt::format("this user may not listen at port {}; choose a port from 1024 on", port));
    case EADDRNOTAVAIL:
      throw configuration_error(fmt::format("{} is no address of this machine", address));
    default:
      throw configuration_error(
          fmt::format("cannot listen at {} port {}: {}", address, port, std::strerror(errno)));
  }
}

descriptor bind_tcp(const std::string& address, std::uint16_t port, bool shared) {
  auto where = parse(address, port);
  descriptor fd(::socket(where.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (fd.get() < 0) refuse(address, port);
  set_on(fd.get(), SOL_SOCKET, SO_REUSEADDR);
  if (shared) set_on(fd.get(), SOL_SOCKET, SO_REUSEPORT);
  if (where.storage.ss_family == AF_INET6) set_on(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY);
  if (::bind(fd.get(), where.get(), where.size) != 0) refuse(address, port);
  set_on(fd.get(), IPPROTO_TCP, TCP_NODELAY);  // its connections inherit it
  return fd;
}

}  // namespace

descriptor listen_tcp(const std::string& address, std::uint16_t port, bool shared) {
  auto fd = bind_tcp(address, port, shared);
  if (::listen(fd.get(), SOMAXCONN) != 0) refuse(address, port);
  return fd;
}

bool has_ipv6_loopback() {
  auto where = parse("::1", 0);
  const descriptor fd(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (fd.get() < 0) return errno != EAFNOSUPPORT;
  return ::bind(fd.get(), where.get(), where.size) == 0 || errno != EADDRNOTAVAIL;
}

namespace {

// Whether the path is taken: by somebody who listens there, or by what is no socket.
bool is_answered(socket_address& where) {
  struct stat about {};
  const char* path = reinterpret_cast<const sockaddr_un*>(&where.storage)->sun_path;
  if (::lstat(path, &about) == 0 && !S_ISSOCK(about.st_mode)) return true;  // not ours to replace
  const descriptor fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  return ::connect(fd.get(), where.get(), where.size) == 0 || errno != ECONNREFUSED;
}

}  // namespace

descriptor listen_unix(const std::string& address, unsigned mode) {
  const auto path = address.substr(std::string_view("unix:").size());
  socket_address where;
  auto* named = reinterpret_cast<sockaddr_un*>(&where.storage);
  named->sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof named->sun_path || path.find('\0') != path.npos) {
    throw configuration_error(fmt::format("\"{}\" is no path of a Unix socket", address));
  }
  std::memcpy(named->sun_path, path.c_str(), path.size() + 1);
  where.size = socklen_t(offsetof(sockaddr_un, sun_path) + path.size() + 1);

  descriptor fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  ::fchmod(fd.get(), mode_t(mode));  // what the file begins with, so that nobody slips in before
  bool bound = ::bind(fd.get(), where.get(), where.size) == 0;
  if (!bound && errno == EADDRINUSE && !is_answered(where)) {
    ::unlink(path.c_str());
    bound = ::bind(fd.get(), where.get(), where.size) == 0;
  }
  if (!bound && errno == EADDRINUSE) {
    throw configuration_error(fmt::format("{} is in use; choose another path", address));
  }
  if (!bound || ::chmod(path.c_str(), mode_t(mode)) != 0 || ::listen(fd.get(), SOMAXCONN) != 0) {
    throw configuration_error(
        fmt::format("cannot listen at {}: {}", address, std::strerror(errno)));
  }
  return fd;
}

// sd_listen_fds(3)
std::vector<descriptor> inherited_sockets() {
  constexpr int first = 3;
  const char* process = std::getenv("LISTEN_PID");
  const char* count = std::getenv("LISTEN_FDS");
  if (!process || !count || std::atol(process) != long(::getpid()) || std::atoi(count) < 1) {
    throw configuration_error("no sockets were handed to this process (LISTEN_FDS)");
  }
  std::vector<descriptor> sockets;
  for (int fd = first; fd < first + std::atoi(count); ++fd) {
    int listens = 0;
    socklen_t size = sizeof listens;
    if (::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0 || !listens) {
      throw configuration_error(
          fmt::format("file descriptor {} was handed over, but does not listen", fd));
    }
    // A copy: who starts this app again in the same process finds them again.
    descriptor copy(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
    ::fcntl(copy.get(), F_SETFL, ::fcntl(copy.get(), F_GETFL) | O_NONBLOCK);
    set_on(copy.get(), IPPROTO_TCP, TCP_NODELAY);
    sockets.push_back(std::move(copy));
  }
  return sockets;
}

http::ip_address address_of(const sockaddr_storage& peer) {
  http::ip_address a;
  if (peer.ss_family == AF_INET6) {
    std::memcpy(a.bytes.data(), &reinterpret_cast<const sockaddr_in6&>(peer).sin6_addr, 16);
  } else if (peer.ss_family == AF_INET) {
    a.bytes[10] = a.bytes[11] = 0xff;
    std::memcpy(a.bytes.data() + 12, &reinterpret_cast<const sockaddr_in&>(peer).sin_addr, 4);
  }
  return a;
}

descriptor copy_of(const descriptor& socket) {
  descriptor copy(::fcntl(socket.get(), F_DUPFD_CLOEXEC, 0));
  if (copy.get() < 0) throw configuration_error("no more descriptors");
  return copy;
}

endpoint bound_to(const descriptor& socket) {
  socket_address where;
  where.size = sizeof where.storage;
  ::getsockname(socket.get(), where.get(), &where.size);
  if (where.storage.ss_family == AF_UNIX) {
    return {std::string("unix:") + reinterpret_cast<const sockaddr_un*>(&where.storage)->sun_path,
            0};
  }
  char text[INET6_ADDRSTRLEN] = "";
  if (where.storage.ss_family == AF_INET6) {
    const auto* v6 = reinterpret_cast<const sockaddr_in6*>(&where.storage);
    inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof text);
    return {text, ntohs(v6->sin6_port)};
  }
  const auto* v4 = reinterpret_cast<const sockaddr_in*>(&where.storage);
  inet_ntop(AF_INET, &v4->sin_addr, text, sizeof text);
  return {text, ntohs(v4->sin_port)};
}

}  // namespace server
}  // namespace aft

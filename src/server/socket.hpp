#pragma once
// Sockets as the system has them.

#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <aft/ground/error.hpp>
#include <aft/server/options.hpp>

#include "../http/ip_address.hpp"

namespace aft::server {

// Owns a file descriptor.
class descriptor {
 public:
  descriptor() = default;
  explicit descriptor(int fd) : fd_(fd) {}
  descriptor(descriptor&& other) noexcept : fd_(other.release()) {}
  descriptor& operator=(descriptor&& other) noexcept;
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
  ~descriptor() { close(); }

  int get() const { return fd_; }
  int release();
  void close();

 private:
  int fd_ = -1;
};

// ::recv and ::send that never wait. Those of the C library are places where a thread can be
// cancelled, which costs two atomic operations each time; but by them ThreadSanitizer sees who has
// heard from whom.
inline std::ptrdiff_t receive_now(int socket, void* to, std::size_t size) {
#if defined(__SANITIZE_THREAD__)
  return ::recv(socket, to, size, MSG_DONTWAIT);
#else
  return ::syscall(SYS_recvfrom, socket, to, size, MSG_DONTWAIT, nullptr, nullptr);
#endif
}
inline std::ptrdiff_t send_now(int socket, const void* from, std::size_t size) {
#if defined(__SANITIZE_THREAD__)
  return ::send(socket, from, size, MSG_NOSIGNAL | MSG_DONTWAIT);
#else
  return ::syscall(SYS_sendto, socket, from, size, MSG_NOSIGNAL | MSG_DONTWAIT, nullptr, 0);
#endif
}

class port_in_use : public configuration_error {
 public:
  using configuration_error::configuration_error;
};

// A TCP socket that listens at the address and port, without blocking. With `shared`, more may
// listen there, and the kernel divides the connections among them. Throws configuration_error that
// says what is wrong: "port 8080 of 127.0.0.1 is in use; choose another port".
descriptor listen_tcp(const std::string& address, std::uint16_t port, bool shared);

// Whether anybody on this machine can listen at ::1.
bool has_ipv6_loopback();

// The same at "unix:/path". A file that a dead server left behind is replaced.
descriptor listen_unix(const std::string& address, unsigned mode);

// The sockets that were opened for this process by whoever started it; throws configuration_error
// where there are none.
std::vector<descriptor> inherited_sockets();

// What the socket is bound to.
endpoint bound_to(const descriptor& socket);

// Of a peer; none for a Unix socket.
http::ip_address address_of(const sockaddr_storage& peer);

descriptor copy_of(const descriptor& socket);

}  // namespace aft::server

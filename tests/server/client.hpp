#pragma once
// A plain socket to a server under test.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stdexcept>
#include <string>
#include <string_view>

// One response with a Content-Length, of a client that receives so many bytes.
template <class Client>
std::string one_response(Client& c) {
  std::string got;
  while (got.find("\r\n\r\n") == got.npos) {
    const auto more = c.receive(1);
    if (more.size() != 1) return got + more;
    got += more;
  }
  const auto at = got.find("Content-Length: ");
  if (at == got.npos) return got;
  return got + c.receive(std::stoul(got.substr(at + 16)));
}

inline bool has(const std::string& text, std::string_view part) {
  return text.find(part) != text.npos;
}
inline std::string body_of(const std::string& response) {
  const auto at = response.find("\r\n\r\n");
  return at == response.npos ? response : response.substr(at + 4);
}
inline int count(const std::string& text, std::string_view part) {
  int n = 0;
  for (std::size_t at = 0; (at = text.find(part, at)) != text.npos; ++at) ++n;
  return n;
}

class client {
 public:
  explicit client(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) {
      ::close(fd_);
      throw std::runtime_error("cannot connect");
    }
  }
  struct connected {
    int fd;
  };
  explicit client(connected c) : fd_(c.fd) {}  // takes it
  client(const client&) = delete;
  client& operator=(const client&) = delete;
  ~client() { ::close(fd_); }

  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      bytes.remove_prefix(std::size_t(n));
    }
    return true;
  }
  void end() { ::shutdown(fd_, SHUT_WR); }

  // What comes until `enough` bytes are there, the server closes, or nothing comes for a minute.
  std::string receive(std::size_t enough = std::string::npos) {
    std::string got;
    while (got.size() < enough) {
      pollfd p{fd_, POLLIN, 0};
      if (::poll(&p, 1, 60'000) != 1) {
        got += "[nothing came]";
        break;
      }
      char part[65536];
      const auto n = ::recv(fd_, part, std::min(sizeof part, enough - got.size()), 0);
      if (n < 0) got += "[reset]";
      if (n <= 0) break;
      got.append(part, std::size_t(n));
    }
    return got;
  }

  std::string response() { return one_response(*this); }
  int fd() const { return fd_; }

 private:
  int fd_;
};

#pragma once
// A server that answers each request with the bytes it was told, for what no sound server says.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

inline int listen_anywhere(std::string& port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ::bind(fd, reinterpret_cast<sockaddr*>(&at), sizeof at);
  socklen_t size = sizeof at;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&at), &size);
  port = std::to_string(ntohs(at.sin_port));
  return fd;
}

// Nobody listens there: a socket that is only bound holds it as long as the program runs.
inline std::string unused_port() {
  std::string port;
  listen_anywhere(port);
  return port;
}

class raw_server {
 public:
  static constexpr const char* silence = "(silence)";
  static constexpr bool keeps = true;  // its connections

  // The n-th request gets the n-th answer, and then none any more: the connection is closed.
  explicit raw_server(std::vector<std::string> answers, bool keep = false)
      : answers_(std::move(answers)), keeps_(keep), listening_(listen_anywhere(port_)) {
    ::listen(listening_, 16);
    thread_ = std::thread([this] { run(); });
  }
  raw_server(const raw_server&) = delete;
  raw_server& operator=(const raw_server&) = delete;
  ~raw_server() {
    stopping_ = true;
    thread_.join();
    for (const int fd : open_) ::close(fd);
    ::close(listening_);
  }

  std::string url() const { return "http://127.0.0.1:" + port_ + "/"; }
  std::vector<std::string> received() const {
    std::lock_guard lock(mutex_);
    return received_;
  }
  int connections() const { return connections_; }

 private:
  void run() {
    while (!stopping_) {
      std::vector<pollfd> wanted{{listening_, POLLIN, 0}};
      for (const int fd : open_) wanted.push_back({fd, POLLIN, 0});
      ::poll(wanted.data(), wanted.size(), 20);
      if (wanted[0].revents) {
        open_.push_back(::accept(listening_, nullptr, nullptr));
        ++connections_;
      }
      for (std::size_t i = 1; i < wanted.size(); ++i) {
        if (wanted[i].revents && !serve(wanted[i].fd)) {
          std::erase(open_, wanted[i].fd);
          ::close(wanted[i].fd);
        }
      }
    }
  }

  bool serve(int fd) {
    std::string request;
    std::size_t body = std::string::npos;
    while (body == std::string::npos || request.size() < body) {
      char part[4096];
      const auto n = ::recv(fd, part, sizeof part, 0);
      if (n <= 0) return false;
      request.append(part, std::size_t(n));
      const auto end = request.find("\r\n\r\n");
      if (end == request.npos) continue;
      const auto at = request.find("Content-Length: ");
      body = end + 4 + (at == request.npos ? 0 : std::strtoul(&request[at + 16], nullptr, 10));
    }
    std::size_t number;
    {
      std::lock_guard lock(mutex_);
      number = received_.size();
      received_.push_back(std::move(request));
    }
    if (number >= answers_.size()) return false;
    const auto& answer = answers_[number];
    if (answer == silence) return true;
    ::send(fd, answer.data(), answer.size(), MSG_NOSIGNAL);
    return keeps_;
  }

  std::vector<std::string> answers_;
  bool keeps_;
  std::string port_;
  int listening_;
  std::vector<int> open_;
  std::atomic<int> connections_{0};
  std::atomic<bool> stopping_{false};
  mutable std::mutex mutex_;
  std::vector<std::string> received_;  // guarded by mutex_
  std::thread thread_;
};

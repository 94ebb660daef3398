#pragma once
// Stands between a database and the PostgreSQL server of the tests, and counts round trips.

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "postgres_server.hpp"
#include "temporary_file.hpp"

class postgres_proxy {
 public:
  explicit postgres_proxy(const postgres_server& server) : server_(server) {
    listening_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const auto address = address_of(place());
    if (::bind(listening_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(listening_, 16) != 0) {
      throw std::runtime_error("the proxy cannot listen");
    }
    accepting_ = std::thread([this] { accept_all(); });
  }
  postgres_proxy(const postgres_proxy&) = delete;
  postgres_proxy& operator=(const postgres_proxy&) = delete;
  ~postgres_proxy() {
    ending_ = true;
    ::shutdown(listening_, SHUT_RDWR);
    accepting_.join();
    for (auto& thread : threads_) thread.join();
    ::close(listening_);
  }

  // The same database, by way of this.
  std::string url(std::string of_server) const {
    const auto at = of_server.find(server_.place());
    return of_server.replace(at, server_.place().size(), place());
  }

  // How often the server was done with all that it had been sent.
  int round_trips() const { return round_trips_; }

 private:
  // Finds the messages of the server, each of which is its kind, its length and its content.
  class answers {
   public:
    int count_ready(const char* bytes, std::size_t size) {
      int ready = 0;
      while (size) {
        if (to_skip_) {
          const auto skipped = std::min(to_skip_, size);
          to_skip_ -= skipped, bytes += skipped, size -= skipped;
          continue;
        }
        head_[filled_++] = static_cast<unsigned char>(*bytes++);
        --size;
        if (filled_ < sizeof head_) continue;
        filled_ = 0;
        ready += head_[0] == 'Z';  // ReadyForQuery
        std::size_t length = 0;
        for (int i = 1; i < 5; ++i) length = length << 8 | head_[i];
        to_skip_ = length - 4;
      }
      return ready;
    }

   private:
    unsigned char head_[5];
    std::size_t filled_ = 0, to_skip_ = 0;
  };

  std::string place() const {
    auto path = folder_ / "";
    path.pop_back();
    return path;
  }

  static sockaddr_un address_of(const std::string& place) {
    const auto path = place + "/.s.PGSQL.5432";
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) throw std::runtime_error("a path is too long");
    std::memcpy(address.sun_path, path.c_str(), path.size());
    return address;
  }

  void accept_all() {
    while (true) {
      const int client = ::accept4(listening_, nullptr, nullptr, SOCK_CLOEXEC);
      if (ending_ || client < 0) return;
      threads_.emplace_back([this, client] { serve(client); });
    }
  }

  void serve(int client) {
    const int server = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const auto address = address_of(server_.place());
    answers seen;
    if (::connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
      while (pass_on(client, server, nullptr) && pass_on(server, client, &seen)) {
        pollfd both[] = {{client, POLLIN, 0}, {server, POLLIN, 0}};
        ::poll(both, 2, 100);
        if (ending_) break;
      }
    }
    ::close(server);
    ::close(client);
  }

  // What has come; false at the end.
  bool pass_on(int from, int to, answers* watched) {
    char bytes[16384];
    while (true) {
      const auto got = ::recv(from, bytes, sizeof bytes, MSG_DONTWAIT);
      if (got == 0) return false;
      if (got < 0) return errno == EAGAIN || errno == EINTR;
      if (watched) round_trips_ += watched->count_ready(bytes, std::size_t(got));
      for (ssize_t sent = 0; sent < got;) {
        const auto n = ::send(to, bytes + sent, std::size_t(got - sent), MSG_NOSIGNAL);
        if (n < 0) return false;
        sent += n;
      }
    }
  }

  const postgres_server& server_;
  temporary_folder folder_;
  int listening_ = -1;
  std::atomic<bool> ending_{false};
  std::atomic<int> round_trips_{0};
  std::vector<std::thread> threads_;  // of the accepting one alone
  std::thread accepting_;
};

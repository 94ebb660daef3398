#pragma once
// A small SMTP server that answers as it is told, with TLS by a test's authority.

#include <openssl/ssl.h>

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "ground/quiet_thread.hpp"

#include "../server/authority.hpp"
#include "raw_server.hpp"

struct received_mail {
  std::string from, to, message;
  bool secure = false;
};

class smtp_server {
 public:
  struct behaviour {
    certificate_files certificate{};  // empty: no TLS
    bool tls_from_start = false;
    std::string password{};  // empty: no login is wanted
    // What is answered instead of the usual, by the command, the first of them first: {"RCPT",
    // {"450 later"}}. "(drop)" ends the connection. "." is the end of a message.
    std::map<std::string, std::vector<std::string>> replies{};
  };

  explicit smtp_server(behaviour how) : how_(std::move(how)), listening_(listen_anywhere(port_)) {
    if (!how_.certificate.certificate.empty()) {
      context_.reset(SSL_CTX_new(TLS_server_method()));
      SSL_CTX_use_certificate_chain_file(context_.get(), how_.certificate.certificate.c_str());
      SSL_CTX_use_PrivateKey_file(context_.get(), how_.certificate.key.c_str(), SSL_FILETYPE_PEM);
    }
    ::listen(listening_, 16);
    thread_ = aft::detail::quiet_thread("smtp", [this] { run(); });  // no SIGPIPE
  }
  smtp_server(const smtp_server&) = delete;
  smtp_server& operator=(const smtp_server&) = delete;
  ~smtp_server() {
    stopping_ = true;
    thread_.join();
    ::close(listening_);
  }

  std::uint16_t port() const { return std::uint16_t(std::stoi(port_)); }
  std::vector<received_mail> received() const {
    std::lock_guard lock(mutex_);
    return received_;
  }
  int connections() const { return connections_; }

 private:
  struct ssl_closer {
    void operator()(SSL* s) const { SSL_free(s); }
    void operator()(SSL_CTX* c) const { SSL_CTX_free(c); }
  };

  // One client, plain or by TLS.
  struct peer {
    int fd;
    std::unique_ptr<SSL, ssl_closer> tls{};
    std::string buffered{};

    bool send(const std::string& line) {
      const auto bytes = line + "\r\n";
      if (tls) return SSL_write(tls.get(), bytes.data(), int(bytes.size())) > 0;
      return ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) > 0;
    }
    bool line(std::string& out) {
      while (true) {
        const auto end = buffered.find("\r\n");
        if (end != buffered.npos) {
          out = buffered.substr(0, end);
          buffered.erase(0, end + 2);
          return true;
        }
        char part[4096];
        const auto n = tls ? long(SSL_read(tls.get(), part, sizeof part))
                           : long(::recv(fd, part, sizeof part, 0));
        if (n <= 0) return false;
        buffered.append(part, std::size_t(n));
      }
    }
  };

  void run() {
    while (!stopping_) {
      pollfd wanted{listening_, POLLIN, 0};
      if (::poll(&wanted, 1, 20) != 1) continue;
      peer p{::accept(listening_, nullptr, nullptr)};
      const timeval patience{10, 0};
      ::setsockopt(p.fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
      ++connections_;
      if (!how_.tls_from_start || secure(p)) talk(p);
      p.tls.reset();
      ::close(p.fd);
    }
  }

  bool secure(peer& p) {
    p.tls.reset(SSL_new(context_.get()));
    SSL_set_fd(p.tls.get(), p.fd);
    return SSL_accept(p.tls.get()) == 1;
  }

  // Empty: the usual one.
  std::string told(const std::string& command) {
    auto& left = how_.replies[command];
    if (left.empty()) return {};
    auto first = left.front();
    left.erase(left.begin());
    return first;
  }

  void talk(peer& p) {
    received_mail m;
    std::string line;
    if (!p.send("220 test")) return;
    while (p.line(line)) {
      const auto command = line.substr(0, 4);
      if (const auto instead = told(command); instead == "(drop)") {
        return;
      } else if (!instead.empty()) {
        p.send(instead);
        continue;
      }
      if (command == "EHLO") {
        if (context_ && !p.tls) p.send("250-STARTTLS");
        if (!how_.password.empty()) p.send("250-AUTH PLAIN");
        p.send("250 test");
      } else if (command == "STAR") {
        p.send("220 go on");
        if (!secure(p)) return;
      } else if (command == "AUTH") {
        if (!p.send("334 ") || !p.line(line)) return;
        p.send(line.find(how_.password) != line.npos ? "235 welcome" : "535 who?");
      } else if (command == "DATA") {
        p.send("354 go on");
        if (!take_message(p, m)) return;
      } else if (command == "QUIT") {
        p.send("221 bye");
        return;
      } else {
        if (command == "MAIL") m.from = line.substr(10);
        if (command == "RCPT") m.to = line.substr(8);
        p.send("250 ok");
      }
    }
  }

  bool take_message(peer& p, received_mail& m) {
    std::string line;
    m.message.clear();
    while (p.line(line) && line != ".") {
      m.message += (line.starts_with('.') ? line.substr(1) : line) + "\r\n";
    }
    if (line != ".") return false;
    const auto instead = told(".");
    if (instead == "(drop)") return false;
    if (instead.empty() || instead.starts_with("2")) {
      m.secure = bool(p.tls);
      std::lock_guard lock(mutex_);
      received_.push_back(m);
    }
    return p.send(instead.empty() ? "250 taken" : instead);
  }

  behaviour how_;
  std::string port_;
  int listening_;
  std::unique_ptr<SSL_CTX, ssl_closer> context_{};
  std::atomic<int> connections_{0};
  std::atomic<bool> stopping_{false};
  mutable std::mutex mutex_;
  std::vector<received_mail> received_;  // guarded by mutex_
  std::thread thread_;
};

#pragma once
// Addresses of clients, and the proxies whose word about them counts.

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <aft/http/message.hpp>

namespace aft::http {

// IPv4 as ::ffff:a.b.c.d. All zero where there is none, as behind a Unix socket.
struct ip_address {
  std::array<std::uint8_t, 16> bytes{};

  static std::optional<ip_address> parse(std::string_view text);  // without a port
  std::string text() const;                                       // "1.2.3.4", "2001:db8::1", ""
  bool is_v4() const;
  bool operator==(const ip_address&) const = default;
};

struct ip_network {
  ip_address address;
  unsigned bits = 0;  // of the address as IPv6

  static std::optional<ip_network> parse(std::string_view text);  // "10.0.0.0/8", "::1"
  bool contains(const ip_address& a) const;
};

// Filled on one thread; afterwards const from any.
class trusted_proxies {
 public:
  // "10.0.0.0/8", "::1", "unix"; throws configuration_error. `header` is the one line they write.
  trusted_proxies(const std::vector<std::string>& networks, std::string header);

  bool empty() const { return networks_.empty() && !unix_; }
  bool trusts(const ip_address& a) const;

  // Who sent the request, as far as it can be believed: the hop nearest to us that is not trusted.
  ip_address find_client(const ip_address& peer, const request& r) const {
    return find_sender(peer, r).address;
  }
  // Whether that hop came over TLS, by the word of whom it came to.
  bool says_secure(const ip_address& peer, const request& r) const {
    return trusts(peer) && find_sender(peer, r).secure;
  }

 private:
  struct sender {
    ip_address address;
    bool secure = false;
  };
  sender find_sender(const ip_address& peer, const request& r) const;

  std::vector<ip_network> networks_;
  bool unix_ = false;
  std::string header_;
};

struct client_of {
  ip_address peer{};
  const trusted_proxies* proxies = nullptr;  // null: none
  bool secure = false;                       // over TLS
  // Where pages are to be had instead: the end of the authority, such as ":8443". Null: here.
  const std::string* https_port = nullptr;
  std::unique_ptr<const client_certificate> certificate{};
};

}  // namespace aft::http

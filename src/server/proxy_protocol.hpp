#pragma once
// What a proxy tells about its client before anything else: PROXY protocol, version 2
// (haproxy.org/download/2.9/doc/proxy-protocol.txt).

#include <cstddef>
#include <optional>
#include <string_view>

#include "../http/ip_address.hpp"

namespace aft::server {

enum class proxy_verdict { more, whole, refused };

struct proxy_header {
  // More: at least `size` bytes are needed to say. Whole: it has `size` bytes.
  proxy_verdict verdict;
  std::size_t size = 0;
  // When whole; all zero for the client of a Unix socket. None: the proxy speaks for itself.
  std::optional<http::ip_address> client{};
  bool is_unknown = false;  // it speaks for a client, and does not know who that is
};

constexpr std::size_t max_proxy_header = 536;  // as the specification advises; with its TLVs

// The first bytes of a connection. They may be followed by others.
proxy_header read_proxy_header(std::string_view bytes);

}  // namespace aft::server

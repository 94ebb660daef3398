#include "proxy_protocol.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace aft::server {
namespace {

constexpr std::string_view proxy_signature("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr std::size_t fixed_proxy_part = 16;

namespace proxy_command {
constexpr unsigned local = 0x20, proxy = 0x21;
}
namespace proxy_family {
constexpr unsigned unspecified = 0x00, tcp4 = 0x11, tcp6 = 0x21, unix_stream = 0x31;
}

// Of the addresses and ports; none for a family that is not taken.
std::optional<std::size_t> proxy_addresses_size(unsigned family) {
  switch (family) {
    case proxy_family::unspecified: return 0;
    case proxy_family::tcp4: return 12;
    case proxy_family::tcp6: return 36;
    case proxy_family::unix_stream: return 216;
    default: return {};
  }
}

http::ip_address proxied_client(unsigned family, const char* addresses) {
  http::ip_address a;
  if (family == proxy_family::tcp4) {
    a.bytes[10] = a.bytes[11] = 0xff;
    std::memcpy(a.bytes.data() + 12, addresses, 4);
  } else if (family == proxy_family::tcp6) {
    std::memcpy(a.bytes.data(), addresses, 16);
  }
  return a;
}

}  // namespace

proxy_header read_proxy_header(std::string_view bytes) {
  const auto signature = bytes.substr(0, proxy_signature.size());
  if (!proxy_signature.starts_with(signature)) return {proxy_verdict::refused};
  if (bytes.size() < fixed_proxy_part) return {proxy_verdict::more, fixed_proxy_part};
  const auto at = [bytes](std::size_t i) { return unsigned(std::uint8_t(bytes[i])); };
  const auto command = at(12), family = at(13);
  const std::size_t size = fixed_proxy_part + (at(14) << 8 | at(15));
  if ((command != proxy_command::local && command != proxy_command::proxy) ||
      size > max_proxy_header) {
    return {proxy_verdict::refused};
  }
  const bool tells = command == proxy_command::proxy;
  const auto least = proxy_addresses_size(family);
  if (tells && (!least || size < fixed_proxy_part + *least)) return {proxy_verdict::refused};
  if (bytes.size() < size) return {proxy_verdict::more, size};
  if (!tells) return {proxy_verdict::whole, size};
  if (family == proxy_family::unspecified) return {proxy_verdict::whole, size, {}, true};
  return {proxy_verdict::whole, size, proxied_client(family, bytes.data() + fixed_proxy_part)};
}

}  // namespace aft::server

#include "ip_address.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include <aft/ground/error.hpp>

#include "head.hpp"
#include "letters.hpp"

namespace aft::http {
namespace {

constexpr std::uint8_t v4_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

// Of one hop: "1.2.3.4", "1.2.3.4:80", "[::1]:80", "::1", and these in quotes.
std::optional<ip_address> read_hop(std::string_view text) {
  text = without_blanks(text);
  if (text.size() > 1 && text.front() == '"' && text.back() == '"') {
    text = text.substr(1, text.size() - 2);
  }
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    if (end == text.npos || (end + 1 != text.size() && text[end + 1] != ':')) return {};
    return ip_address::parse(text.substr(1, end - 1));
  }
  const auto colon = text.find(':');
  if (colon != text.npos && text.find(':', colon + 1) == text.npos) text = text.substr(0, colon);
  return ip_address::parse(text);
}

// The value of "for=" or "proto=" in one element of Forwarded (RFC 7239).
std::string_view read_pair(std::string_view element, std::string_view name) {
  while (!element.empty()) {
    const auto pair = without_blanks(element.substr(0, element.find(';')));
    element.remove_prefix(std::min(element.find(';'), element.size() - 1) + 1);
    if (pair.size() > name.size() && equal_ignoring_case(pair.substr(0, name.size()), name)) {
      return pair.substr(name.size());
    }
  }
  return {};
}

bool is_https(std::string_view word) {
  return equal_ignoring_case(word, "https") || equal_ignoring_case(word, "\"https\"");
}

// What the nearest proxy wrote, at the end of the last line.
bool says_https(const request& r) {
  for (auto line = r.headers().rbegin(); line != r.headers().rend(); ++line) {
    if (!equal_ignoring_case(line->name, "X-Forwarded-Proto")) continue;
    return is_https(without_blanks(line->value.substr(line->value.rfind(',') + 1)));
  }
  return false;
}

}  // namespace

std::optional<ip_address> ip_address::parse(std::string_view text) {
  char copy[INET6_ADDRSTRLEN + 1];
  if (text.empty() || text.size() >= sizeof copy) return {};
  std::memcpy(copy, text.data(), text.size());
  copy[text.size()] = '\0';
  ip_address a;
  if (::inet_pton(AF_INET, copy, a.bytes.data() + 12) == 1) {
    std::copy(std::begin(v4_prefix), std::end(v4_prefix), a.bytes.begin());
    return a;
  }
  if (::inet_pton(AF_INET6, copy, a.bytes.data()) == 1) return a;
  return {};
}

bool ip_address::is_v4() const {
  return std::equal(std::begin(v4_prefix), std::end(v4_prefix), bytes.begin());
}

std::string ip_address::text() const {
  if (*this == ip_address()) return "";
  char out[INET6_ADDRSTRLEN] = "";
  if (is_v4()) ::inet_ntop(AF_INET, bytes.data() + 12, out, sizeof out);
  else ::inet_ntop(AF_INET6, bytes.data(), out, sizeof out);
  return out;
}

std::optional<ip_network> ip_network::parse(std::string_view text) {
  const auto slash = text.find('/');
  const auto address = ip_address::parse(text.substr(0, slash));
  if (!address) return {};
  const unsigned most = address->is_v4() ? 32 : 128;
  unsigned bits = most;
  if (slash != text.npos) {
    const char* end = text.data() + text.size();
    const auto read = std::from_chars(text.data() + slash + 1, end, bits);
    if (read.ec != std::errc() || read.ptr != end || bits > most) return {};
  }
  return ip_network{*address, bits + 128 - most};
}

bool ip_network::contains(const ip_address& a) const {
  const auto whole = bits / 8, rest = bits % 8;
  if (!std::equal(address.bytes.begin(), address.bytes.begin() + whole, a.bytes.begin())) {
    return false;
  }
  return !rest || (address.bytes[whole] ^ a.bytes[whole]) >> (8 - rest) == 0;
}

trusted_proxies::trusted_proxies(const std::vector<std::string>& networks, std::string header)
    : header_(std::move(header)) {
  for (const auto& text : networks) {
    if (text == "unix") {
      unix_ = true;
      continue;
    }
    const auto network = ip_network::parse(text);
    if (!network) {
      throw configuration_error("\"" + text +
                                "\" is no network of proxies; give it like \"10.0.0.0/8\", "
                                "\"::1\" or \"unix\"");
    }
    networks_.push_back(*network);
  }
  if (!equal_ignoring_case(header_, "X-Forwarded-For") &&
      !equal_ignoring_case(header_, "Forwarded")) {
    throw configuration_error("proxies say who the client is in X-Forwarded-For or Forwarded");
  }
}

bool trusted_proxies::trusts(const ip_address& a) const {
  if (a == ip_address()) return unix_;
  return std::any_of(networks_.begin(), networks_.end(),
                     [&a](const ip_network& n) { return n.contains(a); });
}

trusted_proxies::sender trusted_proxies::find_sender(const ip_address& peer,
                                                     const request& r) const {
  if (!trusts(peer)) return {peer};
  const bool standard = equal_ignoring_case(header_, "Forwarded");
  sender found{peer, !standard && says_https(r)};
  // Each proxy adds at the end, of the last line: read from there, as long as the word counts.
  for (auto line = r.headers().rbegin(); line != r.headers().rend(); ++line) {
    if (!equal_ignoring_case(line->name, header_)) continue;
    auto rest = line->value;
    while (true) {
      const auto comma = rest.rfind(',');
      const auto element = comma == rest.npos ? rest : rest.substr(comma + 1);
      const auto hop = read_hop(standard ? read_pair(element, "for=") : element);
      if (standard) found.secure = is_https(read_pair(element, "proto="));
      if (!hop) return found;  // "unknown", or nonsense: as far as we know
      found.address = *hop;
      if (!trusts(found.address)) return found;
      if (comma == rest.npos) break;
      rest = rest.substr(0, comma);
    }
  }
  return found;
}

}  // namespace aft::http

namespace aft {

std::string request::client() const {
  const auto* c = http::request_access::client(*this);
  if (!c) return "";
  return (c->proxies ? c->proxies->find_client(c->peer, *this) : c->peer).text();
}

bool request::secure() const {
  const auto* c = http::request_access::client(*this);
  return c && (c->secure || (c->proxies && c->proxies->says_secure(c->peer, *this)));
}

const client_certificate* request::client_certificate() const {
  const auto* c = http::request_access::client(*this);
  return c ? c->certificate.get() : nullptr;
}

}  // namespace aft

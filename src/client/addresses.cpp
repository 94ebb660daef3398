#include "addresses.hpp"

#include <algorithm>
#include <iterator>
#include <string_view>

#include <aft/ground/error.hpp>

namespace aft::client {
namespace {

http::ip_network network(std::string_view text) {
  const auto found = http::ip_network::parse(text);
  if (!found) throw configuration_error("\"" + std::string(text) + "\" is no network");
  return *found;
}

const std::vector<http::ip_network>& special_networks() {
  static const std::vector<http::ip_network> all = [] {
    std::vector<http::ip_network> list;
    for (const auto* text : {
             "0.0.0.0/8",        // this network
             "10.0.0.0/8",       // private
             "100.64.0.0/10",    // shared by a carrier's customers
             "127.0.0.0/8",      // loopback
             "169.254.0.0/16",   // link-local; the metadata of clouds
             "172.16.0.0/12",    // private
             "192.0.0.0/24",     // protocol assignments
             "192.0.2.0/24",     // documentation
             "192.88.99.0/24",   // 6to4 relays, no more
             "192.168.0.0/16",   // private
             "198.18.0.0/15",    // benchmarks
             "198.51.100.0/24",  // documentation
             "203.0.113.0/24",   // documentation
             "224.0.0.0/4",      // multicast
             "240.0.0.0/4",      // reserved, broadcast
             "2001::/23",        // protocol assignments, Teredo among them
             "2001:db8::/32",    // documentation
             "2002::/16",        // 6to4, which leads to any IPv4 address
             "3fff::/20",        // documentation
         }) {
      list.push_back(network(text));
    }
    return list;
  }();
  return all;
}

}  // namespace

bool on_open_internet(const http::ip_address& a) {
  static const auto global = network("2000::/3"), translated = network("64:ff9b::/96");
  if (translated.contains(a)) {  // IPv4 behind NAT64
    http::ip_address inside = *http::ip_address::parse("0.0.0.0");
    std::copy(a.bytes.begin() + 12, a.bytes.end(), inside.bytes.begin() + 12);
    return on_open_internet(inside);
  }
  if (!a.is_v4() && !global.contains(a)) return false;
  const auto& special = special_networks();
  return std::none_of(special.begin(), special.end(),
                      [&a](const http::ip_network& n) { return n.contains(a); });
}

allowed_addresses::allowed_addresses(address_policy policy, const std::vector<std::string>& also)
    : policy_(policy) {
  std::transform(also.begin(), also.end(), std::back_inserter(also_), network);
}

bool allowed_addresses::allows(const http::ip_address& a) const {
  return all() || on_open_internet(a) ||
         std::any_of(also_.begin(), also_.end(),
                     [&a](const http::ip_network& n) { return n.contains(a); });
}

}  // namespace aft::client

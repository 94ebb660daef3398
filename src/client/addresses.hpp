#pragma once
// Which addresses a client may connect to.

#include <string>
#include <vector>

#include <aft/client/http_client.hpp>

#include "../http/ip_address.hpp"

namespace aft::client {

// Whether an address is of the open internet: none that IANA's registries of special-purpose
// addresses keep for something else (RFC 6890, and what came after it).
bool on_open_internet(const http::ip_address& a);

// Filled on one thread; afterwards const from any.
class allowed_addresses {
 public:
  // Throws configuration_error.
  allowed_addresses(address_policy policy, const std::vector<std::string>& also);

  bool all() const { return policy_ == address_policy::any; }
  bool allows(const http::ip_address& a) const;

 private:
  address_policy policy_;
  std::vector<http::ip_network> also_;
};

}  // namespace aft::client

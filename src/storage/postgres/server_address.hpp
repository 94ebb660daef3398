#pragma once
// Where a PostgreSQL server is, and who one is there.

#include <string>
#include <utility>
#include <vector>

#include <aft/ground/time.hpp>

#include "libpq.hpp"

namespace aft::storage::postgres {

// Any thread. Holds a password, perhaps: nothing of it may be shown.
class server_address {
 public:
  explicit server_address(const std::string& url);  // throws configuration_error

  // Opens a connection; throws storage_error, io, that says why not, but nothing of the URL.
  open_connection connect(duration at_most) const;

  // One line of what libpq says, without what stands in the URL.
  std::string without_secrets(std::string_view message) const;

 private:
  const std::string* find(std::string_view name) const;

  std::vector<std::pair<std::string, std::string>> parts_;
};

}  // namespace aft::storage::postgres

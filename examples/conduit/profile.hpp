#pragma once

#include <optional>
#include <string>

namespace conduit {

// An account as others see it.
struct profile_view {
  std::string username;
  std::optional<std::string> bio, image;
  bool following;
};

}  // namespace conduit

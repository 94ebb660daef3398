#pragma once
// Who asks: made from the Authorization header, so a handler that takes a viewer is signed in.

#include <cstdint>
#include <optional>
#include <string>

#include "conduit.hpp"

namespace conduit {

// An account as others see it.
struct profile_view {
  std::string username;
  std::optional<std::string> bio, image;
  bool following;
};

struct viewer {
  std::int64_t id;
};

// Anybody; id 0 is nobody's.
struct maybe_viewer {
  std::int64_t id = 0;
};

using authorization = aft::header<"Authorization", std::optional<std::string>>;

// The account of a valid "Token ..." header, if it still exists.
std::optional<std::int64_t> account_of(const authorization& header, const keys& k, aft::reader& db);

}  // namespace conduit

template <>
struct aft::from_request<conduit::viewer> {
  static aft::result<conduit::viewer, aft::problem> from(conduit::authorization header,
                                                         const conduit::keys& k, aft::reader& db) {
    if (auto id = conduit::account_of(header, k, db)) return conduit::viewer{*id};
    return conduit::refuse(401, "token", header.value ? "is invalid" : "is missing");
  }
};

template <>
struct aft::from_request<conduit::maybe_viewer> {
  static conduit::maybe_viewer from(conduit::authorization header, const conduit::keys& k,
                                    aft::reader& db) {
    return {conduit::account_of(header, k, db).value_or(0)};
  }
};

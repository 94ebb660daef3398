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

struct article_key {
  std::int64_t id, author;
};
article_key find_article(aft::reader& db, const std::string& slug);  // throws the problem 404

// Anybody; id 0 is nobody's. Who shows a token that is none is told so.
struct maybe_viewer {
  std::int64_t id = 0;
};

using authorization = aft::header<"Authorization", std::optional<std::string>>;

// The account of a valid "Token ..." header, if it still exists; else the refusal.
aft::result<viewer, aft::problem> account_of(std::string_view header, const keys& k,
                                             aft::reader& db);

}  // namespace conduit

template <>
struct aft::from_request<conduit::viewer> {
  static constexpr aft::security security{"Token"};
  static aft::result<conduit::viewer, aft::problem> from(conduit::authorization header,
                                                         const conduit::keys& k, aft::reader& db) {
    if (!header.value) return conduit::refuse(401, "token", "is missing");
    return conduit::account_of(*header.value, k, db);
  }
};

template <>
struct aft::from_request<conduit::maybe_viewer> {
  static constexpr aft::security security{"Token", false};
  static constexpr aft::answer_note answers[] = {{401, "The token is invalid."}};
  static aft::result<conduit::maybe_viewer, aft::problem> from(conduit::authorization header,
                                                               const conduit::keys& k,
                                                               aft::reader& db) {
    if (!header.value) return conduit::maybe_viewer();
    auto known = conduit::account_of(*header.value, k, db);
    if (!known) return std::move(known).reason();
    return conduit::maybe_viewer{known->id};
  }
};

#pragma once
// What a key of a token is made of, and what it does: one algorithm.

#include <atomic>
#include <optional>
#include <string>
#include <string_view>

#include <aft/auth/jwk.hpp>

#include "openssl_owners.hpp"

namespace aft::detail {

struct key_material {
  key_material(jws_algorithm a, std::string b) : algorithm(a), bytes(std::move(b)) {}
  key_material(jws_algorithm a, auth::key_owner k) : algorithm(a), key(std::move(k)) {}
  ~key_material();

  mutable std::atomic<int> shares{1};
  jws_algorithm algorithm;
  bool is_private = false;
  std::string bytes{};    // HS256: the secret; EdDSA: the public key, and behind it the seed
  auth::key_owner key{};  // RS256 and ES256
};

}  // namespace aft::detail

namespace aft::auth {

std::string sign_with(const detail::key_material& key, std::string_view text);
bool verify_with(const detail::key_material& key, std::string_view text,
                 std::string_view signature);

}  // namespace aft::auth

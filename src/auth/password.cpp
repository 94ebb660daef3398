#include <aft/auth/password.hpp>

#include <sodium.h>

#include <cstring>

#include <aft/ground/error.hpp>
#include <aft/ground/random.hpp>

#include "../ground/may_wait.hpp"
#include "imported_hash.hpp"

namespace aft {
namespace {

std::size_t bytes_of(password_cost cost) { return std::size_t(cost.memory_kib) * 1024; }

void refuse_on_a_loop() {
  if (!detail::must_not_wait) return;
  throw error(std::string("a password is hashed ") + detail::must_not_wait +
              "; make the handler aft::blocking");
}

}  // namespace

std::string hash_password(std::string_view password, password_cost cost) {
  refuse_on_a_loop();
  random_bytes(1);  // starts the library
  char hash[crypto_pwhash_STRBYTES];
  if (crypto_pwhash_str_alg(hash, password.data(), password.size(), cost.passes, bytes_of(cost),
                            crypto_pwhash_ALG_ARGON2ID13) != 0) {
    throw error("no memory to hash a password, or an impossible cost");
  }
  return hash;
}

bool verify_password(std::string_view hash, std::string_view password) {
  refuse_on_a_loop();
  random_bytes(1);
  if (const auto imported = auth::verify_imported(hash, password)) return *imported;
  const bool known = !hash.empty();
  char terminated[crypto_pwhash_STRBYTES] = {};
  if (hash.size() >= sizeof terminated) return false;
  if (known) std::memcpy(terminated, hash.data(), hash.size());
  else
    std::strcpy(terminated,
                "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$"
                "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
  const bool matches = crypto_pwhash_str_verify(terminated, password.data(), password.size()) == 0;
  return matches && known;
}

bool needs_rehash(std::string_view hash, password_cost cost) {
  char terminated[crypto_pwhash_STRBYTES] = {};
  if (hash.size() >= sizeof terminated) return true;
  std::memcpy(terminated, hash.data(), hash.size());
  return crypto_pwhash_str_needs_rehash(terminated, cost.passes, bytes_of(cost)) != 0;
}

}  // namespace aft

#pragma once
// Signed texts: JSON Web Signatures (RFC 7515) in their compact form.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <aft/auth/jwk.hpp>
#include <aft/ground/result.hpp>

namespace aft {

enum class jws_refusal : std::uint8_t {
  malformed,    // not header.payload.signature, too long, or with "crit", of which we know none
  unknown_key,  // no key of that id, or it is for another algorithm: "none" always is
  wrong_signature,
};

// What was signed.
struct signed_text {
  std::string payload;
  std::string type{};  // the "typ" of the header, as it stands there; empty: none
  std::string key_id{};
};

// "typ" is left out where `type` is empty, and "kid" where the key has none.
std::string sign_text(const signing_key& key, std::string_view payload, std::string_view type = {});

// Checks with that key of the set which the header names by "kid" (all of the algorithm where it
// names none), if it is for the algorithm that the header says. "jwk", "jku", "x5u" and "x5c" of a
// header are never looked at. Any thread.
result<signed_text, jws_refusal> verify_text(std::string_view compact, const jwk_set& keys,
                                             std::size_t max_bytes = 16'384);

}  // namespace aft

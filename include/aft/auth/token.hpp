#pragma once
// Signed tokens: JSON Web Tokens (RFC 7519) of one fixed algorithm.

#include <cstdint>
#include <string>
#include <string_view>

#include <aft/ground/result.hpp>
#include <aft/ground/time.hpp>

namespace aft {

enum class token_refusal : std::uint8_t {
  malformed,  // no token, or not of our kind
  wrong_signature,
  expired,
};

// Signs and checks tokens with HMAC-SHA-256. The algorithm is the signer's, never the token's: a
// token that names another one, or none, is malformed. Const from any thread.
class token_signer {
 public:
  // At least 32 bytes of randomness; throws aft::error for less.
  explicit token_signer(std::string key);

  // A token for a subject (an account's id) until a moment.
  std::string sign(std::string_view subject, time_point issued_at, time_point expires_at) const;

  // The subject of a token that is valid at `now`.
  result<std::string, token_refusal> verify(std::string_view token, time_point now) const;

 private:
  std::string key_;
};

}  // namespace aft

#pragma once
// How tokens that are random enough are stored.

#include <string>
#include <string_view>

#include <aft/ground/digest.hpp>
#include <aft/ground/encoding.hpp>

namespace aft::auth {

// Nobody guesses 256 bits, so a fast hash will do (OWASP ASVS 5, 6.5.2).
inline std::string token_hash(std::string_view token) { return to_base64url(sha256(token)); }

}  // namespace aft::auth

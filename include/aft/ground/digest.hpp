#pragma once
// Hashes and message authentication codes.

#include <string>
#include <string_view>

namespace aft {

// 32 raw bytes.
std::string sha256(std::string_view bytes);

// HMAC-SHA-256 (RFC 2104), 32 raw bytes; a key of any length.
std::string hmac_sha256(std::string_view key, std::string_view bytes);

}  // namespace aft

#pragma once
// Bytes as text: hexadecimal and base64 (RFC 4648).

#include <string>
#include <string_view>

namespace aft {

std::string to_hex(std::string_view bytes);  // lower case
bool from_hex(std::string_view text, std::string& bytes);

// With padding.
std::string to_base64(std::string_view bytes);
// Strict: padding required, no spaces, unused bits zero.
bool from_base64(std::string_view text, std::string& bytes);

// The URL alphabet, without padding, as in tokens.
std::string to_base64url(std::string_view bytes);
bool from_base64url(std::string_view text, std::string& bytes);

}  // namespace aft

#pragma once
// Randomness that nobody can guess, and comparisons that tell nothing by their time.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace aft {

// From the system's cryptographic generator. Any thread.
std::string random_bytes(std::size_t count);
std::uint64_t random_number(std::uint64_t below);  // 0 to below - 1, without bias

// A token of `bytes` random bytes in base64url; 32 bytes are 256 bits.
std::string random_token(std::size_t bytes = 32);

// Takes the same time wherever they differ; different lengths are told at once.
bool equal_in_constant_time(std::string_view a, std::string_view b);

}  // namespace aft

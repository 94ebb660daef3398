#pragma once
// Hashes of passwords that other programs made: bcrypt, and PBKDF2 as Django and passlib write it.

#include <optional>
#include <string_view>

namespace aft::auth {

// Nothing where it is not of such a form. Costs what the hash says, to a bound.
std::optional<bool> verify_imported(std::string_view hash, std::string_view password);

}  // namespace aft::auth

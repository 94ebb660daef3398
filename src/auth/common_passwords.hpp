#pragma once
// The words that common passwords are made of.

#include <cstdint>
#include <iterator>
#include <string_view>

namespace aft::auth {

// Whether a guesser's list of words has it: lower case, without decoration.
bool is_common_word(std::string_view word);

// Whether it is one that many people had in leaks, and no decorated word; in lower case.
bool is_leaked_password(std::string_view password);

}  // namespace aft::auth

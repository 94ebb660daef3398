#pragma once
// Codes on paper, for who has lost the second factor.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <aft/storage/transaction.hpp>

namespace aft {

// Ten codes of 120 bits ("k3mz6q-..."), each good once; those before them are no longer. To be
// shown now: only their SHA-256 is stored.
std::vector<std::string> make_recovery_codes(transaction& tx, std::string_view subject);
// Uses one up; without regard to case, spaces and hyphens.
bool use_recovery_code(transaction& tx, std::string_view subject, std::string_view code);
std::int64_t recovery_codes_left(reader& db, std::string_view subject);

}  // namespace aft

#pragma once
// The tables of refresh tokens, API keys, one-time passwords and the audit log.

#include <vector>

#include <aft/storage/migration.hpp>

namespace aft::auth {

inline constexpr const char* token_line = "aft-tokens";  // of migrations
std::vector<migration> token_migrations();

}  // namespace aft::auth

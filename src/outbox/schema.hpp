#pragma once
// The tables of what goes out.

#include <vector>

#include <aft/storage/migration.hpp>

namespace aft::outbox {

inline constexpr const char* line = "aft_outbox";

std::vector<migration> migrations();

}  // namespace aft::outbox

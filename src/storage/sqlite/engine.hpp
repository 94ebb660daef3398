#pragma once
// A database in one SQLite file.

#include <memory>
#include <string>

#include <aft/storage/database.hpp>

#include "../engine.hpp"

namespace aft::storage {

// `whose` is what the writer's thread serves, see detail::serving. Throws storage_error.
std::unique_ptr<engine> open_sqlite(const std::string& url, const storage_options& options,
                                    const logger& log, const clock& time, const void* whose);

}  // namespace aft::storage

#pragma once
// A database of a PostgreSQL server.

#include <memory>
#include <string>
#include <string_view>

#include <aft/storage/database.hpp>

#include "../engine.hpp"

namespace aft::storage {

bool is_postgres(std::string_view url);

// `whose` is what the threads of transactions serve, see detail::serving. Throws storage_error.
std::unique_ptr<engine> open_postgres(const std::string& url, const storage_options& options,
                                      const logger& log, const clock& time, const void* whose);

}  // namespace aft::storage

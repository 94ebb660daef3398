#pragma once
// One text of a schema for both engines.

#include <string>
#include <string_view>

#include <aft/storage/migration.hpp>

#include "connection.hpp"

namespace aft::storage {

// Puts the words of aft/storage/migration.hpp into those of the engine; all else stays as it is.
// PostgreSQL, which keeps no comments, gets them as "comment on".
std::string in_words_of(engine_kind engine, std::string_view script);

// What the program says for this engine, and what is run of that.
const std::string& source_of(const migration& step, engine_kind engine);
std::string sql_of(const migration& step, engine_kind engine);

}  // namespace aft::storage

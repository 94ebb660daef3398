#pragma once
// The values of one statement, as SQLite takes them.

#include "../connection.hpp"

struct sqlite3_stmt;

namespace aft::storage::sqlite {

// The nth one, from 1. The value must stay until the statement is reset. Throws storage_error for
// one that SQLite has no room for.
void bind(sqlite3_stmt* statement, int nth, const detail::parameter& value);

}  // namespace aft::storage::sqlite

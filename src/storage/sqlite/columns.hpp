#pragma once
// Values of rows, into fields.

#include "../row_plan.hpp"

struct sqlite3_stmt;

namespace aft::storage::sqlite {

// Of the row that the statement stands at. Throws storage_error that names the column where the
// value does not fit.
void read_column(sqlite3_stmt* statement, const planned_column& column, void* value);

}  // namespace aft::storage::sqlite

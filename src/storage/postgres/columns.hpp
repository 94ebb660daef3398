#pragma once
// Values of results, into fields.

#include <cstddef>
#include <vector>

#include <aft/storage/reader.hpp>

#include "../row_plan.hpp"
#include "libpq.hpp"

namespace aft::storage::postgres {

// Whether a value of this type is understood in its binary form. libpq asks for all columns of a
// result in one form, so one type that is not makes the others text, too.
bool is_read_in_binary(Oid type);

// Throws storage_error that names the column where the value does not fit.
void read_column(const PGresult* rows, int row, const planned_column& column, void* value);
void read_row(const PGresult* rows, int row, const std::vector<planned_column>& plan, void* to);

// Gives them to a target; returns how many it took.
std::size_t read_rows(const PGresult* rows, const std::vector<planned_column>& plan,
                      const row_target& to);

}  // namespace aft::storage::postgres

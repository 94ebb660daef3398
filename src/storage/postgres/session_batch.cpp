// One statement for many rows, in few round trips.

#include <algorithm>
#include <cstddef>
#include <numeric>

#include "session_calls.hpp"

namespace aft::storage::postgres {
namespace {

constexpr std::size_t rows_at_once = 1000;
constexpr std::size_t bytes_at_once = 1u << 20;  // of their values, about

std::string name_of_row(std::size_t row, std::string_view text) {
  return fmt::format("row {} of: {}", row + 1, text);
}

// The same, with the row that it is of.
[[noreturn]] void refuse_row(const std::exception_ptr& why, std::size_t row,
                             std::string_view text) {
  try {
    std::rethrow_exception(why);
  } catch (const storage_error& e) {
    throw storage_error(e.fault(), fmt::format("{} (in: {})", e.what(), name_of_row(row, text)));
  }
}

}  // namespace

std::int64_t session::execute_each(std::string_view text, const row_source& rows) {
  std::int64_t changed = 0;
  for (std::size_t at = 0; at < rows.count;) {
    at = run_batch(text, rows, at, std::min(rows.count, at + rows_at_once), changed);
  }
  return changed;
}

// Returns the row that comes next.
std::size_t session::run_batch(std::string_view text, const row_source& rows, std::size_t first,
                               std::size_t last, std::int64_t& changed) {
  std::vector<detail::parameter> values;
  std::exception_ptr refused;  // by us: what the row holds does not fit
  std::size_t end = first;
  rows.bind(first, values);
  succeeded_ = 0;
  try {
    changed += with_statement(text, values, [&](statement& s) {
      const auto send_rows = [&] {
        std::size_t bytes = 0;
        refused = nullptr;
        for (end = first; end < last && bytes < bytes_at_once; ++end) {
          rows.bind(end, values);
          try {
            const auto& p = parameters_for(s, values);
            bytes += std::accumulate(p.lengths(), p.lengths() + p.count(), std::size_t(0));
          } catch (...) {
            refused = std::current_exception();
            break;
          }
          send_prepared(s);
        }
        return end - first;
      };
      std::int64_t counted = 0;
      exchange_all(
          send_rows, [&](std::size_t, result&& done) { counted += changed_by(done.get()); },
          [&](std::size_t i) { return name_of_row(first + i, text); });
      return counted;
    });
  } catch (const storage_error&) {
    rewrite_before_failure(text, rows, first);
    throw;
  }
  if (refused) refuse_row(refused, end, text);
  return end;
}

// A row that fails takes those with it that went in the same round trip. They are written again,
// which costs less than a savepoint for each where all is well.
void session::rewrite_before_failure(std::string_view text, const row_source& rows,
                                     std::size_t first) {
  const auto lost = std::exchange(succeeded_, 0);
  if (!lost || state_ == state::failed) return;
  try {
    std::int64_t changed = 0;
    run_batch(text, rows, first, first + lost, changed);
  } catch (...) {
    state_ = state::failed;
    failure_ = std::current_exception();
    throw;
  }
}

}  // namespace aft::storage::postgres

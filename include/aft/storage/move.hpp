#pragma once
// Moves up: from SQLite to PostgreSQL.

#include <cstdint>
#include <string>
#include <vector>

#include <aft/ground/function.hpp>
#include <aft/ground/time.hpp>
#include <aft/storage/database.hpp>

namespace aft {

// How the rows of a table got where they are.
enum class move_way : std::uint8_t {
  copied,     // all in this call
  continued,  // behind those that an earlier call, which did not end, had copied
  anew,       // an earlier call had begun it, and what it had copied was dropped
  found,      // an earlier call had copied all of it
};

struct moved_table {
  std::string table;
  move_way way = move_way::copied;
  std::int64_t rows = 0;
  std::int64_t differences = 0;  // rows written or removed because the source changed meanwhile
  std::string hash{};            // of all rows, hexadecimal; the same on both sides
};

struct moved {
  time_point as_of;                     // by the source's clock
  std::vector<moved_table> tables{};    // by name
  std::vector<std::string> left_out{};  // virtual tables, such as those of a text_index
};

struct move_options {
  // Called once, on this thread, when all has been copied but what was written meanwhile: ends what
  // writes the source. Not needed where nothing writes it.
  function<void()> stop_writes{};
  // Called when a table was copied, before differences were looked for; what it throws ends the
  // move, which the next call goes on with.
  function<void(const moved_table&)> copied{};
};

// Copies the rows of `from`, a SQLite database, to `to`, a PostgreSQL database that the same
// migrations have been applied to and that has no rows yet. app::move_to does all of it.
//
// The rows of a database with a key (storage_options::key) are not encrypted in `to`. What SQLite
// sorts of them to compare tables without an integer key is kept in memory.
//
// `from` may be read and written while all of it is copied, but its log grows. Then writing it has
// to end: differences are looked for and carried over, which reads both sides once. When this
// returns, each table of `to` is as it was in `from` at `as_of`, by number and hash of its rows,
// and nothing has been written since. Where something was, storage_error, busy, is thrown: stop
// what writes, and call again.
//
// A call that did not end, for whatever reason, is gone on with by the next, from the same file;
// until then app::prepare refuses the target. Foreign keys and triggers of the target are off
// meanwhile; the keys are checked at the end. Identities go on behind the largest key, or where
// AUTOINCREMENT was. Memory is constant but for the largest row. On this thread.
//
// Throws configuration_error where the target has rows of its own or another schema, and says so
// where they came by a move from the same file that has ended; busy, where another mover works; and
// storage_error, statement or constraint, that names the table, row and column where a row does not
// fit.
moved move(database& from, database& to, const move_options& options = {});

}  // namespace aft

#pragma once
// The care of a database: whether it is sound, and how much is deleted at once.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <aft/storage/database.hpp>

namespace aft {

enum class flaw_kind : std::uint8_t {
  corrupt,  // the database itself: pages, indexes, values against the rules of their columns
  orphan,   // a row that refers to one that is not there
};

struct flaw {
  flaw_kind kind = flaw_kind::corrupt;
  std::string table{};                // empty where it is not known
  std::optional<std::int64_t> row{};  // SQLite's rowid, which an integer primary key is
  std::string detail{};               // one sentence
};

// Reads the whole database and gives what is wrong with it, at most `most` of each kind; empty: it
// is sound. As long as it takes on this thread, hindering neither readers nor writers. SQLite's
// integrity_check and foreign_key_check. PostgreSQL enforces what it knows, so there it is what the
// server has on record as not enforced, in the current schema: indexes that are not valid, and
// foreign keys that were never validated, or whose triggers are off, where rows break them, with
// their number. Its files are not read; amcheck and pg_checksums are for that.
std::vector<flaw> check(database& db, std::size_t most = 100);

struct erase_options {
  std::string key = "id";  // what names a row and has an index: the primary key. Never NULL
  duration longest = milliseconds(20);  // what one transaction should take, without its commit
};

// Deletes all rows of the table for which the condition holds. A reader finds them: by an index of
// the condition, or where there is none it goes through the whole table by its key, in portions of
// some 50 ms. Then they are deleted by their keys, where the condition still holds, in many
// transactions of low priority, each as small as `longest` asks for, as far as the last ones tell,
// so that other writes wait for no more than one of them. What cascades counts with the row that it
// hangs on. Rows that come meanwhile, or meet the condition only then, may be deleted, too. The
// number of rows. May be stopped and begun again at any time. Where others are in the way of many
// rows it goes on with fewer; of a single one, it throws storage_error, busy (PostgreSQL, see
// storage_options::max_attempts). Where none may wait it throws storage_error, misuse.
//   aft::erase_in_chunks(app.db(), "event", aft::sql_text("at < $1", month_ago));
std::int64_t erase_in_chunks(database& db, std::string_view table, const sql_text& condition,
                             const erase_options& options = {});

}  // namespace aft

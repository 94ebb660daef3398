#pragma once
// The index of a SQLite database's log, in memory that its processes share.

#include <cstddef>
#include <cstdint>

struct sqlite3_file;

namespace aft::storage::sqlite {

// The head of the index, which every commit of any process changes when it can be seen, and nothing
// else. As many numbers as log_head_size, for as long as the connection is open. Null where there
// is no log yet. The file is that of the database.
const volatile std::uint64_t* log_head(sqlite3_file* file);
inline constexpr std::size_t log_head_size = 6;

// How much of what was ever written is in the database's file, and not in a log alone.
struct copied_log {
  std::uint64_t salt = 0;    // of the log, another one with each that begins; 0: nothing was in one
  std::uint32_t frames = 0;  // of this log that are in the file

  bool operator==(const copied_log&) const = default;
};

// The format: https://www.sqlite.org/walformat.html, section 2.1.
copied_log read_copied_log(const volatile std::uint64_t* head);

}  // namespace aft::storage::sqlite

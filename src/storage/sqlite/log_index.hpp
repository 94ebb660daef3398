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

// Whether what was read of the index up to now is of that log, and not of one that has begun since.
bool is_still_of(const volatile std::uint64_t* head, std::uint64_t salt);

// Which page is in which frame of the log.
class frame_pages {
 public:
  explicit frame_pages(sqlite3_file* file) : file_(file) {}
  // Of a frame that is in the log, from 1 on; 0: not known. Holds for the log that it is_still_of.
  std::uint32_t of(std::uint32_t frame);

 private:
  sqlite3_file* file_;
  std::uint32_t region_ = ~std::uint32_t(0);
  const volatile std::uint32_t* pages_ = nullptr;  // of that region
};

}  // namespace aft::storage::sqlite

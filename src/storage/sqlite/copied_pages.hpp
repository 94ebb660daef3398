#pragma once
// Which pages of a SQLite database's file have changed, when checkpoints have copied a log there.

#include <array>
#include <cstddef>
#include <cstdint>

#include "log_index.hpp"

struct sqlite3;
struct sqlite3_file;

namespace aft::storage::sqlite {

class page_table;

// Follows what is copied, from each snapshot of a connection to its next one.
//
// The index of the log names the page of each frame, which tells what was copied of one log. When a
// log begins anew, all of the one before it is copied, and its names are gone. That there was no
// more of it than is known, the place of its next frame shows: logs are written over each other,
// and where a frame still lies of a log that was seen before it, it has not come that far.
//
// One thread at a time, that of the connection.
class copied_pages {
 public:
  // Where nothing is known of the pages yet.
  explicit copied_pages(sqlite3* db) : db_(db) {}

  // Has each page forgotten that was copied since the last call; all, where that cannot be told.
  // Nobody holds one. The file is that of the database; `now` was read in this snapshot.
  void forget(page_table& pages, sqlite3_file* file, const volatile std::uint64_t* head,
              const copied_log& now);

 private:
  bool forget_named(page_table& pages, sqlite3_file* file, const volatile std::uint64_t* head,
                    const copied_log& now) const;
  bool has_ended(std::size_t page_size, std::uint64_t next_salt) const;

  sqlite3* db_;
  copied_log last_{};                            // as of the last call
  std::array<std::uint64_t, 64> older_salts_{};  // of logs just before that one; 0: none
  std::size_t next_older_ = 0;                   // where the next one comes
};

}  // namespace aft::storage::sqlite

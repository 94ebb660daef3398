#pragma once
// Pages of a SQLite database that a connection keeps when others commit.

#include <cstddef>
#include <cstdint>
#include <memory>

struct sqlite3;

namespace aft::storage::sqlite {

// SQLite forgets all that a connection has cached with each commit of another one. But a commit
// goes into the log, and the database's file stays as it is until a checkpoint: a page that no
// frame of the log is newer than is the same in every snapshot up to then. Such pages are kept
// here, until a checkpoint of whichever process copies another content of them into the file.
//
// SQLite asks for them as for memory that the file is mapped to (xFetch). They are read into memory
// of our own, so that a disk that fails, or a file that somebody cuts, gives an error and not a
// signal. For each page it looks into the index of the log first, which takes longer where a reader
// or a backup keeps the log from being copied.
//
// One thread at a time, that of the connection.
class kept_pages {
 public:
  // Of a connection that only reads, without a key, as SQLite3MultipleCiphers knows its files by
  // their methods; so many bytes at most.
  kept_pages(sqlite3* db, std::size_t bytes);
  kept_pages(const kept_pages&) = delete;
  kept_pages& operator=(const kept_pages&) = delete;
  ~kept_pages();       // after the connection was closed
  bool works() const;  // false: nothing is kept, as this SQLite does not ask for pages

 private:
  struct inside;
  std::unique_ptr<inside> inside_;
};

}  // namespace aft::storage::sqlite

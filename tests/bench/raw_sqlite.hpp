#pragma once
// SQLite through its C API, with nothing in between: what the library is measured against.

#include <cstdint>
#include <string>

struct sqlite3;
struct sqlite3_stmt;

namespace bench {

// One connection, set up as the library sets up its own: WAL, synchronous FULL, 64 MiB of cache.
// Faults throw std::runtime_error. One thread at a time.
class raw_connection {
 public:
  explicit raw_connection(const std::string& file);
  raw_connection(const raw_connection&) = delete;
  raw_connection& operator=(const raw_connection&) = delete;
  ~raw_connection();

  void run(const char* script);
  std::int64_t last_row_id() const;
  sqlite3* handle() const { return db_; }

 private:
  sqlite3* db_ = nullptr;
};

// A statement that is prepared once. Must not outlive its connection.
class raw_statement {
 public:
  raw_statement(raw_connection& connection, const char* text);
  raw_statement(const raw_statement&) = delete;
  raw_statement& operator=(const raw_statement&) = delete;
  ~raw_statement();

  sqlite3_stmt* handle() const { return statement_; }
  bool step();  // whether there is a row
  void reset();
  void run();  // to its end, and ready for the next

 private:
  sqlite3_stmt* statement_ = nullptr;
};

}  // namespace bench

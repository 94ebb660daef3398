#include "raw_sqlite.hpp"

#include <sqlite3.h>

#include <stdexcept>

namespace bench {
namespace {

[[noreturn]] void fail(sqlite3* db) {
  throw std::runtime_error(std::string("SQLite: ") + (db ? sqlite3_errmsg(db) : "no memory"));
}

}  // namespace

raw_connection::raw_connection(const std::string& file) {
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  if (sqlite3_open_v2(file.c_str(), &db_, flags, nullptr) != SQLITE_OK) fail(db_);
  sqlite3_busy_timeout(db_, 10'000);
  run("pragma journal_mode=wal; pragma synchronous=full; pragma foreign_keys=on;"
      "pragma secure_delete=off; pragma cache_size=-65536;");
}

raw_connection::~raw_connection() { sqlite3_close_v2(db_); }

void raw_connection::run(const char* script) {
  if (sqlite3_exec(db_, script, nullptr, nullptr, nullptr) != SQLITE_OK) fail(db_);
}

std::int64_t raw_connection::last_row_id() const { return sqlite3_last_insert_rowid(db_); }

raw_statement::raw_statement(raw_connection& connection, const char* text) {
  const int code = sqlite3_prepare_v3(connection.handle(), text, -1, SQLITE_PREPARE_PERSISTENT,
                                      &statement_, nullptr);
  if (code != SQLITE_OK) fail(connection.handle());
}

raw_statement::~raw_statement() { sqlite3_finalize(statement_); }

bool raw_statement::step() {
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code != SQLITE_DONE) fail(sqlite3_db_handle(statement_));
  return false;
}

void raw_statement::reset() { sqlite3_reset(statement_); }

void raw_statement::run() {
  step();
  reset();
}

}  // namespace bench

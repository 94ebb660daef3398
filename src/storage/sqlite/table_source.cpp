#include "table_source.hpp"

#include <sqlite3.h>

#include <fmt/format.h>

#include <aft/storage/errors.hpp>

#include "raw_file.hpp"
#include "unlock.hpp"

namespace aft::storage {

table_source::table_source(const std::string& file, const secret& key) {
  const int code =
      sqlite3_open_v2(file.c_str(), &db_,
                      SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nullptr);
  if (code != SQLITE_OK) {
    const std::string why = db_ ? sqlite3_errmsg(db_) : "no memory";
    sqlite3_close(db_);
    throw storage_error(storage_fault::io, fmt::format("cannot open {}: {}", file, why));
  }
  sqlite3_busy_timeout(db_, 10'000);
  sqlite3_db_config(db_, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  // One connection of the process writes and checkpoints.
  sqlite3_db_config(db_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  if (key.empty()) return;
  try {
    say_key(db_, key);
    check_key(db_);
    row_cursor(*this, "pragma temp_store=memory").next();  // no row in a file without a key
  } catch (...) {
    sqlite3_close(db_);
    throw;
  }
}

table_source::~table_source() { sqlite3_close(db_); }

void table_source::fail(std::string_view sql) {
  const int code = sqlite3_errcode(db_);
  const auto fault = code == SQLITE_CORRUPT || code == SQLITE_NOTADB ? storage_fault::corrupt
                     : code == SQLITE_BUSY                           ? storage_fault::busy
                     : code == SQLITE_ERROR                          ? storage_fault::statement
                                                                     : storage_fault::io;
  throw storage_error(fault, fmt::format("{} (in: {})", sqlite3_errmsg(db_), sql));
}

void table_source::begin() {
  row_cursor(*this, "begin").next();
  row_cursor(*this, "select count(*) from sqlite_schema").next();  // the view is of now
}

void table_source::end() {
  if (!sqlite3_get_autocommit(db_)) row_cursor(*this, "commit").next();
}

std::int64_t table_source::version() {
  row_cursor rows(*this, "pragma data_version");
  rows.next();
  return rows.at(0).integer;
}

std::vector<std::vector<std::string>> table_source::texts(const std::string& sql,
                                                          const std::string& value) {
  row_cursor rows(*this, sql);
  if (!value.empty()) rows.bind(1, value);
  std::vector<std::vector<std::string>> all;
  while (rows.next()) {
    auto& row = all.emplace_back();
    for (int i = 0; i < sqlite3_column_count(rows.statement_); ++i) {
      const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(rows.statement_, i));
      row.emplace_back(text ? text : "");
    }
  }
  return all;
}

namespace {

std::vector<std::string> first_of(std::vector<std::vector<std::string>>&& rows) {
  std::vector<std::string> all;
  for (auto& row : rows) all.push_back(std::move(row[0]));
  return all;
}

}  // namespace

std::vector<std::string> table_source::tables() {
  return first_of(
      texts("select name from pragma_table_list where schema = 'main' and type = 'table' "
            "and name not like 'sqlite\\_%' escape '\\' order by name",
            ""));
}

std::vector<std::string> table_source::virtual_tables() {
  return first_of(texts(
      "select name from pragma_table_list where schema = 'main' and type = 'virtual' order by name",
      ""));
}

std::vector<std::string> table_source::columns(const std::string& table) {
  return first_of(
      texts("select name from pragma_table_xinfo($1) where hidden = 0 order by cid", table));
}

std::string table_source::integer_key(const std::string& table) {
  const auto keys = texts("select name, type from pragma_table_xinfo($1) where pk > 0", table);
  if (keys.size() != 1 || sqlite3_stricmp(keys[0][1].c_str(), "integer") != 0) return {};
  const auto has_rowid = texts(
      "select 1 from pragma_table_list where schema = 'main' and name = $1 and wr = 0", table);
  return has_rowid.empty() ? "" : keys[0][0];
}

std::int64_t table_source::last_key(const std::string& table) {
  if (texts("select 1 from sqlite_schema where name = 'sqlite_sequence'", "").empty()) return 0;
  row_cursor rows(*this, "select seq from sqlite_sequence where name = $1");
  rows.bind(1, table);
  return rows.next() ? rows.at(0).integer : 0;
}

row_cursor::row_cursor(table_source& source, const std::string& sql) : source_(source), sql_(sql) {
  if (sqlite3_prepare_v2(source.db_, sql_.c_str(), -1, &statement_, nullptr) != SQLITE_OK) {
    source.fail(sql_);
  }
}

row_cursor::~row_cursor() { sqlite3_finalize(statement_); }

void row_cursor::bind(int place, std::int64_t value) {
  sqlite3_bind_int64(statement_, place, value);
}

void row_cursor::bind(int place, std::string_view value) {
  sqlite3_bind_text64(statement_, place, value.data(), value.size(), SQLITE_STATIC, SQLITE_UTF8);
}

bool row_cursor::next() {
  if (ended_) return false;  // another step would begin anew
  const int code = sqlite3_step(statement_);
  if (code != SQLITE_ROW && code != SQLITE_DONE) source_.fail(sql_);
  ended_ = code == SQLITE_DONE;
  return !ended_;
}

source_cell row_cursor::at(int column) const {
  source_cell c;
  const auto bytes = [&](const void* at) {
    const auto size = std::size_t(sqlite3_column_bytes(statement_, column));
    return std::string_view(size ? static_cast<const char*>(at) : "", size);
  };
  switch (sqlite3_column_type(statement_, column)) {
    case SQLITE_INTEGER:
      c.kind = cell_kind::integer;
      c.integer = sqlite3_column_int64(statement_, column);
      break;
    case SQLITE_FLOAT:
      c.kind = cell_kind::number;
      c.number = sqlite3_column_double(statement_, column);
      break;
    case SQLITE_TEXT: {
      c.kind = cell_kind::text;
      const auto* text = sqlite3_column_text(statement_, column);
      c.bytes = bytes(text);
      break;
    }
    case SQLITE_BLOB: {
      c.kind = cell_kind::blob;
      const auto* blob = sqlite3_column_blob(statement_, column);
      c.bytes = bytes(blob);
      break;
    }
    default: break;
  }
  return c;
}

}  // namespace aft::storage

#include "raw_file.hpp"

#include <sqlite3.h>

#include <algorithm>

#include <fmt/format.h>

#include <aft/ground/error.hpp>
#include <aft/storage/errors.hpp>

#include "../durable_file.hpp"
#include "unlock.hpp"

namespace aft::storage {
namespace {

storage_fault fault_of_raw(int code) {
  switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return storage_fault::busy;
    case SQLITE_FULL: return storage_fault::full;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return storage_fault::corrupt;
    case SQLITE_ERROR: return storage_fault::statement;
    default: return storage_fault::io;
  }
}

}  // namespace

raw_file::raw_file(const std::string& path, raw_access access, const secret& key,
                   duration busy_timeout)
    : path_(path) {
  const int how = access == raw_access::read    ? SQLITE_OPEN_READONLY
                  : access == raw_access::write ? SQLITE_OPEN_READWRITE
                                                : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  if (how & SQLITE_OPEN_CREATE) make_private(path);
  const int code = sqlite3_open_v2(path.c_str(), &db_,
                                   how | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nullptr);
  if (code != SQLITE_OK) {
    const std::string why = db_ ? sqlite3_errmsg(db_) : "no memory";
    sqlite3_close(db_);
    throw storage_error(fault_of_raw(code), fmt::format("cannot open {}: {}", path, why));
  }
  sqlite3_busy_timeout(db_, int(busy_timeout.in_milliseconds()));
  sqlite3_db_config(db_, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  if (access == raw_access::read) {
    leave_log(true);  // one connection of the process writes and checkpoints
  }
  if (key.empty()) return;
  try {
    say_key(db_, key);
    run("pragma temp_store=memory");  // no row of it in a file that is not encrypted
    stored_ = std::make_unique<raw_file>(path, raw_access::read);
  } catch (...) {
    sqlite3_close(db_);
    throw;
  }
}

std::optional<std::string> raw_file::keyed_by() {
  if (!stored_) return {};
  if (!log_shows_its_end(db_)) {
    throw configuration_error(
        "with mc_legacy_wal, the log of a database with a key cannot be copied");
  }
  return name_of_cipher(db_);
}

raw_file::~raw_file() {
  if (locked_) {
    auto* f = file();
    f->pMethods->xUnlock(f, SQLITE_LOCK_NONE);
  }
  sqlite3_close(db_);
}

void raw_file::fail(const std::string& doing) {
  if (stored_ && sqlite3_errcode(db_) == SQLITE_NOTADB) {
    throw storage_error(storage_fault::corrupt,
                        fmt::format("the key does not open the database {}", path_));
  }
  throw storage_error(fault_of_raw(sqlite3_extended_errcode(db_)),
                      fmt::format("{}: {} ({})", path_, sqlite3_errmsg(db_), doing));
}

void raw_file::leave_log(bool leave) {
  sqlite3_db_config(db_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, leave ? 1 : 0, nullptr);
}

void raw_file::run(const std::string& sql) {
  if (sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) fail(sql);
}

std::vector<std::vector<std::string>> raw_file::rows(const std::string& sql) {
  struct owned {
    sqlite3_stmt* s = nullptr;
    ~owned() { sqlite3_finalize(s); }
  } statement;
  if (sqlite3_prepare_v2(db_, sql.c_str(), int(sql.size()), &statement.s, nullptr) != SQLITE_OK) {
    fail(sql);
  }
  std::vector<std::vector<std::string>> all;
  int code;
  while ((code = sqlite3_step(statement.s)) == SQLITE_ROW) {
    auto& row = all.emplace_back();
    for (int i = 0; i < sqlite3_column_count(statement.s); ++i) {
      const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement.s, i));
      row.emplace_back(text ? text : "", std::size_t(sqlite3_column_bytes(statement.s, i)));
    }
  }
  if (code != SQLITE_DONE) fail(sql);
  return all;
}

sqlite3_file* raw_file::file() {
  if (stored_) return stored_->file();
  sqlite3_file* f = nullptr;
  sqlite3_file_control(db_, "main", SQLITE_FCNTL_FILE_POINTER, &f);
  if (!f || !f->pMethods) {
    throw storage_error(storage_fault::io, fmt::format("SQLite has no file for {}", path_));
  }
  return f;
}

std::string raw_file::log_path() const {
  // SQLite follows links; its log lies beside what they lead to.
  return std::string(sqlite3_db_filename(db_, "main")) + "-wal";
}

std::int64_t raw_file::size() {
  sqlite3_int64 size = 0;
  auto* f = file();
  if (f->pMethods->xFileSize(f, &size) != SQLITE_OK) fail("asking for its size");
  return size;
}

std::size_t raw_file::read(char* to, std::size_t size, std::int64_t offset) {
  const auto all = this->size();
  if (offset >= all) return 0;
  const auto some = std::size_t(std::min<std::int64_t>(std::int64_t(size), all - offset));
  auto* f = file();
  const int code = f->pMethods->xRead(f, to, int(some), offset);
  if (code == SQLITE_IOERR_SHORT_READ) return read(to, size, offset);  // it became shorter
  if (code != SQLITE_OK) {
    throw storage_error(storage_fault::io, fmt::format("cannot read {}", path_));
  }
  return some;
}

bool raw_file::lock_out_others() {
  // By SQLite's own file system, which knows of the locks of this process, too. SQLite itself would
  // have to understand the file first, and a broken one is just what is to be replaced.
  auto* f = file();
  if (f->pMethods->xLock(f, SQLITE_LOCK_SHARED) != SQLITE_OK) return false;
  locked_ = f->pMethods->xLock(f, SQLITE_LOCK_EXCLUSIVE) == SQLITE_OK;
  if (!locked_) f->pMethods->xUnlock(f, SQLITE_LOCK_NONE);
  return locked_;
}

std::string quoted_name(const std::string& name) {
  std::string out = "\"";
  for (const char c : name) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + "\"";
}

}  // namespace aft::storage

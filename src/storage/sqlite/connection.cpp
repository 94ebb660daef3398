#include "connection.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <mutex>
#include <thread>

#include <fmt/format.h>

#include "../durable_file.hpp"
#include "columns.hpp"
#include "log_index.hpp"
#include "parameters.hpp"
#include "unlock.hpp"

namespace aft::storage {

struct sqlite_connection::statement {
  std::string_view text;  // of the program, by whose address it is found
  sqlite3_stmt* handle = nullptr;
  const type_info* planned_for = nullptr;
  int planned_columns = 0;
  bool runs = false;
  std::vector<planned_column> plan{};
  ~statement() { sqlite3_finalize(handle); }
};

namespace {

// SQLite counts every allocation under one lock, and hands its page cache back to the allocator
// with each statement that needs a temporary table, unless told otherwise before its first use.
// Where the host has used SQLite already, this changes nothing.
void tune_process() {
  static std::once_flag once;
  std::call_once(once, [] {
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    sqlite3_config(SQLITE_CONFIG_PAGECACHE, nullptr, 0, 0);
  });
}

storage_fault fault_of(int code) {
  switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return storage_fault::busy;
    case SQLITE_FULL: return storage_fault::full;
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM: return storage_fault::io;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return storage_fault::corrupt;
    case SQLITE_ERROR:
    case SQLITE_MISMATCH:
    case SQLITE_RANGE:
    case SQLITE_TOOBIG: return storage_fault::statement;
    default: return storage_fault::other;
  }
}

constraint_kind constraint_of(int extended) {
  switch (extended) {
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_ROWID: return constraint_kind::unique;
    case SQLITE_CONSTRAINT_FOREIGNKEY: return constraint_kind::foreign_key;
    case SQLITE_CONSTRAINT_NOTNULL: return constraint_kind::not_null;
    case SQLITE_CONSTRAINT_CHECK: return constraint_kind::check;
    default: return constraint_kind::other;
  }
}

// SQLite's own numbered parameters are ?1; here they are $1, as in PostgreSQL.
std::string with_question_marks(std::string_view text) {
  std::string out(text);
  char quote = 0;
  for (std::size_t i = 0; i + 1 < out.size(); ++i) {
    const char c = out[i], next = out[i + 1];
    if (quote) {
      if (c == quote) quote = 0;
    } else if (c == '\'' || c == '"') {
      quote = c;
    } else if (c == '-' && next == '-') {
      i = std::min(out.find('\n', i), out.size());
    } else if (c == '/' && next == '*') {
      const auto end = out.find("*/", i + 2);
      i = end == out.npos ? out.size() : end + 1;
    } else if (c == '$' && next >= '0' && next <= '9') {
      out[i] = '?';
    }
  }
  return out;
}

bool is_blank(std::string_view rest) {
  for (std::size_t i = 0; i < rest.size(); ++i) {
    if (rest.substr(i, 2) == "--") i = std::min(rest.find('\n', i), rest.size());
    else if (std::string_view(" \t\r\n;").find(rest[i]) == rest.npos) return false;
  }
  return true;
}

constexpr int steps_between_looks = 2000;  // of SQLite's machine, some ten microseconds

}  // namespace

// A statement from its first step to its reset. Others may run meanwhile.
class sqlite_connection::running {
 public:
  running(sqlite_connection& c, statement& s)
      : connection_(c), s_(s), only_reads_before_(c.only_reads_) {
    s.runs = true;
    c.only_reads_ = sqlite3_stmt_readonly(s.handle);
    if (!c.only_reads_) {
      ++c.changes_begun_;
      changes_before_ = sqlite3_total_changes64(c.db_);
    }
  }
  running(const running&) = delete;
  running& operator=(const running&) = delete;
  ~running() {
    sqlite3_reset(s_.handle);
    s_.runs = false;
    connection_.only_reads_ = only_reads_before_;
  }

  std::string_view text() const { return s_.text; }
  std::int64_t changes_before() const { return changes_before_; }
  // A constraint undoes its statement, unless that was told to keep the rows before.
  void note_failure(int code) {
    if ((code & 0xff) != SQLITE_CONSTRAINT || connection_.only_reads_) return;
    if (sqlite3_total_changes64(connection_.db_) == changes_before_) --connection_.changes_begun_;
  }

 private:
  sqlite_connection& connection_;
  statement& s_;
  const bool only_reads_before_;
  std::int64_t changes_before_ = 0;
};

sqlite_connection::sqlite_connection(const std::string& file, sqlite_access access, bool durable,
                                     duration busy_timeout, std::size_t cache_bytes,
                                     const secret& key)
    : table_(64) {
  tune_process();
  if (access == sqlite_access::write && !file.starts_with(':')) make_private(file);
  const int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
                    (access == sqlite_access::write ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
                                                    : SQLITE_OPEN_READONLY);
  const int opened = sqlite3_open_v2(file.c_str(), &db_, flags, nullptr);
  try {
    if (opened != SQLITE_OK) {
      throw storage_error(fault_of(opened), fmt::format("cannot open the database {}: {}", file,
                                                        db_ ? sqlite3_errmsg(db_) : "no memory"));
    }
    sqlite3_busy_timeout(db_, int(busy_timeout.in_milliseconds()));
    say_key(db_, key);
    if (!key.empty()) check_key(db_);
    sqlite3_progress_handler(
        db_, steps_between_looks,
        [](void* self) {
          const auto& c = *static_cast<const sqlite_connection*>(self);
          return int((c.only_reads_ || c.is_shared_) && c.limit.is_over());
        },
        this);
    sqlite3_db_config(db_, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    sqlite3_db_config(db_, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
    sqlite3_db_config(db_, SQLITE_DBCONFIG_DQS_DML, 0, nullptr);
    sqlite3_db_config(db_, SQLITE_DBCONFIG_DQS_DDL, 0, nullptr);
    if (access == sqlite_access::write) {
      begin_log(busy_timeout);
      require_its_name(file);
      run_script(durable ? "pragma synchronous=full" : "pragma synchronous=normal");
      sqlite3_wal_hook(
          db_,
          [](void* self, sqlite3*, const char*, int pages) {
            static_cast<sqlite_connection*>(self)->wal_pages_ = pages;
            return SQLITE_OK;
          },
          this);
    } else {
      // One connection of the process writes and checkpoints, never a reader, not even the last.
      sqlite3_db_config(db_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
    }
    run_script(
        fmt::format("pragma foreign_keys=on; pragma secure_delete=off; pragma mmap_size=0; "
                    "pragma temp_store=memory; pragma cache_size=-{};",
                    cache_bytes / 1024));
  } catch (...) {
    sqlite3_close(db_);
    throw;
  }
}

// Where several processes make the same file at once, SQLite fails without waiting for the others,
// because it sees that two of them could wait for each other.
void sqlite_connection::begin_log(duration busy_timeout) {
  using steady = std::chrono::steady_clock;
  const auto end = steady::now() + std::chrono::microseconds(busy_timeout.in_microseconds());
  while (true) {
    try {
      return run_script("pragma journal_mode=wal");
    } catch (const storage_error& e) {
      if (e.fault() != storage_fault::busy || steady::now() >= end) throw;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

// A restore may have put another one there while this waited for the file.
void sqlite_connection::require_its_name(const std::string& file) {
  int moved = 0;
  sqlite3_file_control(db_, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
  if (!moved) return;
  throw storage_error(
      storage_fault::busy,
      fmt::format("the database {} was replaced while it was opened; open it again", file));
}

sqlite_connection::~sqlite_connection() {
  statements_.clear();
  sqlite3_close(db_);
}

void sqlite_connection::fail(int code, std::string_view text) {
  if ((code & 0xff) == SQLITE_INTERRUPT && limit.is_over()) fail_over(text);
  const std::string message = sqlite3_errmsg(db_);
  const auto what = fmt::format("{} (in: {})", message, text);
  if ((code & 0xff) == SQLITE_CONSTRAINT) throw constraint_error(constraint_of(code), what);
  throw storage_error(fault_of(code), what);
}

void sqlite_connection::run_script(const std::string& text) {
  const int code = sqlite3_exec(db_, text.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) fail(sqlite3_extended_errcode(db_), text.substr(0, 500));
}

namespace {

std::size_t place_of(std::string_view text) {
  return std::hash<const char*>()(text.data()) * 0x9E3779B97F4A7C15u >> 32;
}

}  // namespace

void sqlite_connection::make_table(std::size_t size) {
  table_.assign(size, nullptr);
  for (const auto& s : statements_) {
    auto i = place_of(s->text);
    while (table_[i & (size - 1)]) ++i;
    table_[i & (size - 1)] = s.get();
  }
}

sqlite_connection::statement& sqlite_connection::prepare(std::string_view text) {
  auto i = place_of(text);
  for (;; ++i) {
    auto* s = table_[i & (table_.size() - 1)];
    if (!s) break;
    // One that runs is left alone: a text that is asked again while its rows are read is prepared
    // once more.
    if (s->text.data() == text.data() && s->text.size() == text.size() && !s->runs) return *s;
  }
  auto fresh = std::make_unique<statement>();
  fresh->text = text;
  const auto translated = with_question_marks(text);
  const char* rest = nullptr;
  const int code = sqlite3_prepare_v3(db_, translated.data(), int(translated.size()),
                                      SQLITE_PREPARE_PERSISTENT, &fresh->handle, &rest);
  if (code != SQLITE_OK) fail(code, text);
  if (!fresh->handle ||
      !is_blank({rest, std::size_t(translated.data() + translated.size() - rest)})) {
    throw storage_error(storage_fault::statement,
                        fmt::format("one statement at a time (in: {})", text));
  }
  table_[i & (table_.size() - 1)] = fresh.get();
  statements_.push_back(std::move(fresh));
  auto* s = statements_.back().get();
  if (statements_.size() * 2 > table_.size()) make_table(table_.size() * 2);
  return *s;
}

bool sqlite_connection::forget(std::string_view text) {
  auto of_the_text = [&](const auto& s) { return s->text.data() == text.data(); };
  for (const auto& s : statements_) {
    if (of_the_text(s) && s->runs) return false;
  }
  if (std::erase_if(statements_, of_the_text)) make_table(table_.size());
  return true;
}

// While it is not reset: SQLite says what failed for so long.
void sqlite_connection::fail_running(running& r, int code) {
  r.note_failure(code);
  try {
    fail(code, r.text());
  } catch (...) {
    if (is_shared_ && !undone_ && !in_transaction()) undone_ = std::current_exception();
    throw;
  }
}

sqlite_connection::statement& sqlite_connection::prepared(
    std::string_view text, std::span<const detail::parameter> values) {
  if (undone_) {
    throw storage_error(
        storage_fault::other,
        fmt::format("the transaction was undone by a statement of it that failed (in: {})", text));
  }
  if (limit.is_over()) fail_over(text);
  auto& s = prepare(text);
  for (std::size_t i = 0; i < values.size(); ++i) {
    sqlite::bind(s.handle, int(i + 1), values[i]);
  }
  return s;
}

void sqlite_connection::plan_rows(statement& s, const type_info& type) {
  std::vector<std::string> names;
  const int count = sqlite3_column_count(s.handle);
  for (int i = 0; i < count; ++i) names.emplace_back(sqlite3_column_name(s.handle, i));
  if (!count) {
    throw storage_error(storage_fault::statement,
                        fmt::format("a statement that gives no rows (in: {})", s.text));
  }
  try {
    s.plan = plan_columns(type, names);
  } catch (const storage_error& e) {
    throw storage_error(e.fault(), fmt::format("{} (in: {})", e.what(), s.text));
  }
  s.planned_for = &type;
  s.planned_columns = count;
}

void sqlite_connection::fill_row(statement& s, const type_info&, void* row) {
  for (const auto& column : s.plan) {
    sqlite::read_column(s.handle, column, static_cast<char*>(row) + column.offset);
  }
}

std::size_t sqlite_connection::query(std::string_view text,
                                     std::span<const detail::parameter> values,
                                     const row_target& rows) {
  auto& s = prepared(text, values);
  running until_reset(*this, s);
  std::size_t count = 0;
  int code;
  while ((code = sqlite3_step(s.handle)) == SQLITE_ROW) {
    if (s.planned_for != &rows.type || s.planned_columns != sqlite3_column_count(s.handle)) {
      plan_rows(s, rows.type);
    }
    void* row = rows.add(rows.rows);
    if (row) fill_row(s, rows.type, row), ++count;
    const bool enough = rows.first_only || !row;
    if (enough && sqlite3_stmt_readonly(s.handle)) return count;
    if (enough) {  // a statement that writes runs to its end
      while ((code = sqlite3_step(s.handle)) == SQLITE_ROW) {}
      break;
    }
  }
  if (code != SQLITE_DONE) {
    fail_running(until_reset, code);
  }
  if (!count && s.planned_for != &rows.type) plan_rows(s, rows.type);  // a wrong query is wrong now
  return count;
}

std::int64_t sqlite_connection::execute(std::string_view text,
                                        std::span<const detail::parameter> values) {
  auto& s = prepared(text, values);
  running until_reset(*this, s);
  int code;
  while ((code = sqlite3_step(s.handle)) == SQLITE_ROW) {}
  if (code != SQLITE_DONE) {
    fail_running(until_reset, code);
  }
  if (only_reads_ || sqlite3_total_changes64(db_) == until_reset.changes_before()) return 0;
  return sqlite3_changes64(db_);
}

std::string sqlite_connection::explain(std::string_view text) {
  statement asked;  // not kept
  const auto translated = "explain query plan " + with_question_marks(text);
  sqlite3_prepare_v2(db_, translated.data(), int(translated.size()), &asked.handle, nullptr);
  std::string plan;
  std::map<int, std::size_t> depths;  // of the steps, by their ids
  while (asked.handle && sqlite3_step(asked.handle) == SQLITE_ROW) {
    const auto around = depths.find(sqlite3_column_int(asked.handle, 1));
    const auto depth = around == depths.end() ? 0 : around->second + 1;
    depths[sqlite3_column_int(asked.handle, 0)] = depth;
    const auto* step = reinterpret_cast<const char*>(sqlite3_column_text(asked.handle, 3));
    plan += fmt::format("{}{:{}}{}", plan.empty() ? "" : "\n", "", depth * 2, step ? step : "");
  }
  return plan;
}

bool sqlite_connection::in_transaction() const { return !sqlite3_get_autocommit(db_); }

void sqlite_connection::begin_shared() {
  end_shared();
  run("begin immediate");
  is_shared_ = true;
}

// "pragma foreign_keys" does nothing inside a transaction, as SQLite counts the keys that are still
// to be met only while they are on. Where there are none, the count is right before and after.
void sqlite_connection::enforce(foreign_keys keys) {
  if (keys == foreign_keys::off && has_unmet_foreign_keys()) {
    throw constraint_error(constraint_kind::foreign_key,
                           "rows that were written before refer to rows that do not exist");
  }
  const int wanted = keys == foreign_keys::on;
  int found = -1;
  sqlite3_db_config(db_, SQLITE_DBCONFIG_ENABLE_FKEY, wanted, &found);
  if (found == wanted) return;
  throw storage_error(storage_fault::statement, "SQLite does not switch foreign keys on or off");
}

bool sqlite_connection::has_unmet_foreign_keys() const {
  int unmet = 0, highest = 0;
  sqlite3_db_status(db_, SQLITE_DBSTATUS_DEFERRED_FKS, &unmet, &highest, 0);
  return unmet != 0;
}

bool sqlite_connection::checkpoint() {
  int in_log = 0, copied = 0;
  return sqlite3_wal_checkpoint_v2(db_, nullptr, SQLITE_CHECKPOINT_PASSIVE, &in_log, &copied) ==
             SQLITE_OK &&
         copied == in_log;
}

void sqlite_connection::keep_pages(std::size_t cache_bytes) {
  if (kept_pages_) return;
  const auto of_the_log = cache_bytes / 4;
  kept_pages_.emplace(db_, cache_bytes - of_the_log);
  if (kept_pages_->works()) run_script(fmt::format("pragma cache_size=-{}", of_the_log / 1024));
}

const volatile std::uint64_t* sqlite_connection::log_head() {
  sqlite3_file* file = nullptr;
  sqlite3_file_control(db_, "main", SQLITE_FCNTL_FILE_POINTER, &file);
  return sqlite::log_head(file);
}

// The log's file with one of its methods exchanged. The first member, as SQLite hands back a
// pointer to that.
struct sqlite_connection::watched_syncs {
  sqlite3_io_methods methods;
  const sqlite3_io_methods* own;  // those of the file
  std::chrono::nanoseconds spent{};

  static int sync(sqlite3_file* file, int flags) {
    auto& self =
        *const_cast<watched_syncs*>(reinterpret_cast<const watched_syncs*>(file->pMethods));
    const auto began = std::chrono::steady_clock::now();
    const int code = self.own->xSync(file, flags);
    self.spent += std::chrono::steady_clock::now() - began;
    return code;
  }
};

void sqlite_connection::watch_syncs() {
  if (syncs_) return;
  sqlite3_file* log = nullptr;
  sqlite3_file_control(db_, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);
  if (!log || !log->pMethods) return;
  syncs_ = std::make_unique<watched_syncs>();
  syncs_->own = log->pMethods;
  syncs_->methods = *log->pMethods;
  syncs_->methods.xSync = &watched_syncs::sync;
  log->pMethods = &syncs_->methods;
}

std::chrono::nanoseconds sqlite_connection::sync_time() const {
  return syncs_ ? syncs_->spent : std::chrono::nanoseconds();
}

}  // namespace aft::storage

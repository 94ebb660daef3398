#pragma once
// One connection to one SQLite file.

#include <chrono>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <aft/ground/secret.hpp>
#include <aft/ground/time.hpp>

#include "../connection.hpp"
#include "../row_plan.hpp"
#include "kept_pages.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace aft::storage {

enum class sqlite_access { read, write };

class sqlite_connection : public schema_connection {
 public:
  // Throws storage_error.
  sqlite_connection(const std::string& file, sqlite_access access, bool durable,
                    duration busy_timeout, std::size_t cache_bytes, const secret& key = {});
  ~sqlite_connection() override;

  std::size_t query(std::string_view text, std::span<const detail::parameter> values,
                    const row_target& rows) override;
  std::int64_t execute(std::string_view text, std::span<const detail::parameter> values) override;
  void run_savepoint(const char* command) override { run(command); }
  bool forget(std::string_view text) override;

  // Statements of this room's own, literals without parameters.
  void run(std::string_view literal) { execute(literal, {}); }

  engine_kind kind() const override { return engine_kind::sqlite; }
  std::string explain(std::string_view text) override;
  void run_script(const std::string& text) override;
  bool in_transaction() const override;
  void begin_migration() override { run("begin immediate"); }
  void enforce(foreign_keys keys) override;
  // One that others share. Where a statement of it undoes all of it, as "insert or rollback" does,
  // every other is refused until its end: it would be committed at once.
  void begin_shared();
  void end_shared() { is_shared_ = false, undone_ = nullptr; }
  const std::exception_ptr& undone() const { return undone_; }  // by what; null: it was not
  bool has_unmet_foreign_keys() const;  // deferred ones, that would make the commit fail
  // Of the writer alone; waits for nobody. Whether all of the log is in the database file now.
  bool checkpoint();
  // Goes up with each statement that may have changed something.
  std::uint64_t changes_begun() const { return changes_begun_; }
  int wal_pages() const { return wal_pages_; }
  // From here on the time of the log's syncs is measured; inside a transaction. Once does.
  void watch_syncs();
  std::chrono::nanoseconds sync_time() const;  // so far
  const volatile std::uint64_t* log_head();    // see log_index.hpp
  // What it reads of the file stays when others commit. That takes three quarters of the memory for
  // its cache; the rest is left for what is in the log. Of one that reads, without a key.
  void keep_pages(std::size_t cache_bytes);

 private:
  struct statement;
  class running;
  struct watched_syncs;

  void begin_log(duration busy_timeout);
  void require_its_name(const std::string& file);
  statement& prepare(std::string_view text);
  statement& prepared(std::string_view text, std::span<const detail::parameter> values);
  void plan_rows(statement& s, const type_info& type);
  void fill_row(statement& s, const type_info& type, void* row);
  [[noreturn]] void fail(int code, std::string_view text);
  [[noreturn]] void fail_running(running& r, int code);
  void make_table(std::size_t size);

  sqlite3* db_ = nullptr;
  std::vector<std::unique_ptr<statement>> statements_;
  std::vector<statement*> table_;  // open addressing by the text's address, at most half full
  int wal_pages_ = 0;
  bool only_reads_ = false;  // the statement that runs
  std::uint64_t changes_begun_ = 0;
  bool is_shared_ = false;  // the transaction
  std::exception_ptr undone_{};
  // Both outlive db_, which calls them.
  std::unique_ptr<watched_syncs> syncs_;  // null: nobody asks
  std::optional<sqlite::kept_pages> kept_pages_{};
};

}  // namespace aft::storage

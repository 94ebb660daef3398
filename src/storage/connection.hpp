#pragma once
// What an engine does. One thread at a time.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <aft/ground/clock.hpp>
#include <aft/storage/database.hpp>
#include <aft/storage/errors.hpp>
#include <aft/storage/reader.hpp>
#include <aft/storage/transaction.hpp>

#include "commit_effect.hpp"
#include "jobs_here.hpp"
#include "kept_texts.hpp"
#include "reserved_ids.hpp"
#include "row_source.hpp"
#include "time_limit.hpp"

namespace aft::storage {

enum class engine_kind { sqlite, postgres };

// One connection to one engine. SQL texts given to query and execute live as long as the program,
// or come from kept(); their statements are kept by the address of the text.
//
// A row target that streams may ask other queries of the same connection, the same text among them,
// while it is being filled.
class connection {
 public:
  connection() = default;
  connection(const connection&) = delete;
  connection& operator=(const connection&) = delete;
  virtual ~connection() = default;

  const clock* time = nullptr;                                  // the app's
  const function<void(const query_seen&)>* on_query = nullptr;  // as of storage_options

  jobs_here* here = nullptr;  // null: nobody who works off jobs is to be asked
  commit_effects effects{};   // of the transaction that is open
  // Whose jobs may begin in every queue, as found since SQLite's transaction began; 0: not known.
  std::int64_t open_worker = 0;
  reserved_ids job_ids{};  // of SQLite

  // What the open transaction has found or reserved may not be there any more.
  void forget_undone() {
    open_worker = 0;
    job_ids.forget_undone();
  }

  // Once it is over, statements throw storage_error, late or cancelled: those that have not begun,
  // and the one that runs. Where that one writes, SQLite undoes its transaction.
  time_limit limit{};
  [[noreturn]] void fail_over(std::string_view text) const;

  // Returns the number of rows given to the target.
  virtual std::size_t query(std::string_view text, std::span<const detail::parameter> values,
                            const row_target& rows) = 0;
  // Returns the number of rows changed.
  virtual std::int64_t execute(std::string_view text,
                               std::span<const detail::parameter> values) = 0;

  // Once for each row; what a row that fails did is undone alone, as with execute.
  virtual std::int64_t execute_each(std::string_view text, const row_source& rows);

  virtual engine_kind kind() const = 0;

  // See query_seen::plan; changes nothing, and may throw.
  virtual std::string explain(std::string_view) { return {}; }

  // "savepoint part" and the like, in the transaction that is open.
  virtual void run_savepoint(const char* command) = 0;

  // For texts that do not live so long: the same text, which stays until the next call of this.
  virtual std::string_view kept(std::string_view text) { return texts_.keep(text, *this); }

  // The text is about to go: closes its statement. False where it is being run.
  virtual bool forget(std::string_view text) = 0;

 private:
  kept_texts texts_{};
};

enum class foreign_keys { off, on };

// One that may also change the schema.
class schema_connection : public connection {
 public:
  // A text of any number of statements, not kept.
  virtual void run_script(const std::string& text) = 0;
  virtual bool in_transaction() const = 0;
  // Begins a transaction that alone may change the schema; others wait for it.
  virtual void begin_migration() = 0;
  // On this connection, also inside a transaction; does nothing on PostgreSQL. Throws where they
  // are to be off while deferred ones are not met.
  virtual void enforce(foreign_keys keys) = 0;
};

}  // namespace aft::storage

namespace aft {

// How the library makes readers and transactions, and reaches into a database.
struct storage_access {
  class plain_reader : public reader {
   public:
    explicit plain_reader(storage::connection& c) : reader(c) {}
  };
  class plain_transaction {
   public:
    explicit plain_transaction(storage::connection& c) : tx(c) {}
    transaction tx;
    const std::vector<std::string>& notes() const { return storage_access::notes(tx); }
  };
  static storage::engine_kind kind(const reader& r) { return r.connection_->kind(); }
  static storage::connection& connection_of(reader& r) { return *r.connection_; }
  static storage::commit_effects& effects(transaction& tx) { return tx.connection_->effects; }
  static const std::vector<std::string>& notes(const transaction& tx) { return tx.notes_; }
  static void note(transaction& tx, std::string text) { tx.add_note(std::move(text)); }
  static void set_deadline(reader& r, std::int64_t at) { r.connection_->limit = {at, nullptr}; }
};

}  // namespace aft

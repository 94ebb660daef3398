#pragma once
// One database, and what writes it.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <aft/ground/clock.hpp>
#include <aft/ground/function.hpp>
#include <aft/ground/log.hpp>
#include <aft/ground/secret.hpp>
#include <aft/storage/archive.hpp>
#include <aft/storage/asked_query.hpp>
#include <aft/storage/errors.hpp>
#include <aft/storage/migration.hpp>
#include <aft/storage/reader.hpp>
#include <aft/storage/transaction.hpp>

namespace aft {

// What transactions that run at the same time may see of each other, on PostgreSQL. On SQLite they
// run one after another, which is what serializable looks like.
enum class isolation : std::uint8_t { serializable, repeatable_read, read_committed };

namespace detail {
class plan_source {
 public:
  virtual std::string plan() = 0;

 protected:
  ~plan_source() = default;
};
}  // namespace detail

// A query or statement that has been run.
struct query_seen {
  std::string_view text{};  // with $1 for its values
  duration took{};          // with the reading of its rows
  bool is_ok = false;       // it did not throw

  // How the engine goes about it, some lines of text: EXPLAIN QUERY PLAN on SQLite, EXPLAIN on
  // PostgreSQL, without the values. It is not run for that, but asking costs a query of its own.
  // Empty where the engine has no plan for it. For on_query alone, while it is called.
  std::string plan() const { return source ? source->plan() : std::string(); }
  detail::plan_source* source = nullptr;
};

struct storage_options {
  // A commit that has been answered survives a loss of power. Without it, the last commits before
  // one may be lost, though never half of one; a crash of the process alone loses nothing.
  bool durable = true;
  duration busy_timeout = seconds(10);  // how long others may hold the database, a row, or (on
                                        // PostgreSQL) all connections
  std::size_t max_queue = 10'000;       // transactions that wait to be run; beyond: busy
  // Of each connection to SQLite, at most. Of one that reads a file without a key, three quarters
  // are for pages of the file, which it keeps while others commit, the rest for those of the log.
  // The one that writes has 4 MiB, as commits look through it.
  std::size_t cache_bytes = 64u << 20;
  archive_options archive{};  // where all that is written is copied to; SQLite alone
  // Of a SQLite file that is encrypted as a whole: `pragma key` is the first that each connection
  // says. An engine that does not encrypt, as Debian's, refuses it with configuration_error; see
  // AFT_SQLITE_TARGET in the README for others. What the engine takes for a key is its own affair:
  // SQLCipher stretches a passphrase with each connection, some 0.15 s, but not "x'<64 hexadecimal
  // digits>'". Backups and archives hold the bytes of the file and its log: they have the key that
  // these had then, which is to be kept as long. Both are refused to SQLite3MultipleCiphers with
  // mc_legacy_wal, as its log does not show where it ends.
  secret key{};
  // Called after each query and statement, on its thread, which it holds up; what it throws is
  // dropped. Null: nobody; it must outlive the database.
  const function<void(const query_seen&)>* on_query = nullptr;

  // PostgreSQL alone. Connections are opened when they are first needed, one more where somebody
  // listens.
  std::size_t max_readers = 8;  // that read at the same time
  std::size_t max_writers = 8;  // transactions at the same time, each on a thread of its own
  isolation level = isolation::serializable;
  unsigned max_attempts = 10;  // of a transaction that had to be undone because of another one

  // A statement that fails undoes itself alone, and its transaction may go on, as on SQLite. Costs
  // a savepoint for each statement but the first. Without it, the transaction fails with it.
  bool statements_fail_alone = true;
};

// How one transaction waits for its turn, and what it may see of others.
struct write_options {
  // It comes after all others that wait, for up to a second; then one such goes with each commit.
  // For imports, clean-ups and the like, in many small transactions.
  bool low_priority = false;
  // Where its turn comes later than that, it is not run: storage_error, late. 0: any time will do.
  duration max_wait{};
  // From the call on: where its turn comes later it is not run, and when it has passed, the
  // statement that runs and all further ones fail: storage_error, late. A commit that has begun is
  // waited for. 0: none.
  duration timeout{};
  // The same, cancelled, once it is true, and stays so; a new connection to a server is waited for.
  // It must live as long as the transaction.
  const std::atomic<bool>* cancel = nullptr;
  // Instead of storage_options::level, on PostgreSQL: for a transaction that is right in itself
  // with less, and often meets others.
  std::optional<isolation> level{};
};

// How long what is read is wanted; see write_options.
struct read_options {
  duration timeout{};
  const std::atomic<bool>* cancel = nullptr;
};

// Since the database was opened. Times are sums.
struct write_stats {
  std::uint64_t transactions = 0;    // run
  std::uint64_t undone = 0;          // of these, because they threw
  std::uint64_t late = 0;            // not run, because of max_wait
  std::uint64_t refused = 0;         // not even queued, because of max_queue
  std::uint64_t commits = 0;         // each with one sync; on SQLite of many transactions
  std::uint64_t largest_commit = 0;  // transactions
  duration waited{};                 // by transactions for their turn
  duration running{};                // by transactions
  duration committing{};             // by commits, most of it for the disk
  duration syncing{};                // of that, until the disk had it (fsync); SQLite alone
  std::size_t waiting = 0;           // now
};

// Opens a database and runs transactions on it. Readers are never blocked by writers. Any thread.
//
// SQLite: one writer thread for all transactions: those that wait are run one after another, and
// committed together with one sync (group commit). One that throws after it has written is undone
// alone: by a savepoint, or by running the others of its commit once more without it.
//
// PostgreSQL (12 and later): a pool of connections that write and one of those that read. A
// transaction that has to be undone because of another one (a serialization failure, a deadlock),
// or because the server was lost before the commit, is run again. An idle connection that has died
// is replaced unnoticed. A pooler that hands connections on between transactions cannot stand in
// between.
//
// So on both the functions given to write and submit may run more than once.
class database {
 public:
  // Opens a file ("notes.db"), or makes it; ":memory:" is a database that goes when it is closed;
  // "postgresql://user@host/name" is a database of a PostgreSQL server, with libpq's parameters
  // ("?sslmode=verify-full" for TLS whose certificate is checked) and its defaults for what is left
  // out (PGPASSWORD, ~/.pgpass). No part of the URL stands in errors or the log. Throws
  // storage_error; configuration_error where the URL is malformed. The log and the clock must
  // outlive it.
  database(std::string url, storage_options options, const logger& log, const clock& time);
  database(const database&) = delete;
  database& operator=(const database&) = delete;
  ~database();  // runs what waits, then closes

  // Applies what has not been applied of a line of migrations; `line` keeps the library's and the
  // host's apart. Returns the names of those applied. Of many processes that start at once, one
  // applies, and the others wait and find it done. Throws configuration_error that names the
  // migration, and changes nothing then.
  std::vector<std::string> migrate(const std::string& line, const std::vector<migration>& steps);

  // Calls f(reader&) on this thread, and returns what it returns.
  template <class F>
  auto read(F&& f) {
    return read_by(f, false);
  }
  template <class F>
  auto read(F&& f, const read_options& how) {
    return read_by(f, false, &how);
  }

  // One query alone, as those of a reader. On PostgreSQL it costs about half of a read() of it,
  // which begins and ends a transaction, so that all it reads is of one moment; and those of many
  // threads are sent together, on few connections.
  //   auto n = db.find<note>("select * from note where id = $1", id);
  template <class Row, class... Args>
  std::vector<Row> all(std::type_identity_t<sql<Args...>> query, const Args&... args) {
    return read_by([&](reader& r) { return r.all<Row, Args...>(query, args...); }, true);
  }
  template <class Row, class... Args>
  std::optional<Row> find(std::type_identity_t<sql<Args...>> query, const Args&... args) {
    return read_by([&](reader& r) { return r.find<Row, Args...>(query, args...); }, true);
  }
  template <class Row, class... Args>
  Row one(std::type_identity_t<sql<Args...>> query, const Args&... args) {
    return read_by([&](reader& r) { return r.one<Row, Args...>(query, args...); }, true);
  }

  // As all(), for those who do not wait, as on an event loop: calls done(rows, thrown) with a
  // std::vector<Row>&& and a std::exception_ptr, which is null, or what was thrown in their stead;
  // on this thread before it returns (SQLite, which takes microseconds), or on another, where it
  // must return at once. What it throws is dropped. Values are copied. Throws storage_error, busy,
  // where more than max_queue of them wait. See find_later() of aft/asio.hpp for coroutines.
  //
  // On PostgreSQL many end in the same moment. To be woken once for all of those, rather than for
  // each, `done` may return a pointer to a function<void()>: it is called when all of them were
  // told, once for those that return the same. It must live as long as what `done` holds, and is
  // called as `done` is.
  template <class Row, class... Args, class Done>
  void ask(std::type_identity_t<sql<Args...>> query, Done&& done, const Args&... args) {
    using asked = storage::query_of<Row, std::decay_t<Done>, Args...>;
    ask_erased(new asked(query.text(), std::forward<Done>(done), args...));
  }

  // Calls f(transaction&) on the writer, waits until it is committed, and returns what it returned;
  // what it throws is thrown here, and undone there. Not where none may wait (on an event loop,
  // inside a transaction): throws storage_error, misuse. f may run more than once.
  template <class F>
  auto write(F&& f, const write_options& how = {}) {
    using result = std::invoke_result_t<F&, transaction&>;
    if constexpr (std::is_void_v<result>) {
      write_erased(
          address_of(f),
          [](void* call, transaction& tx) {
            (*static_cast<std::remove_reference_t<F>*>(call))(tx);
          },
          how);
    } else {
      std::optional<result> value;
      auto keep = [&](transaction& tx) { value.emplace(f(tx)); };
      write_erased(
          &keep, [](void* call, transaction& tx) { (*static_cast<decltype(keep)*>(call))(tx); },
          how);
      return *std::move(value);
    }
  }

  // The same for those who do not wait: returns at once, and calls `done` on the writer when it is
  // committed, with null, or with what was thrown; it must return at once and not throw. Throws
  // storage_error, busy, where the queue is full.
  void submit(function<void(transaction&)> f, function<void(std::exception_ptr)> done,
              const write_options& how = {});

  // Calls `heard` after each commit with transaction::notify(topic), on the writer: it must return
  // at once. On PostgreSQL also after those of other processes, on a thread of its own, and without
  // one when the server was lost for a while. Returns a number for unlisten, after which it is no
  // longer called.
  std::uint64_t listen(std::string_view topic, function<void()> heard);
  void unlisten(std::uint64_t listener);

  write_stats writes() const;
  // Nothing where storage_options::archive names no directory.
  std::optional<archive_status> archived() const;

  const std::string& url() const { return url_; }

  const clock& time() const { return clock_; }

  class impl;
  impl& inside() { return *impl_; }  // for the library's own rooms

 private:
  template <class F>
  static void* address_of(F& f) {
    return const_cast<void*>(static_cast<const void*>(&f));
  }
  template <class F>
  auto read_by(F&& f, bool alone, const read_options* how = nullptr) {
    using result = std::invoke_result_t<F&, reader&>;
    if constexpr (std::is_void_v<result>) {
      read_erased(
          address_of(f),
          [](void* call, reader& r) { (*static_cast<std::remove_reference_t<F>*>(call))(r); },
          alone, how);
    } else {
      std::optional<result> value;
      auto keep = [&](reader& r) { value.emplace(f(r)); };
      read_erased(
          &keep, [](void* call, reader& r) { (*static_cast<decltype(keep)*>(call))(r); }, alone,
          how);
      return *std::move(value);
    }
  }
  void read_erased(void* call, void (*run)(void* call, reader&), bool alone,
                   const read_options* how);
  void ask_erased(storage::asked_query* q);  // which is the engine's then
  void write_erased(void* call, void (*run)(void* call, transaction&), const write_options& how);

  std::string url_;
  storage_options options_;
  const clock& clock_;
  impl* impl_;
};

}  // namespace aft

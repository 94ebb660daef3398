#pragma once
// One connection to a PostgreSQL server, and the transaction on it. The parts of a session:
// session.cpp has the connection and its statements, session_rows.cpp their results,
// session_batch.cpp those of many rows, session_lone.cpp many queries at once, session_explain.cpp
// plans, session_transaction.cpp transactions, and session_errors.cpp what errors mean.

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <aft/storage/database.hpp>

#include "../connection.hpp"
#include "../row_plan.hpp"
#include "libpq.hpp"
#include "parameters.hpp"
#include "server_address.hpp"

namespace aft::storage::postgres {

class lone_query;

enum class session_use { read, write };

// Opened by its first statement. A transaction begins on the server with its first statement, too,
// in the same round trip; until then the session may be replaced where the server has gone away.
class session final : public schema_connection {
 public:
  session(const server_address& address, session_use use, const storage_options& options,
          const clock& app_time);
  ~session() override;

  void open();  // now; throws storage_error

  std::size_t query(std::string_view text, std::span<const detail::parameter> values,
                    const row_target& rows) override;
  std::int64_t execute(std::string_view text, std::span<const detail::parameter> values) override;
  std::int64_t execute_each(std::string_view text, const row_source& rows) override;
  // Outside of transactions, in few round trips. Settles all of them.
  void ask_all(std::span<lone_query* const> queries);
  // The same in parts, for rounds that are sent before those before them are answered: one begins,
  // others may follow while it is under way. What was not sent (false), or not settled by its
  // answer (false, and once no other is under way), is for ask_all().
  bool begin_round(std::span<lone_query* const> queries) noexcept;
  bool follow_round(std::span<lone_query* const> queries) noexcept;
  // The oldest's, which end_round() reads, or finds lost. False: `bell` may be read before it.
  bool await_round(int bell) noexcept;
  bool end_round(std::span<lone_query* const> queries) noexcept;
  engine_kind kind() const override { return engine_kind::postgres; }
  std::string explain(std::string_view text) override;
  void run_savepoint(const char* command) override;
  bool forget(std::string_view text) override;

  void run_script(const std::string& text) override;
  bool in_transaction() const override;
  void begin_migration() override;
  void enforce(foreign_keys) override {}

  void begin(std::optional<isolation> level = {});  // nothing: as storage_options say
  // Tells the notes, too, with our own name, so that they are not heard twice here. Throws:
  // storage_error, in_doubt, where the server was lost meanwhile.
  void commit(std::span<const std::string> notes, const std::string& own_name);
  void rollback() noexcept;
  void end_view() noexcept;  // commits what only read, without waiting for it

  // Why the transaction was undone through no fault of its own, so that it may run again; null: it
  // was not.
  const std::exception_ptr& undone() const { return undone_; }

 private:
  struct statement;
  class open_cursor;
  enum class state {
    none,    // no transaction
    wanted,  // to be begun with its first statement
    open,    // begun
    failed,  // nothing more may be done in it: see failure_
  };

  template <class Run>
  auto with_server(Run&& run);
  template <class Run>
  auto with_statement(std::string_view text, std::span<const detail::parameter> values, Run&& run);
  statement& prepare(std::string_view text, std::span<const detail::parameter> values);
  statement& prepare_with(std::string_view text, std::span<const Oid> types);
  void plan_rows(statement& s, const type_info& type);
  parameters& parameters_for(const statement& s, std::span<const detail::parameter> values);
  void send_prepared(const statement& s);  // with the parameters that it was given last
  result run(const statement& s, std::span<const detail::parameter> values);
  std::size_t stream(std::string_view text, std::span<const detail::parameter> values,
                     const row_target& rows);
  std::size_t run_batch(std::string_view text, const row_source& rows, std::size_t first,
                        std::size_t last, std::int64_t& changed);

  struct sent_query;
  std::vector<sent_query> prepare_all(std::span<lone_query* const> queries);
  void send_round(std::span<const sent_query> queries);
  bool receive_round(std::span<lone_query* const> queries);
  void send_lone(const sent_query& s);
  void settle_failure(lone_query& q, const PGresult* why);

  void rewrite_before_failure(std::string_view text, const row_source& rows, std::size_t first);

  // One round trip: the commands that `send_all` sends and counts, behind the begin or between the
  // savepoints that are due. `take` gets the number and the result of each, `name_of` says what a
  // number stands for in errors.
  template <class Send, class Take, class Name>
  void exchange_all(Send&& send_all, Take&& take, Name&& name_of, bool fails_alone = true);
  // Returns the result of the last of them.
  template <class Send>
  result exchange(std::string_view text, std::size_t count, Send&& send_all,
                  bool fails_alone = true);
  void undo_statement(bool began, bool guarded);
  void exchange_commit(bool begins, std::span<const std::string> notes,
                       const std::string& own_name);
  void send(const char* command);
  void simple(const char* text);
  result next();
  bool wait(int bell = -1);  // true: only that can be read
  int cancel_in_time();
  void cancel();
  void drain();
  void close();
  [[noreturn]] void fail(const PGresult* r, std::string_view text);
  [[noreturn]] void fail_lost();

  const server_address& address_;
  const session_use use_;
  const storage_options& options_;
  open_connection db_;
  std::unordered_map<std::string_view, std::unique_ptr<statement>> statements_;
  std::uint64_t last_name_ = 0;
  std::vector<std::string> forgotten_{};  // names of statements that the server still has
  std::vector<std::string> read_{};       // cursors that are to be closed
  std::size_t succeeded_ = 0;             // commands before the one that failed last
  parameters parameters_;
  state state_ = state::none;
  isolation level_ = isolation::serializable;
  std::size_t rounds_ahead_ = 0;   // of lone queries, whose answers have not been read
  bool draining_ = false;          // the answer to the last commit has not been read
  std::int64_t cancelled_at_ = 0;  // 0: it was not
  std::exception_ptr undone_{}, failure_{};
};

}  // namespace aft::storage::postgres

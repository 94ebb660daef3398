#pragma once
// Writes a database.

#include <string>

#include <aft/storage/reader.hpp>

namespace aft {

// A reader that also writes. It exists only while the storage runs the function it was given to: a
// handler that takes a transaction&, a job, or app.write. If that function throws, everything it
// wrote is undone; if it returns, all of it is committed, and only then does its caller (or the
// client) hear of it. Reads see what the transaction itself has written. It is as if transactions
// ran one after another (on SQLite they do). On PostgreSQL the function may run more than once, a
// handler with its arguments made anew, where what it did was undone because of others.
//
// One thread at a time.
class transaction : public reader {
 public:
  // Runs a statement; the number of rows it changed.
  // Text that is put together while the program runs is in an sql_text.
  template <class... Args>
  std::int64_t execute(std::type_identity_t<sql<Args...>> statement, const Args&... args) {
    return run_statement(statement.text(), {detail::bind_parameter(args)...});
  }

  std::int64_t execute(const sql_text& statement);

  // Runs a statement once for each of the rows, whose columns are its $1 to $N: the fields of a
  // struct or tuple in their order, or a single value. The number of rows it changed in all. `rows`
  // is a std::vector, std::array or std::span.
  //   tx.execute_each("insert into tag (note, name) values ($1, $2)", pairs);
  template <class Rows, class Row = std::remove_cvref_t<decltype(*std::declval<Rows&>().data())>>
  std::int64_t execute_each(std::type_identity_t<sql_of<detail::count_columns<Row>()>> statement,
                            const Rows& rows) {
    return run_for_each(statement.text(), detail::row_type<Row>(), rows.data(), rows.size());
  }

  // Calls f() as a part of this transaction, and returns what it returns. If f throws, what it
  // wrote is undone, and what was written before it is kept: catch what it threw, and go on.
  // Parts may lie in parts.
  template <class F>
  std::invoke_result_t<F&> savepoint(F&& f) {
    part undone_unless_kept(*this);
    if constexpr (std::is_void_v<std::invoke_result_t<F&>>) {
      f();
      undone_unless_kept.keep();
    } else {
      auto value = f();
      undone_unless_kept.keep();
      return value;
    }
  }

  // Calls the listeners of the topic after the commit, once for however many notes of one
  // transaction. A topic is a literal.
  void notify(std::string_view topic);

 private:
  friend struct storage_access;
  explicit transaction(storage::connection& c) : reader(c) {}
  std::vector<std::string> notes_{};  // topics, some with what is said on them
  void add_note(std::string note);
  std::int64_t run_statement(std::string_view text, parameters values);
  std::int64_t run_for_each(std::string_view text, const type_info& type, const void* rows,
                            std::size_t count);

  class part {
   public:
    explicit part(transaction& tx);
    part(const part&) = delete;
    part& operator=(const part&) = delete;
    ~part();
    void keep();

   private:
    transaction& tx_;
    std::size_t notes_, effects_;  // made before it
    bool kept_ = false;
  };
};

}  // namespace aft

#pragma once
// Writes a database.

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
  template <class... Args>
  std::int64_t execute(std::type_identity_t<sql<Args...>> statement, const Args&... args) {
    return run_statement(statement.text(), {detail::bind_parameter(args)...});
  }

  // Calls the listeners of the topic after the commit, once for however many notes of one
  // transaction. A topic is a literal.
  void notify(std::string_view topic);

 private:
  friend struct storage_access;
  explicit transaction(storage::connection& c) : reader(c) {}
  std::vector<std::string_view> topics_{};
  std::int64_t run_statement(std::string_view text, parameters values);
};

}  // namespace aft

#pragma once
// A connection for work in bulk: whole tables in and out.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <aft/storage/errors.hpp>

#include "libpq.hpp"
#include "server_address.hpp"

namespace aft::storage::postgres {

// A line of a COPY that the server does not take; the first is 1.
class refused_line : public storage_error {
 public:
  refused_line(storage_fault fault, constraint_kind kind, std::size_t line, const std::string& what)
      : storage_error(fault, what), kind_(kind), line_(line) {}
  constraint_kind kind() const { return kind_; }  // where the fault is a constraint
  std::size_t line() const { return line_; }

 private:
  constraint_kind kind_;
  std::size_t line_;
};

// One thread at a time. Texts are SQL of any shape, so names must be quoted before. Throws
// storage_error.
class bulk_session {
 public:
  using row = std::vector<std::optional<std::string>>;

  explicit bulk_session(const server_address& address);

  void run(const std::string& sql);
  std::vector<row> rows(const std::string& sql, const std::vector<std::string>& values = {});
  std::string one(const std::string& sql, const std::vector<std::string>& values = {});

  // Lines in the text format of COPY, all or none.
  void copy_in(const std::string& statement, std::string_view lines);

  // The rows of a statement one by one; nothing else may be asked until the last was given.
  void begin_rows(const std::string& sql);
  bool next_row(std::vector<std::optional<std::string_view>>& to);  // until the next call

 private:
  result checked(result r, std::string_view sql);
  [[noreturn]] void fail(const PGresult* r, std::string_view sql);

  const server_address& address_;
  open_connection db_;
  result row_;
  std::string asked_;
};

}  // namespace aft::storage::postgres

#include "bulk_session.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "session_calls.hpp"

namespace aft::storage::postgres {
namespace {

constexpr std::size_t longest_told = 300;       // of a statement
constexpr std::size_t copy_part = 1024 * 1024;  // bytes

std::string_view field_of(const PGresult* r, int which) {
  const char* text = PQresultErrorField(r, which);
  return text ? text : std::string_view();
}

storage_fault bulk_fault(std::string_view code) {
  const auto kind = code.substr(0, 2);
  if (kind == "23") return storage_fault::constraint;
  if (kind == "22" || kind == "42" || kind == "0A") return storage_fault::statement;
  if (code == "53100") return storage_fault::full;
  if (kind == "53" || kind == "55" || kind == "40") return storage_fault::busy;
  if (is_loss(code)) return storage_fault::unavailable;
  if (kind == "57" || kind == "58") return storage_fault::io;
  return storage_fault::other;
}

constraint_kind bulk_constraint(std::string_view code) {
  if (code == "23505" || code == "23P01") return constraint_kind::unique;
  if (code == "23503") return constraint_kind::foreign_key;
  if (code == "23502") return constraint_kind::not_null;
  if (code == "23514") return constraint_kind::check;
  return constraint_kind::other;
}

// "COPY note, line 3, column title: ..." is about line 3.
std::size_t line_in(std::string_view context) {
  std::size_t line = 0;
  const auto copy = context.starts_with("COPY ") ? 0 : context.find("\nCOPY ");
  const auto at = context.find(", line ", copy);
  if (at == context.npos) return 0;
  std::from_chars(context.data() + at + 7, context.data() + context.size(), line);
  return line;
}

}  // namespace

bulk_session::bulk_session(const server_address& address)
    : address_(address), db_(address.connect(seconds(10))) {
  run("set timezone = 'UTC'; set datestyle = 'ISO'; set bytea_output = 'hex'; "
      "set client_min_messages = warning; set client_encoding = 'UTF8'");
}

void bulk_session::fail(const PGresult* r, std::string_view sql) {
  const auto code = r ? field_of(r, PG_DIAG_SQLSTATE) : std::string_view();
  if (code.empty()) {
    throw storage_error(storage_fault::unavailable,
                        fmt::format("the connection to the PostgreSQL server was lost: {}",
                                    address_.without_secrets(PQerrorMessage(db_.get()))));
  }
  const auto message = field_of(r, PG_DIAG_MESSAGE_PRIMARY);
  if (const auto line = line_in(field_of(r, PG_DIAG_CONTEXT))) {
    throw refused_line(bulk_fault(code), bulk_constraint(code), line, std::string(message));
  }
  const auto what = fmt::format("{} (in: {})", message, sql.substr(0, longest_told));
  if (code.starts_with("23")) throw constraint_error(bulk_constraint(code), what);
  throw storage_error(bulk_fault(code), what);
}

result bulk_session::checked(result r, std::string_view sql) {
  const auto status = PQresultStatus(r.get());
  if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_COPY_IN) {
    fail(r.get(), sql);
  }
  return r;
}

void bulk_session::run(const std::string& sql) {
  checked(result(PQexec(db_.get(), sql.c_str())), sql);
}

std::vector<bulk_session::row> bulk_session::rows(const std::string& sql,
                                                  const std::vector<std::string>& values) {
  std::vector<const char*> at;
  for (const auto& value : values) at.push_back(value.c_str());
  const auto found = checked(result(PQexecParams(db_.get(), sql.c_str(), int(at.size()), nullptr,
                                                 at.data(), nullptr, nullptr, 0)),
                             sql);
  std::vector<row> all;
  for (int i = 0; i < PQntuples(found.get()); ++i) {
    auto& one_row = all.emplace_back();
    for (int c = 0; c < PQnfields(found.get()); ++c) {
      auto& value = one_row.emplace_back();
      if (PQgetisnull(found.get(), i, c)) continue;
      value.emplace(PQgetvalue(found.get(), i, c), std::size_t(PQgetlength(found.get(), i, c)));
    }
  }
  return all;
}

std::string bulk_session::one(const std::string& sql, const std::vector<std::string>& values) {
  const auto found = rows(sql, values);
  return found.empty() ? "" : found[0].at(0).value_or("");
}

void bulk_session::copy_in(const std::string& statement, std::string_view lines) {
  checked(result(PQexec(db_.get(), statement.c_str())), statement);
  bool lost = false;
  while (!lines.empty() && !lost) {
    const auto part = lines.substr(0, copy_part);
    lost = PQputCopyData(db_.get(), part.data(), int(part.size())) != 1;
    lines.remove_prefix(part.size());
  }
  lost |= PQputCopyEnd(db_.get(), nullptr) != 1;
  result failure;
  while (result r{PQgetResult(db_.get())}) {
    if (PQresultStatus(r.get()) != PGRES_COMMAND_OK && !failure) failure = std::move(r);
  }
  if (failure || lost) fail(failure.get(), statement);
}

void bulk_session::begin_rows(const std::string& sql) {
  asked_ = sql;
  row_.reset();
  if (!PQsendQuery(db_.get(), sql.c_str()) || !PQsetSingleRowMode(db_.get())) fail(nullptr, sql);
}

bool bulk_session::next_row(std::vector<std::optional<std::string_view>>& to) {
  row_.reset(PQgetResult(db_.get()));
  if (!row_) return false;
  const auto status = PQresultStatus(row_.get());
  if (status == PGRES_TUPLES_OK) {  // behind the last one
    row_.reset();
    while (result rest{PQgetResult(db_.get())}) {}
    return false;
  }
  if (status != PGRES_SINGLE_TUPLE) fail(row_.get(), asked_);
  to.clear();
  for (int c = 0; c < PQnfields(row_.get()); ++c) {
    if (PQgetisnull(row_.get(), 0, c)) to.emplace_back();
    else
      to.emplace_back(std::string_view(PQgetvalue(row_.get(), 0, c),
                                       std::size_t(PQgetlength(row_.get(), 0, c))));
  }
  return true;
}

}  // namespace aft::storage::postgres

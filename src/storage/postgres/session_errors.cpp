// What the errors of the server mean, by their SQLSTATE.

#include <charconv>
#include <string>
#include <utility>

#include <fmt/format.h>

#include <aft/ground/problem.hpp>

#include "session_calls.hpp"

namespace aft::storage::postgres {
namespace {

// A zero byte, which SQLite would take. Strangers can send it, so a handler that lets it through
// answers with 400.
class unfit_text final : public storage_error, public problem {
 public:
  explicit unfit_text(const std::string& what)
      : storage_error(storage_fault::statement, what),
        problem{.status = 400, .detail = "a text has a character that cannot be stored"} {}
};

unsigned number_in(std::string_view message) {
  unsigned number = 0;
  const auto at = message.find('$');
  if (at != message.npos) {
    std::from_chars(message.data() + at + 1, message.data() + message.size(), number);
  }
  return number;
}

std::string_view field(const PGresult* r, int which) {
  const char* text = r ? PQresultErrorField(r, which) : nullptr;
  return text ? text : std::string_view();
}

bool is_conflict(std::string_view code) { return code == "40001" || code == "40P01"; }

constraint_kind constraint_of(std::string_view code) {
  if (code == "23505" || code == "23P01") return constraint_kind::unique;
  if (code == "23503") return constraint_kind::foreign_key;
  if (code == "23502") return constraint_kind::not_null;
  if (code == "23514") return constraint_kind::check;
  return constraint_kind::other;
}

storage_fault fault_of(std::string_view code) {
  if (code == "53100") return storage_fault::full;
  if (code == "55P03" || code.starts_with("53")) return storage_fault::busy;
  if (code.starts_with("58")) return storage_fault::io;
  if (code.starts_with("XX")) return storage_fault::corrupt;
  const auto kind = code.substr(0, 2);
  const bool is_of_statement = kind == "0A" || kind == "21" || kind == "22" || kind == "25" ||
                               kind == "26" || kind == "2B" || kind == "34" || kind == "42" ||
                               kind == "44";
  return is_of_statement ? storage_fault::statement : storage_fault::other;
}

}  // namespace

std::string_view state_of(const PGresult* r) { return field(r, PG_DIAG_SQLSTATE); }

// https://www.postgresql.org/docs/current/errcodes-appendix.html
bool is_loss(std::string_view code) {
  return code.empty() || code.starts_with("08") || code == "57P01" || code == "57P02" ||
         code == "57P03" || code == "57P05" || code == "25P03";
}

void session::fail_lost() {
  throw lost_server(fmt::format("the connection to the PostgreSQL server was lost: {}",
                                address_.without_secrets(PQerrorMessage(db_.get()))));
}

void session::fail(const PGresult* r, std::string_view text) {
  const auto code = state_of(r);
  if (is_loss(code)) fail_lost();
  if (code == "57014" && limit.is_over()) fail_over(text);
  const auto what = fmt::format("{} (in: {})", field(r, PG_DIAG_MESSAGE_PRIMARY), text);
  if (code.starts_with("23")) throw constraint_error(constraint_of(code), what);
  if (code == "0A000" && field(r, PG_DIAG_SOURCE_FUNCTION) == "RevalidateCachedQuery") {
    throw stale_statement(what);
  }
  if (code == "42P18" || code == "42P08") {
    throw untyped_parameter(number_in(field(r, PG_DIAG_MESSAGE_PRIMARY)), what);
  }
  if (code == "22021") throw unfit_text(what);
  if (is_conflict(code)) {
    const storage_error e(storage_fault::busy, "another transaction was in the way: " + what);
    undone_ = failure_ = std::make_exception_ptr(e);
    if (state_ != state::none) state_ = state::failed;
    throw e;
  }
  throw storage_error(fault_of(code), what);
}

}  // namespace aft::storage::postgres

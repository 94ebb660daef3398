// The beginning and the end of transactions.

#include <exception>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "session_calls.hpp"

namespace aft::storage::postgres {
namespace {

constexpr std::int64_t migration_lock = 0x6166745f6d696772;  // "aft_migr"

}  // namespace

const char* begin_text(session_use use, isolation level) {
  if (use == session_use::read) return "begin isolation level repeatable read read only";
  switch (level) {
    case isolation::serializable: return "begin isolation level serializable";
    case isolation::repeatable_read: return "begin isolation level repeatable read";
    case isolation::read_committed: break;
  }
  return "begin isolation level read committed";
}

void session::begin(std::optional<isolation> level) {
  level_ = level.value_or(options_.level);
  state_ = state::wanted;
  read_.clear();
  undone_ = failure_ = nullptr;
}

void session::commit(std::span<const std::string> notes, const std::string& own_name) {
  if (state_ == state::failed) {
    const auto why = failure_;
    rollback();
    std::rethrow_exception(why);
  }
  const bool begins = std::exchange(state_, state::none) == state::wanted;
  if (begins && notes.empty()) return;
  const without_limit patient(limit);
  try {
    drain();
    open();
    exchange_commit(begins, notes, own_name);
  } catch (const lost_server& e) {
    close();
    throw storage_error(storage_fault::in_doubt,
                        fmt::format("a transaction may have been committed, or not: {}", e.what()));
  }
}

// In one round trip, with the begin where that is due, and the notes.
void session::exchange_commit(bool begins, std::span<const std::string> notes,
                              const std::string& own_name) {
  PQenterPipelineMode(db_.get());
  if (begins) send(begin_text(use_, level_));
  for (const auto& note : notes) {
    const auto payload = fmt::format("{} {}", own_name, note);
    const char* const value = payload.c_str();
    PQsendQueryParams(db_.get(), "select pg_notify('aft', $1)", 1, nullptr, &value, nullptr,
                      nullptr, 0);
  }
  send("commit");
  PQpipelineSync(db_.get());
  result failure, last;
  for (std::size_t i = 0; i < begins + notes.size() + 1; ++i) {
    auto r = next();
    if (!r) fail_lost();
    if (PQresultStatus(r.get()) == PGRES_FATAL_ERROR && !failure) failure = std::move(r);
    else last = std::move(r);
    next();
  }
  next();
  PQexitPipelineMode(db_.get());
  if (failure && in_transaction()) simple("rollback");
  if (failure) fail(failure.get(), "commit");
  if (PQcmdStatus(last.get()) != std::string_view("COMMIT")) {
    throw storage_error(storage_fault::other, "the transaction was undone by the engine");
  }
}

void session::rollback() noexcept {
  const auto was = std::exchange(state_, state::none);
  read_.clear();
  if (!db_ || was == state::none || was == state::wanted) return;
  try {
    if (in_transaction()) simple("rollback");
  } catch (...) {
    close();  // which undoes it, too
  }
}

void session::end_view() noexcept {
  read_.clear();  // the end of the transaction closes them
  if (state_ != state::open) return rollback();
  state_ = state::none;
  draining_ = db_ && PQsendQuery(db_.get(), "commit") == 1;
  if (!draining_) close();
}

bool session::in_transaction() const {
  const auto status = db_ ? PQtransactionStatus(db_.get()) : PQTRANS_UNKNOWN;
  return status == PQTRANS_INTRANS || status == PQTRANS_INERROR;
}

void session::begin_migration() {
  begin();
  state_ = state::none;  // whatever became of the one before
  const auto text = fmt::format(
      "begin isolation level read committed; set local lock_timeout = 0; "
      "select pg_advisory_xact_lock({}); set local lock_timeout = {}",
      migration_lock, options_.busy_timeout.in_milliseconds());
  with_server([&] { simple(text.c_str()); });
  state_ = state::open;
}

void session::run_script(const std::string& text) {
  simple(text.c_str());
  if (!in_transaction()) state_ = state::none;
}

}  // namespace aft::storage::postgres

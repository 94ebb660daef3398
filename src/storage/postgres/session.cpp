#include "session.hpp"

#include <poll.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include <fmt/format.h>

#include <aft/ground/problem.hpp>

#include "../../ground/coarse_clock.hpp"
#include "columns.hpp"
#include "session_calls.hpp"

namespace aft::storage::postgres {

namespace {

constexpr duration longest_connect = seconds(10);
constexpr std::int64_t cancel_grace = 5'000;  // milliseconds for the server to heed a cancel
constexpr std::int64_t migration_lock = 0x6166745f6d696772;  // "aft_migr"

// Such as $1 in "$1 is null or id = $1".
class untyped_parameter : public storage_error {
 public:
  untyped_parameter(unsigned number, const std::string& what)
      : storage_error(storage_fault::statement, what), number_(number) {}
  unsigned number() const { return number_; }

 private:
  unsigned number_;  // 0: not known
};

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

// What ends a transaction is waited for, whatever the deadline: half an end is none.
class without_deadline {
 public:
  explicit without_deadline(std::int64_t& deadline) : place_(deadline), before_(deadline) {
    deadline = 0;
  }
  without_deadline(const without_deadline&) = delete;
  without_deadline& operator=(const without_deadline&) = delete;
  ~without_deadline() { place_ = before_; }

 private:
  std::int64_t& place_;
  const std::int64_t before_;
};

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

std::string_view state_of(const PGresult* r) { return field(r, PG_DIAG_SQLSTATE); }

// https://www.postgresql.org/docs/current/errcodes-appendix.html
bool is_loss(std::string_view code) {
  return code.empty() || code.starts_with("08") || code == "57P01" || code == "57P02" ||
         code == "57P03" || code == "57P05" || code == "25P03";
}

std::int64_t changed_by(const PGresult* done) {
  auto* const r = const_cast<PGresult*>(done);  // libpq's, from before const
  const std::string_view tag = PQcmdStatus(r), changed = PQcmdTuples(r);
  std::int64_t count = 0;
  if (!tag.starts_with("SELECT")) {
    std::from_chars(changed.data(), changed.data() + changed.size(), count);
  }
  return count;
}

session::session(const server_address& address, session_use use, const storage_options& options,
                 const clock& app_time)
    : address_(address), use_(use), options_(options) {
  time = &app_time;
  on_query = options.on_query;
}

session::~session() = default;

// ---- the connection

void session::open() {
  if (db_) return;
  auto at_most = longest_connect;
  if (deadline) {
    at_most = std::min(at_most, milliseconds(deadline - aft::detail::coarse_milliseconds()));
  }
  db_ = address_.connect(at_most);
  const auto set = fmt::format(
      "set timezone = 'UTC'; set datestyle = 'ISO'; set bytea_output = 'hex'; "
      "set cursor_tuple_fraction = 1; set default_transaction_read_only = {}; "
      "set lock_timeout = {}; {}",
      use_ == session_use::read ? "on" : "off", options_.busy_timeout.in_milliseconds(),
      options_.durable ? "select set_config('synchronous_commit', 'on', false) "
                         "where current_setting('synchronous_commit') = 'off'"
                       : "set synchronous_commit = off");
  PQsetnonblocking(db_.get(), 1);  // what is long in being sent minds the deadline, too
  try {
    simple(set.c_str());
  } catch (...) {
    close();
    throw;
  }
}

void session::close() {
  db_.reset();
  statements_.clear();
  forgotten_.clear();
  read_.clear();
  draining_ = false;
  if (state_ != state::open) return;
  state_ = state::failed;
  failure_ = std::make_exception_ptr(storage_error(
      storage_fault::io,
      "the connection to the PostgreSQL server was lost in the middle of a transaction"));
}

bool session::late() const { return deadline && aft::detail::coarse_milliseconds() > deadline; }

void session::wait() {
  int timeout = -1;
  if (deadline) {
    auto left = deadline - aft::detail::coarse_milliseconds();
    if (left < 0) {
      if (!std::exchange(cancelled_, true)) cancel();
      left += cancel_grace;
      if (left < 0) {
        close();
        throw storage_error(storage_fault::late,
                            "the deadline of the request has passed, and the server is silent");
      }
    }
    timeout = int(std::min<std::int64_t>(left + 1, 60'000));
  }
  const bool has_unsent = PQflush(db_.get()) == 1;
  pollfd ready{PQsocket(db_.get()), short(has_unsent ? POLLIN | POLLOUT : POLLIN), 0};
  ::poll(&ready, 1, timeout);
}

void session::cancel() {
  auto* order = PQgetCancel(db_.get());
  if (!order) return;
  char why[256];
  PQcancel(order, why, sizeof why);
  PQfreeCancel(order);
}

// The next result; null where there is none.
result session::next() {
  while (PQisBusy(db_.get())) {
    wait();
    if (!PQconsumeInput(db_.get())) break;  // the result, or the lack of one, says why
  }
  result r(PQgetResult(db_.get()));
  if (PQstatus(db_.get()) != CONNECTION_OK) fail_lost();
  return r;
}

// Statements without parameters and rows. Throws the first failure.
void session::simple(const char* text) {
  const without_deadline patient(deadline);
  if (!PQsendQuery(db_.get(), text)) fail_lost();
  result failure;
  while (auto r = next()) {
    const auto status = PQresultStatus(r.get());
    if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH) {
      close();
      throw storage_error(storage_fault::statement, "COPY from and to the client is not supported");
    }
    if (status == PGRES_FATAL_ERROR && !failure) failure = std::move(r);
  }
  if (failure) fail(failure.get(), std::string_view(text).substr(0, 500));
}

// The answer to the commit of a view.
void session::drain() {
  if (!std::exchange(draining_, false)) return;
  const without_deadline patient(deadline);
  while (auto r = next()) {
    if (PQresultStatus(r.get()) == PGRES_FATAL_ERROR) fail_lost();
  }
}

void session::fail_lost() {
  throw lost_server(fmt::format("the connection to the PostgreSQL server was lost: {}",
                                address_.without_secrets(PQerrorMessage(db_.get()))));
}

void session::fail_late(std::string_view text) {
  throw storage_error(storage_fault::late,
                      fmt::format("the deadline of the request has passed (in: {})", text));
}

void session::fail(const PGresult* r, std::string_view text) {
  const auto code = state_of(r);
  if (is_loss(code)) fail_lost();
  if (code == "57014" && late()) fail_late(text);
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

// ---- statements

void session::send(const char* command) {
  PQsendQueryParams(db_.get(), command, 0, nullptr, nullptr, nullptr, nullptr, 0);
}

void session::undo_statement(bool began, bool guarded) {
  if (began) {
    simple("rollback");  // nothing had been done in it: it begins anew
  } else if (guarded) {
    simple("rollback to savepoint aft_statement; release savepoint aft_statement");
  } else if (state_ == state::open) {
    state_ = state::failed;
    failure_ = std::make_exception_ptr(storage_error(
        storage_fault::other, "the transaction was undone by a statement of it that failed"));
  }
}

session::statement& session::prepare(std::string_view text,
                                     std::span<const detail::parameter> values) {
  const auto known = statements_.find(text);
  if (known != statements_.end()) return *known->second;
  std::vector<Oid> types(values.size());  // none: as the server finds them
  while (true) {
    try {
      return prepare_with(text, types);
    } catch (const untyped_parameter& e) {
      const auto i = e.number() - 1;
      if (i >= values.size() || types[i]) throw;
      types[i] = usual_type(values[i]);
    }
  }
}

session::statement& session::prepare_with(std::string_view text, std::span<const Oid> types) {
  auto fresh = std::make_unique<statement>();
  fresh->text = text;
  fresh->name = fmt::format("aft_{}", ++last_name_);
  // Not with the begin: a view is of the moment of its first query.
  const auto held = std::exchange(state_, state_ == state::wanted ? state::none : state_);
  // Which never fails, unless the rest does not matter any more.
  const auto forgotten = std::exchange(forgotten_, {});
  result described;
  try {
    described = exchange(text, forgotten.size() + 2, [&] {
      for (const auto& name : forgotten) send(fmt::format("deallocate {}", name).c_str());
      const std::string copy(text);  // with a zero behind it
      PQsendPrepare(db_.get(), fresh->name.c_str(), copy.c_str(), int(types.size()), types.data());
      PQsendDescribePrepared(db_.get(), fresh->name.c_str());
    });
  } catch (...) {
    if (held == state::wanted && state_ == state::none) state_ = held;
    throw;
  }
  if (held == state::wanted) state_ = held;
  const auto* d = described.get();
  for (int i = 0; i < PQnparams(d); ++i) fresh->takes.push_back(PQparamtype(d, i));
  for (int i = 0; i < PQnfields(d); ++i) {
    fresh->columns.emplace_back(PQfname(d, i));
    fresh->binary = fresh->binary && is_read_in_binary(PQftype(d, i));
  }
  return *statements_.emplace(text, std::move(fresh)).first->second;
}

parameters& session::parameters_for(const statement& s, std::span<const detail::parameter> values) {
  if (s.takes.size() != values.size()) {
    throw storage_error(storage_fault::statement,
                        fmt::format("PostgreSQL finds {} parameters where {} are given (in: {})",
                                    s.takes.size(), values.size(), s.text));
  }
  parameters_.assign(values, s.takes);
  return parameters_;
}

void session::send_prepared(const statement& s) {
  const auto& p = parameters_;
  PQsendQueryPrepared(db_.get(), s.name.c_str(), p.count(), p.values(), p.lengths(), p.formats(),
                      s.binary);
}

result session::run(const statement& s, std::span<const detail::parameter> values) {
  parameters_for(s, values);
  return exchange(s.text, 1, [&] { send_prepared(s); });
}

void session::plan_rows(statement& s, const type_info& type) {
  if (s.columns.empty()) {
    throw storage_error(storage_fault::statement,
                        fmt::format("a statement that gives no rows (in: {})", s.text));
  }
  if (s.planned_for == &type) return;
  try {
    s.plan = std::make_shared<const std::vector<planned_column>>(plan_columns(type, s.columns));
  } catch (const storage_error& e) {
    throw storage_error(e.fault(), fmt::format("{} (in: {})", e.what(), s.text));
  }
  s.planned_for = &type;
}

bool session::forget(std::string_view text) {
  const auto known = statements_.find(text);
  if (known == statements_.end()) return true;
  forgotten_.push_back(known->second->name);
  statements_.erase(known);
  return true;
}

// No savepoint of a statement's own lies around it: its release would end this one, too.
void session::run_savepoint(const char* command) {
  if (std::string_view(command).starts_with("rollback")) read_.clear();  // some have gone with it
  with_server([&] {
    exchange(
        command, 1, [&] { send(command); }, false);
  });
}

std::int64_t session::execute(std::string_view text, std::span<const detail::parameter> values) {
  return with_statement(text, values,
                        [&](statement& s) { return changed_by(run(s, values).get()); });
}

// ---- transactions

void session::begin() {
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
  const without_deadline patient(deadline);
  try {
    drain();
    open();
    PQenterPipelineMode(db_.get());
    if (begins) send(begin_text(use_, options_.level));
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
  } catch (const lost_server& e) {
    close();
    throw storage_error(storage_fault::in_doubt,
                        fmt::format("a transaction may have been committed, or not: {}", e.what()));
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

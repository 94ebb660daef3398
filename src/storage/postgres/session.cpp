#include "session.hpp"

#include <poll.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include <fmt/format.h>

#include "../../ground/coarse_clock.hpp"
#include "columns.hpp"
#include "session_calls.hpp"

namespace aft::storage::postgres {
namespace {

constexpr duration longest_connect = seconds(10);
// Milliseconds.
constexpr std::int64_t cancel_grace = 5'000;  // for the server to heed a cancel
constexpr std::int64_t longest_wait = 60'000;

}  // namespace

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
  if (limit.at) {
    at_most = std::min(at_most, milliseconds(limit.at - aft::detail::coarse_milliseconds()));
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
  rounds_ahead_ = 0;
  if (state_ != state::open) return;
  state_ = state::failed;
  failure_ = std::make_exception_ptr(storage_error(
      storage_fault::unavailable,
      "the connection to the PostgreSQL server was lost in the middle of a transaction"));
}

bool session::wait(int bell) {
  const int timeout = limit ? cancel_in_time() : -1;
  const bool has_unsent = PQflush(db_.get()) == 1;
  pollfd ready[] = {{PQsocket(db_.get()), short(has_unsent ? POLLIN | POLLOUT : POLLIN), 0},
                    {bell, POLLIN, 0}};
  ::poll(ready, bell < 0 ? 1 : 2, timeout);
  return !ready[0].revents && ready[1].revents;
}

// Milliseconds until this is to be called once more.
int session::cancel_in_time() {
  const auto now = aft::detail::coarse_milliseconds();
  if (limit.is_over()) {
    if (!cancelled_at_) {
      cancelled_at_ = now;
      cancel();
    }
    if (now - cancelled_at_ > cancel_grace) {
      close();
      throw storage_error(limit.is_cancelled() ? storage_fault::cancelled : storage_fault::late,
                          "the server does not heed that a query is not wanted any more");
    }
    return int(cancel_grace - (now - cancelled_at_) + 1);
  }
  std::int64_t left = limit.at ? limit.at - now + 1 : longest_wait;
  if (limit.cancel) left = std::min(left, time_limit::between_looks);
  return int(std::min(left, longest_wait));
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
  const without_limit patient(limit);
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
  const without_limit patient(limit);
  while (auto r = next()) {
    if (PQresultStatus(r.get()) == PGRES_FATAL_ERROR) fail_lost();
  }
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

std::int64_t changed_by(const PGresult* done) {
  auto* const r = const_cast<PGresult*>(done);  // libpq's, from before const
  const std::string_view tag = PQcmdStatus(r), changed = PQcmdTuples(r);
  std::int64_t count = 0;
  if (!tag.starts_with("SELECT")) {
    std::from_chars(changed.data(), changed.data() + changed.size(), count);
  }
  return count;
}

std::int64_t session::execute(std::string_view text, std::span<const detail::parameter> values) {
  return with_statement(text, values,
                        [&](statement& s) { return changed_by(run(s, values).get()); });
}

}  // namespace aft::storage::postgres

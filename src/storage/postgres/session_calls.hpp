#pragma once
// How a session talks with its server; for its own sources.

#include <cstddef>
#include <exception>
#include <string>
#include <utility>

#include <fmt/format.h>

#include <aft/storage/errors.hpp>

#include "session.hpp"

namespace aft::storage::postgres {

class lost_server : public storage_error {
 public:
  explicit lost_server(const std::string& what) : storage_error(storage_fault::unavailable, what) {}
};

// The tables have changed under a prepared statement.
class stale_statement : public storage_error {
 public:
  explicit stale_statement(const std::string& what)
      : storage_error(storage_fault::statement, what) {}
};

// Such as $1 in "$1 is null or id = $1".
class untyped_parameter : public storage_error {
 public:
  untyped_parameter(unsigned number, const std::string& what)
      : storage_error(storage_fault::statement, what), number_(number) {}
  unsigned number() const { return number_; }

 private:
  unsigned number_;  // 0: not known
};

struct session::statement {
  std::string_view text;  // of the program
  std::string name{};     // on the server
  std::vector<Oid> takes{};
  std::vector<std::string> columns{};
  bool binary = true;
  const type_info* planned_for = nullptr;
  row_plan plan{};
};

const char* begin_text(session_use use, isolation level);
bool is_loss(std::string_view code);
std::string_view state_of(const PGresult* r);
std::int64_t changed_by(const PGresult* done);

template <class Send, class Take, class Name>
void session::exchange_all(Send&& send_all, Take&& take, Name&& name_of, bool fails_alone) {
  const bool begins = state_ == state::wanted;
  const bool guarded = state_ == state::open && options_.statements_fail_alone && fails_alone;
  const auto closed = std::exchange(read_, {});
  cancelled_at_ = 0;
  succeeded_ = 0;
  PQenterPipelineMode(db_.get());
  if (begins) send(begin_text(use_, level_));
  if (guarded) send("savepoint aft_statement");
  for (const auto& cursor : closed) send(("close " + cursor).c_str());
  const std::size_t count = send_all();
  if (guarded) send("release savepoint aft_statement");
  if (!PQpipelineSync(db_.get())) fail_lost();

  result failure;
  const auto before = std::size_t(begins || guarded) + closed.size();
  for (std::size_t i = 0; i < before + count + guarded; ++i) {
    auto r = next();
    if (!r) fail_lost();
    if (PQresultStatus(r.get()) == PGRES_FATAL_ERROR && !failure) {
      if (is_loss(state_of(r.get()))) fail_lost();
      failure = std::move(r);
      succeeded_ = i < before ? 0 : i - before;
    } else if (!failure && i >= before && i < before + count) {
      take(i - before, std::move(r));
    }
    next();  // a null ends each
  }
  next();  // the sync
  PQexitPipelineMode(db_.get());
  if (begins && !failure) state_ = state::open;
  if (state_ == state::open && !in_transaction()) {
    state_ = state::failed;
    failure_ = std::make_exception_ptr(
        storage_error(storage_fault::statement,
                      fmt::format("a statement ended its transaction (in: {})", name_of(0))));
    std::rethrow_exception(failure_);
  }
  if (failure) {
    undo_statement(begins, guarded);
    fail(failure.get(), name_of(succeeded_));
  }
}

template <class Send>
result session::exchange(std::string_view text, std::size_t count, Send&& send_all,
                         bool fails_alone) {
  result last;
  const auto send_counted = [&] {
    send_all();
    return count;
  };
  exchange_all(
      send_counted, [&last](std::size_t, result&& r) { last = std::move(r); },
      [text](std::size_t) { return text; }, fails_alone);
  return last;
}

// Runs `run` with an open connection, and once more where the server had gone before anything was
// done in the transaction.
template <class Run>
auto session::with_server(Run&& run) {
  if (state_ == state::failed) std::rethrow_exception(failure_);
  const bool has_begun = state_ == state::open;
  for (bool again = false;; again = true) {
    try {
      drain();
      open();
      return run();
    } catch (const lost_server&) {
      close();
      if (state_ == state::failed) undone_ = failure_;
      if (again || has_begun) throw;
    }
  }
}

// The same with a prepared statement, and once more where its plan had gone.
template <class Run>
auto session::with_statement(std::string_view text, std::span<const detail::parameter> values,
                             Run&& run) {
  if (limit.is_over()) fail_over(text);
  return with_server([&] {
    for (bool again = false;; again = true) {
      try {
        return run(prepare(text, values));
      } catch (const stale_statement&) {
        statements_.erase(text);
        if (again || state_ == state::failed) throw;
      }
    }
  });
}

}  // namespace aft::storage::postgres

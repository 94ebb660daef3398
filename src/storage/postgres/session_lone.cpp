// Queries alone, many in one round trip.

#include <algorithm>
#include <vector>

#include "lone_query.hpp"
#include "session_calls.hpp"

namespace aft::storage::postgres {

struct session::sent_query {
  lone_query* query;
  const statement* prepared;
};

// They are one transaction to the server, which ends with the first that fails: those behind it are
// sent again.
void session::ask_all(std::span<lone_query* const> queries) {
  try {
    with_server([&] {
      while (true) {
        const auto sent = prepare_all(queries);
        if (sent.empty()) return;
        send_round(sent);
        receive_round(queries);
      }
    });
  } catch (...) {
    if (rounds_ahead_) close();  // nobody will read those answers
    for (auto* q : queries) {
      if (!q->is_settled()) q->failure = std::current_exception();
    }
  }
}

bool session::begin_round(std::span<lone_query* const> queries) noexcept {
  try {
    drain();
    open();
    send_round(prepare_all(queries));
    return true;
  } catch (...) {
    close();  // ask_all() will say why
    return false;
  }
}

bool session::follow_round(std::span<lone_query* const> queries) noexcept {
  if (!rounds_ahead_) return false;  // its answers would be taken for those of the one before it
  const auto is_known = [this](const lone_query* q) { return statements_.contains(q->text); };
  if (!std::ranges::all_of(queries, is_known)) return false;  // that takes a round trip
  try {
    send_round(prepare_all(queries));
    return true;
  } catch (...) {
    close();
    return false;
  }
}

bool session::await_round(int bell) noexcept {
  try {
    while (rounds_ahead_ && PQisBusy(db_.get())) {
      if (wait(bell)) return false;
      if (!PQconsumeInput(db_.get())) break;  // end_round() will find out
    }
  } catch (...) {
    close();
  }
  return true;
}

bool session::end_round(std::span<lone_query* const> queries) noexcept {
  if (!rounds_ahead_) return false;
  try {
    return receive_round(queries);
  } catch (...) {
    close();
    return false;
  }
}

// Those that are to be sent: who fails here is left out.
std::vector<session::sent_query> session::prepare_all(std::span<lone_query* const> queries) {
  std::vector<sent_query> sent;
  for (auto* q : queries) {
    if (q->is_settled()) continue;
    try {
      auto& s = prepare(q->text, q->values);
      plan_rows(s, q->row);
      q->plan = s.plan;
      sent.push_back({q, &s});
    } catch (const lost_server&) {
      throw;
    } catch (...) {
      q->failure = std::current_exception();
    }
  }
  return sent;
}

void session::send_round(std::span<const sent_query> queries) {
  if (!rounds_ahead_) PQenterPipelineMode(db_.get());
  for (const auto& q : queries) send_lone(q);
  if (!PQpipelineSync(db_.get())) fail_lost();
  ++rounds_ahead_;
}

// Of those that are not settled yet. Whether all of them are.
bool session::receive_round(std::span<lone_query* const> queries) {
  result failure;
  lone_query* failed = nullptr;
  for (auto* q : queries) {
    if (q->is_settled()) continue;
    auto r = next();
    if (!r) fail_lost();
    if (PQresultStatus(r.get()) == PGRES_TUPLES_OK) {
      q->take_answer(std::move(r));
      q->is_answered = true;
    } else if (PQresultStatus(r.get()) == PGRES_FATAL_ERROR && !failed) {
      if (is_loss(state_of(r.get()))) fail_lost();
      failure = std::move(r);
      failed = q;
    }
    next();  // a null ends each
  }
  next();  // the sync
  if (!--rounds_ahead_) PQexitPipelineMode(db_.get());
  if (failed) settle_failure(*failed, failure.get());
  return !failed;
}

void session::send_lone(const sent_query& s) {
  try {
    parameters_for(*s.prepared, s.query->values);
  } catch (...) {
    s.query->failure = std::current_exception();  // its values do not fit
    return;
  }
  send_prepared(*s.prepared);
}

void session::settle_failure(lone_query& q, const PGresult* why) {
  try {
    fail(why, q.text);
  } catch (const lost_server&) {
    throw;
  } catch (const stale_statement&) {
    statements_.erase(q.text);
    if (q.was_stale) q.failure = std::current_exception();
    q.was_stale = true;
  } catch (...) {
    q.failure = std::current_exception();
  }
}

}  // namespace aft::storage::postgres

// Queries alone, many in one round trip.

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
      std::vector<sent_query> sent;
      do {
        prepare_all(queries, sent);
        if (!sent.empty()) exchange_lone(sent);
      } while (!sent.empty());
    });
  } catch (...) {
    for (auto* q : queries) {
      if (!q->is_settled()) q->failure = std::current_exception();
    }
  }
}

// Those that are to be sent: who fails here is left out.
void session::prepare_all(std::span<lone_query* const> queries, std::vector<sent_query>& sent) {
  sent.clear();
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
}

void session::exchange_lone(std::vector<sent_query>& sent) {
  PQenterPipelineMode(db_.get());
  std::erase_if(sent, [this](const sent_query& s) { return !send_lone(s); });
  if (!PQpipelineSync(db_.get())) fail_lost();
  result failure;
  lone_query* failed = nullptr;
  for (const auto& [q, s] : sent) {
    auto r = next();
    if (!r) fail_lost();
    if (PQresultStatus(r.get()) == PGRES_TUPLES_OK) {
      q->answer = std::move(r);
    } else if (PQresultStatus(r.get()) == PGRES_FATAL_ERROR && !failed) {
      if (is_loss(state_of(r.get()))) fail_lost();
      failure = std::move(r);
      failed = q;
    }
    next();  // a null ends each
  }
  next();  // the sync
  PQexitPipelineMode(db_.get());
  if (failed) settle_failure(*failed, failure.get());
}

// false: its values do not fit.
bool session::send_lone(const sent_query& s) {
  try {
    parameters_for(*s.prepared, s.query->values);
  } catch (...) {
    s.query->failure = std::current_exception();
    return false;
  }
  send_prepared(*s.prepared);
  return true;
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

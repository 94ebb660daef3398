// How the server would run a statement.

#include <string>
#include <utility>

#include <fmt/format.h>

#include "session_calls.hpp"

namespace aft::storage::postgres {

// The plan for any values: those of the call are not to be seen. What it sets is undone with it.
std::string session::explain(std::string_view text) {
  if (state_ == state::failed) return {};
  const without_limit patient(limit);
  drain();
  open();
  const auto known = statements_.find(text);
  const auto& s = known != statements_.end() ? *known->second : prepare(kept(text), {});
  std::string values;
  for (std::size_t i = 0; i < s.takes.size(); ++i) values += i ? ", null" : "(null";
  if (!values.empty()) values += ')';
  const bool is_within = in_transaction();
  const char* undo =
      is_within ? "rollback to savepoint aft_plan; release savepoint aft_plan" : "rollback";
  const auto asked =
      fmt::format("{}; set local plan_cache_mode = force_generic_plan; explain execute {}{}; {}",
                  is_within ? "savepoint aft_plan" : "begin", s.name, values, undo);
  if (!PQsendQuery(db_.get(), asked.c_str())) fail_lost();
  std::string plan;
  bool failed = false;
  while (const auto r = next()) {
    failed = failed || PQresultStatus(r.get()) == PGRES_FATAL_ERROR;
    for (int row = 0; row < PQntuples(r.get()); ++row) {
      if (!plan.empty()) plan += '\n';
      plan += PQgetvalue(r.get(), row, 0);
    }
  }
  if (failed) simple(undo);
  const bool has_plan = !failed && !plan.starts_with("Utility statement");  // "... have none"
  return has_plan ? plan : std::string();
}

}  // namespace aft::storage::postgres

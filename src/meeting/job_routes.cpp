#include <aft/meeting/job_routes.hpp>

#include <aft/ground/error.hpp>
#include <aft/ground/problem.hpp>

namespace aft::detail {
namespace {

constexpr std::size_t moments_shown = 5;

jobs::job_filter filter_of(const auto& q) {
  return {q.state, q.queue.value_or(""), q.kind.value_or(""), q.created_before};
}

}  // namespace

job_page page_of_jobs(reader& db, const job_query& q) {
  const auto most = std::size_t(int(q.limit));
  job_page page;
  page.items = jobs::list(db, filter_of(q), q.cursor, most + 1);
  if (page.items.size() <= most) return page;
  page.items.pop_back();
  page.next = page.items.back().id;
  return page;
}

std::vector<schedule_with_moments> schedules_with_moments(reader& db) {
  std::vector<schedule_with_moments> all;
  for (auto& s : jobs::schedules(db)) {
    schedule_with_moments one;
    try {
      one.next = jobs::next_moments(s, moments_shown);
    } catch (const error&) {
      // Its zone is not known here.
    }
    one.schedule = std::move(s);
    all.push_back(std::move(one));
  }
  return all;
}

jobs_acted_on act_on_jobs(database& db, const job_selection& which, bulk_action what) {
  const bool is_empty = !which.state && !which.queue && !which.kind && !which.created_before;
  if (is_empty && !which.all.value_or(false)) {
    throw unprocessable("say which jobs are meant, or \"all\": true");
  }
  const auto filter = filter_of(which);
  switch (what) {
    case bulk_action::retry: return {jobs::retry_all(db, filter)};
    case bulk_action::cancel: return {jobs::cancel_all(db, filter)};
    case bulk_action::drop: return {jobs::drop_all(db, filter)};
  }
  return {};
}

void act_on_job(transaction& tx, std::int64_t id, bulk_action what) {
  bool acted = false;
  switch (what) {
    case bulk_action::retry: acted = jobs::retry(tx, id); break;
    case bulk_action::cancel: acted = jobs::cancel(tx, id); break;
    case bulk_action::drop: acted = jobs::drop(tx, id); break;
  }
  if (acted) return;
  const auto job = jobs::find(tx, id);
  if (!job) throw not_found("there is no such job");
  throw conflict("the job is in no state for that");
}

run_job run_schedule(transaction& tx, std::string_view name) {
  const auto id = jobs::run_now(tx, name);
  require_schedule(id.has_value());
  return {*id};
}

void require_schedule(bool is_there) {
  if (!is_there) throw not_found("there is no such schedule");
}

}  // namespace aft::detail

// What an app does before its first request: it wires its rooms, opens the database, applies the
// migrations, and checks everything.

#include "app_impl.hpp"

#include <algorithm>
#include <thread>

#include <fmt/format.h>

#include <aft/ground/error.hpp>

#include "../auth/token_schema.hpp"
#include "../guard/guard_routes.hpp"
#include "../jobs/store.hpp"
#include "../outbox/mail_job.hpp"
#include "../outbox/schema.hpp"
#include "../storage/database.hpp"
#include "../storage/move.hpp"
#include "../storage/postgres/engine.hpp"

namespace aft {

void app::impl::prepare() {
  std::lock_guard lock(mutex);
  if (prepared) return;
  make_dispatcher();
  if (options.database.empty()) refuse_without_database();
  else prepare_storage();
  for (const auto& [key, object] : states) {
    dispatch->provide({key, lane::io, object, [](void* o, http::call&) { return o; }, nullptr});
  }
  work = std::make_unique<meeting::work_lane>(*dispatch, options.lanes.work_threads,
                                              options.lanes.max_waiting, options.lanes.max_wait);
  dispatch->set_lane(lane::work, *work);
  if (gatekeeper) prepare_hashing();
  dispatch->start(registered);
  prepare_jobs();
  prepare_backups();
  if (dispatch->has_coroutines()) {
    coroutines = std::make_unique<server::coroutine_thread>(*dispatch);
  }
  client = std::make_unique<in_process_client>(*dispatch, options.limits,
                                               coroutines ? &coroutines->loop() : nullptr);
  if (gatekeeper && gatekeeper->keys()) tell_of_keys();
  prepared = true;
}

void app::impl::make_dispatcher() {
  dispatch = std::make_unique<http::dispatcher>(log, std::move(problem_writer),
                                                http::access_policy(options.access, options.pages),
                                                options.compression);
  dispatch->mock = options.mock;
  dispatch->deadline = options.lanes.deadline;
  dispatch->logs_access = options.access_log;
  dispatch->slow_handler = options.slow_handler;
  dispatch->spans = spans.get();
  dispatch->limits().time = &time;
  if (gate) dispatch->require(*gate);
}

void app::impl::prepare_storage() {
  open_database();
  migrate_all(*storage);
  storage->write([this](transaction& tx) {
    for (const auto& job : periodic) jobs::set_schedule(tx, job);
    if (outbox::takes_mail(options.mail)) outbox::store_settings(tx, options.mail);
    for (const auto& fill : seeds) fill(tx);
  });
  meeting::provide_storage(*dispatch, *storage);
  rates = std::make_unique<meeting::shared_rates>(*storage);
  dispatch->limits().shared = rates->limits();
  if (gatekeeper) prepare_accounts();
  writer = std::make_unique<meeting::write_lane>(*storage, *dispatch, log, options.lanes.max_wait);
  dispatch->set_lane(lane::write, *writer);
}

void app::impl::open_database() {
  if (storage) return;
  if (measures_queries || spans || options.slow_query > duration()) {
    query_watch = watch_queries(
        numbers, log,
        {options.slow_query, storage::is_postgres(options.database) ? "postgresql" : "sqlite"},
        options.storage.on_query);
    options.storage.on_query = &query_watch;
  }
  storage = std::make_unique<database>(options.database, options.storage, log, time);
  storage::refuse_half_moved(*storage);
}

std::vector<known_migrations> app::impl::all_migrations() const {
  std::vector<known_migrations> all{{"aft", jobs::migrations()},
                                    {auth::token_line, auth::token_migrations()},
                                    {outbox::line, outbox::migrations()}};
  if (gatekeeper) all.push_back({"aft_auth", auth::migrations()});
  if (has_idempotent_route()) {
    all.push_back({meeting::idempotency_line, meeting::idempotency_migrations()});
  }
  if (meeting::has_shared_limit(registered)) {
    all.push_back({meeting::rates_line, meeting::rates_migrations()});
  }
  all.push_back({"host", steps});
  return all;
}

void app::impl::migrate_all(database& db) const {
  for (const auto& [line, known] : all_migrations()) db.migrate(line, known);
}

bool app::impl::has_idempotent_route() const {
  const auto& all = registered.entries;
  return std::any_of(all.begin(), all.end(), [](const auto& e) { return bool(e->idempotent); });
}

void app::impl::prepare_accounts() {
  streams = std::make_unique<guarding::open_streams>(*storage, log, gatekeeper->options().sessions,
                                                     gatekeeper->options().stream_check);
  gatekeeper->use(*storage, *streams, options.access.credentials);
  guarding::provide_guard(*dispatch, *gatekeeper);
}

void app::impl::refuse_without_database() const {
  if (steps.empty() && seeds.empty() && job_handlers.empty() && periodic.empty() && !gatekeeper &&
      !outbox::takes_mail(options.mail) && !hooks) {
    return;
  }
  throw configuration_error(
      "there are migrations, seeds, jobs, accounts, mail or webhooks, but no database; give "
      ".database to the app");
}

// Many log-ins at once take no more memory than these threads do, and hold up no other route.
void app::impl::prepare_hashing() {
  const auto wanted = gatekeeper->options().hash_threads;
  const auto threads = wanted ? wanted : std::max(1u, std::thread::hardware_concurrency() / 2);
  hashing = std::make_unique<meeting::work_lane>(*dispatch, threads, options.lanes.max_waiting,
                                                 gatekeeper->options().hash_wait,
                                                 meeting::lane_priority::low);
  for (auto i = hashing_from; i < hashing_to; ++i) {
    auto& entry = *registered.entries[i];
    if (entry.handler.least_lane == lane::work) entry.own_workers = hashing.get();
  }
}

void app::impl::prepare_jobs() {
  if (!storage) return;
  runner = std::make_unique<jobs::runner>(*storage, log, std::move(options.jobs));
  for (auto& handler : job_handlers) runner->add(std::move(handler));
  if (hooks) runner->add(hooks->handler());
  if (outbox::sends_mail(options.mail)) runner->add(outbox::mail_handler(options.mail));
  runner->measure(numbers);
  if (spans) runner->trace(*spans);
  runner->resolve([this](resource_key wanted) -> void* {
    for (const auto& [key, object] : states) {
      if (key == wanted) return object;
    }
    return wanted == key_of<database>() ? storage.get() : nullptr;
  });
}

void app::impl::prepare_backups() {
  if (options.backups.directory.empty()) return;
  if (!storage) throw configuration_error("there are backups to make, but no database");
  drill = std::make_unique<storage::backup_drill>(*storage, options.backups, log);
}

// In the document: a key does where being signed in is all that is asked, or a permission.
void app::impl::tell_of_keys() {
  const auto& api = gatekeeper->options().api;
  for (auto& entry : registered.entries) {
    const auto& policy = entry->policy;
    const bool is_owners = entry->pattern.starts_with(api + "/") && entry->pattern != api + "/me";
    const bool asks_more = !policy.roles.empty() || policy.fresh || is_owners;
    if (policy.who == admission::signed_in && !asks_more) {
      entry->securities.push_back({"api_key", true});
    }
  }
}

}  // namespace aft

#include <aft/app.hpp>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

#include <fmt/format.h>

#include <aft/ground/error.hpp>

#include "../auth/token_schema.hpp"
#include "../ground/may_wait.hpp"
#include "../ground/process_metrics.hpp"
#include "../guard/account_routes.hpp"
#include "../guard/guard_routes.hpp"
#include "../guard/oidc_routes.hpp"
#include "../http/openapi.hpp"
#include "../http/token_gate.hpp"
#include "../jobs/runner.hpp"
#include "../jobs/store.hpp"
#include "../meeting/shared_rates.hpp"
#include "../meeting/storage_meets_http.hpp"
#include "../meeting/work_lane.hpp"
#include "../outbox/mail_job.hpp"
#include "../outbox/schema.hpp"
#include "../server/coroutines.hpp"
#include "../server/server.hpp"
#include "../storage/backup_drill.hpp"
#include "../storage/database.hpp"
#include "../storage/move.hpp"
#include "../storage/postgres/engine.hpp"
#include "collectors.hpp"
#include "health.hpp"
#include "in_process.hpp"
#include "presence.hpp"
#include "self_check.hpp"
#include "trace_exporter.hpp"

namespace aft {

class app::impl {
 public:
  explicit impl(app_options given)
      : options(std::move(given)), log(std::move(options.log), options.least_log_level,
                                       std::move(options.log_levels), options.time),
        time(options.time ? *options.time : system_clock) {
    numbers.collect([this](metric_sink& to) { collect(to); });
    if (!options.webhooks.keys) return;
    hooks = std::make_unique<webhooks>(std::move(options.webhooks), time);
    states.emplace_back(key_of<webhooks>(), hooks.get());
  }

  ~impl() {
    stop();
    client.reset();  // its readers go back to the database
    work.reset();
    hashing.reset();
  }

  void prepare() {
    std::lock_guard lock(mutex);
    if (prepared) return;
    dispatch = std::make_unique<http::dispatcher>(
        log, std::move(problem_writer), http::access_policy(options.access, options.pages),
        options.compression);
    dispatch->mock = options.mock;
    dispatch->deadline = options.lanes.deadline;
    dispatch->logs_access = options.access_log;
    dispatch->slow_handler = options.slow_handler;
    dispatch->spans = spans.get();
    dispatch->limits().time = &time;
    if (gate) dispatch->require(*gate);
    if (!options.database.empty()) {
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
      if (gatekeeper) {
        streams = std::make_unique<guarding::open_streams>(
            *storage, log, gatekeeper->options().sessions, gatekeeper->options().stream_check);
        gatekeeper->use(*storage, *streams, options.access.credentials);
        guarding::provide_guard(*dispatch, *gatekeeper);
      }
      writer =
          std::make_unique<meeting::write_lane>(*storage, *dispatch, log, options.lanes.max_wait);
      dispatch->set_lane(lane::write, *writer);
    } else if (!steps.empty() || !seeds.empty() || !job_handlers.empty() || !periodic.empty() ||
               gatekeeper || outbox::takes_mail(options.mail) || hooks) {
      throw configuration_error(
          "there are migrations, seeds, jobs, accounts, mail or webhooks, but no database; give "
          ".database to "
          "the app");
    }
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

  void migrate_all(database& db) const {
    db.migrate("aft", jobs::migrations());
    db.migrate(auth::token_line, auth::token_migrations());
    db.migrate(outbox::line, outbox::migrations());
    if (gatekeeper) db.migrate("aft_auth", auth::migrations());
    if (has_idempotent_route()) {
      db.migrate(meeting::idempotency_line, meeting::idempotency_migrations());
    }
    if (meeting::has_shared_limit(registered)) {
      db.migrate(meeting::rates_line, meeting::rates_migrations());
    }
    db.migrate("host", steps);
  }

  bool has_idempotent_route() const {
    const auto& all = registered.entries;
    return std::any_of(all.begin(), all.end(), [](const auto& e) { return bool(e->idempotent); });
  }

  void open_database() {
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

  moved move_to(const std::string& url, const move_options& how) {
    {
      std::lock_guard lock(mutex);
      if (on_own_lane()) {
        throw storage_error(storage_fault::misuse, "a handler or job of the app cannot move it");
      }
    }
    auto to_options = options.storage;
    to_options.archive = {};
    database to(url, to_options, log, time);
    migrate_all(to);
    if (how.stop_writes) return move(*storage, to, how);
    return move(*storage, to,
                {[this] { stop(); },
                 [&how](const moved_table& t) {
                   if (how.copied) how.copied(t);
                 }});
  }

  endpoint start(const listen_options& given, boost::asio::io_context* host) {
    prepare();
    std::unique_lock lock(mutex);
    draining = false;
    if (busy && on_own_lane()) throw configuration_error("the app is being started or stopped");
    not_busy.wait(lock, [this] { return !busy; });
    if (server) throw configuration_error("the app has been started already");
    const busy_while guard(*this, lock);
    if (runner) runner->start();
    if (drill) drill->start();
    try {
      const auto places = local_presence ? local_presence->with_both_loopbacks(given) : given;
      auto made = host ? std::make_unique<server::http_server>(*dispatch, log, places, *host)
                       : std::make_unique<server::http_server>(*dispatch, log, places);
      if (local_presence) tell_where(*made);
      lock.lock();
      server = std::move(made);
      drain = given.drain;
      if (std::exchange(must_stop, false)) {
        if (local_presence) local_presence->end();
        server->begin_stop();
      }
      return server->where();
    } catch (...) {
      if (runner) runner->stop();
      if (drill) drill->stop();
      throw;
    }
  }

  void stop() {
    draining = true;
    std::unique_lock lock(mutex);
    if (told_to_stop) told_to_stop();
    if (server && local_presence) local_presence->end();
    if (on_own_lane()) {  // which is waited for below
      if (busy) must_stop = true;
      else if (server) server->begin_stop();
      return;
    }
    not_busy.wait(lock, [this] { return !busy; });
    if (!server) return;
    {
      const busy_while guard(*this, lock);
      server->stop(drain);
      if (local_presence) forget_run();
      if (runner) runner->stop();
      if (drill) drill->stop();
      lock.lock();
      auto ended = std::move(server);
      lock.unlock();
    }
    lock.lock();
    must_stop = false;
  }

  void collect(metric_sink& to) {
    detail::collect_process(to);
    std::lock_guard lock(mutex);
    if (dispatch && prepared) dispatch->counted().collect(to);
    if (server) {
      to.level({"http.server.open_connections", "Connections that are open.", "{connection}"}, {},
               double(server->connections()));
      to.count({"http.server.refused_connections", "Connections that found no room, answered 503.",
                "{connection}"},
               {}, double(server->refused()));
    }
    if (storage && prepared) {
      collect_storage(to, *storage);
      counted_jobs.collect(to, *storage);
      if (gatekeeper) counted_sessions.collect(to, *storage);
    }
    if (const auto age = drill ? drill->status().verified_age : std::nullopt) {
      to.level({"aft.backup.verified.age", "Age of the last backup that was verified.", "s"}, {},
               double(age->in_microseconds()) / 1e6);
    }
  }

  void serve_health(const routes& where, health_options how) {
    add_health_routes(where, how.path, checks);
    checks.add("draining", [this] {
      return draining ? health_verdict{health_status::failed, "it is about to stop", {}}
                      : health_verdict();
    });
    if (options.database.empty()) return;
    checks.add("database", [this] {
      storage->read([](reader& db) { db.one<int>("select 1"); });
      return health_verdict();
    });
    checks.add("migrations", [this] {
      const auto there = storage->read([](reader& db) {
        return db.one<std::int64_t>("select count(*) from aft_migration where line = 'host'");
      });
      return there == std::int64_t(steps.size())
                 ? health_verdict()
                 : health_verdict{health_status::degraded, "the schema is of another version", {}};
    });
    checks.add("disk", [this, how] {
      const auto* file = storage->inside().engine().file();
      return file ? check_disk(*file, how.min_free_bytes) : health_verdict();
    });
    if (options.backups.directory.empty()) return;
    const auto most =
        how.max_backup_age > duration() ? how.max_backup_age : options.backups.verify_every * 3;
    checks.add("backup", [this, most] {
      const auto age = drill->status().verified_age;
      return age && *age <= most
                 ? health_verdict()
                 : health_verdict{health_status::degraded, "none was verified lately", {}};
    });
  }

  void tell_where(server::http_server& made) {
    try {
      local_presence->begin(made.places(), *gate, time.now());
    } catch (...) {
      made.stop({});
      forget_run();
      throw;
    }
  }

  // The port is free for others, who must learn nothing that opens the next run.
  void forget_run() {
    local_presence->ended();
    gate->renew();
  }

  // Whether this thread runs a handler or a job of this app.
  bool on_own_lane() const {
    const auto* whose = detail::serving;
    return whose && (whose == dispatch.get() || whose == runner.get() ||
                     (storage && whose == &storage->inside()));
  }

  app_options options;
  clock system_clock;
  logger log;
  const clock& time;
  std::unique_ptr<webhooks> hooks;
  aft::metrics numbers;
  std::unique_ptr<trace_exporter> spans;  // null: nobody wants them
  health checks{log};
  std::atomic<bool> draining{false};
  function<void(const query_seen&)> query_watch{};
  bool measures_queries = false;  // from serve_metrics() on
  job_counts counted_jobs;
  session_count counted_sessions;
  http::route_list registered;
  std::vector<std::pair<resource_key, void*>> states;
  std::vector<migration> steps;
  std::vector<function<void(transaction&)>> seeds;
  std::vector<jobs::handler> job_handlers;
  std::vector<jobs::periodic_job> periodic;
  function<response(const problem&, const request&)> problem_writer;
  std::optional<api_info> documented;
  std::unique_ptr<guard> gatekeeper;  // null: no accounts
  std::unique_ptr<guarding::account_service> account_routes;
  std::size_t hashing_from = 0, hashing_to = 0;  // of the routes those that hash passwords

  std::mutex mutex;  // of starting and stopping; guards all below
  std::condition_variable not_busy;
  bool prepared = false;
  bool busy = false;                       // some thread starts or stops it, without the mutex
  bool must_stop = false;                  // one of its own lanes said so meanwhile
  void (*told_to_stop)() = nullptr;        // wakes run()
  std::unique_ptr<http::token_gate> gate;  // null: no token
  presence* local_presence = nullptr;      // null: it is not local, or no more
  duration drain{};
  std::unique_ptr<database> storage;
  std::unique_ptr<guarding::open_streams> streams;  // null: no accounts
  std::unique_ptr<meeting::shared_rates> rates;
  std::unique_ptr<http::dispatcher> dispatch;
  std::unique_ptr<meeting::write_lane> writer;
  std::unique_ptr<meeting::work_lane> work, hashing;
  std::unique_ptr<jobs::runner> runner;
  std::unique_ptr<storage::backup_drill> drill;
  std::unique_ptr<server::coroutine_thread> coroutines;
  std::unique_ptr<in_process_client> client;
  std::unique_ptr<server::http_server> server;

 private:
  // Without the mutex, because handlers that run may ask something of the app.
  class busy_while {
   public:
    busy_while(impl& whose, std::unique_lock<std::mutex>& held) : app_(whose), lock_(held) {
      app_.busy = true;
      lock_.unlock();
    }
    busy_while(const busy_while&) = delete;
    busy_while& operator=(const busy_while&) = delete;
    ~busy_while() {
      if (!lock_.owns_lock()) lock_.lock();
      app_.busy = false;
      app_.not_busy.notify_all();
      lock_.unlock();
    }

   private:
    impl& app_;
    std::unique_lock<std::mutex>& lock_;
  };

  // In the document: a key does where being signed in is all that is asked, or a permission.
  void tell_of_keys() {
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

  // Many log-ins at once take no more memory than these threads do, and hold up no other route.
  void prepare_hashing() {
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

  void prepare_backups() {
    if (options.backups.directory.empty()) return;
    if (!storage) throw configuration_error("there are backups to make, but no database");
    drill = std::make_unique<storage::backup_drill>(*storage, options.backups, log);
  }

  void prepare_jobs() {
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
};

app::app(app_options options) : app(new impl(std::move(options))) {}
app::app(impl* inside) : routes(inside->registered), impl_(inside) {}
app::~app() { delete impl_; }

void app::add_state(resource_key key, void* object) {
  for (auto& [known, place] : impl_->states) {
    if (known == key) throw configuration_error("two states of one type; wrap one in a struct");
  }
  impl_->states.emplace_back(key, object);
}

void app::add_job(jobs::handler&& handler) { impl_->job_handlers.push_back(std::move(handler)); }
void app::add_schedule(jobs::periodic_job&& job) { impl_->periodic.push_back(std::move(job)); }
void app::migrate(migration step) { impl_->steps.push_back(std::move(step)); }
const std::vector<migration>& app::migrations() const { return impl_->steps; }
void app::seed(function<void(transaction&)> fill) { impl_->seeds.push_back(std::move(fill)); }
void app::on_problem(function<response(const problem&, const request&)> writer) {
  impl_->problem_writer = std::move(writer);
}

void app::use(accounts how) {
  if (impl_->gatekeeper) throw configuration_error("an app has accounts once");
  impl_->gatekeeper = std::make_unique<guard>(std::move(how));
  const auto& g = *impl_->gatekeeper;
  impl_->account_routes = std::make_unique<guarding::account_service>(g, impl_->numbers);
  impl_->registered.security_schemes.push_back({.name = "session",
                                                .in = security_scheme::kind::cookie,
                                                .parameter = std::string(g.session_cookie())});
  if (g.keys()) impl_->registered.security_schemes.push_back({.name = "api_key"});
  impl_->hashing_from = impl_->registered.entries.size();
  guarding::add_account_routes(*this, g, *impl_->account_routes);
  if (!g.options().pages.empty()) guarding::add_account_pages(*this, g, *impl_->account_routes);
  impl_->hashing_to = impl_->registered.entries.size();
  guarding::add_oidc_routes(*this, g, *impl_->account_routes);
}

void app::use(traces how) {
  if (impl_->spans || impl_->prepared) {
    throw configuration_error("an app has traces once, before it is prepared or started");
  }
  impl_->spans =
      std::make_unique<trace_exporter>(std::move(how), impl_->log, impl_->time, impl_->numbers);
}

std::vector<listed_route> app::list_routes() const {
  std::vector<listed_route> all;
  for (const auto& e : impl_->registered.entries) {
    all.push_back({e->method == method::other ? "ANY" : std::string(to_string(e->method)),
                   e->pattern, e->policy});
  }
  return all;
}

void app::document(api_info info) {
  const auto& kept = impl_->documented.emplace(std::move(info));
  // The document is written when it is asked for first, and routes do not change after the start.
  auto open = allow_anyone();  // as it is said here that there is one
  http::add_document_routes(open, impl_->registered, kept);
}

aft::metrics& app::metrics() { return impl_->numbers; }
void app::serve_metrics(const std::string& path) {
  impl_->measures_queries = true;
  add_metrics_route(allow_anyone(), path, impl_->numbers);
}
void app::serve_health(health_options options) {
  impl_->serve_health(allow_anyone(), std::move(options));
}
void app::check(std::string name, function<std::optional<std::string>()> why_not) {
  impl_->checks.add(std::move(name), [ask = std::move(why_not)] {
    auto why = ask();
    return why ? health_verdict{health_status::failed, *std::move(why), {}} : health_verdict();
  });
}
void app::drain() { impl_->draining = true; }

std::string app::openapi(const api_info& info) const {
  return http::write_openapi(impl_->registered, info);
}

void app::prepare() { impl_->prepare(); }

http::token_gate& app::become_local(presence& where) {
  std::lock_guard lock(impl_->mutex);
  if (impl_->prepared || impl_->gate) {
    throw configuration_error(
        "an app is made local once, before it is prepared, started or asked for anything");
  }
  impl_->gate = std::make_unique<http::token_gate>(impl_->time);
  impl_->local_presence = &where;
  return *impl_->gate;
}

void app::leave_local() {
  impl_->stop();
  std::lock_guard lock(impl_->mutex);
  impl_->local_presence = nullptr;
}

endpoint app::start(listen_options options) { return impl_->start(options, nullptr); }
endpoint app::start_on(boost::asio::io_context& loop, listen_options options) {
  return impl_->start(options, &loop);
}

std::vector<endpoint> app::endpoints() const {
  std::lock_guard lock(impl_->mutex);
  return impl_->server ? impl_->server->places() : std::vector<endpoint>();
}

void app::reload_certificates() {
  std::lock_guard lock(impl_->mutex);
  if (!impl_->server) throw configuration_error("the app has not been started");
  impl_->server->reload_certificates();
}

void app::stop() { impl_->stop(); }
void app::tell_when_stopped(void (*told)()) {
  std::lock_guard lock(impl_->mutex);
  impl_->told_to_stop = told;
}

test_response app::handle(const test_request& request) {
  impl_->prepare();
  return impl_->client->send(request);
}

std::size_t app::run_due_jobs() {
  impl_->prepare();
  return impl_->runner ? impl_->runner->run_due() : 0;
}

database& app::db() {
  if (impl_->options.database.empty()) {
    throw configuration_error("the app has no database; give .database to it");
  }
  impl_->prepare();
  return *impl_->storage;
}

drill_status app::backups() const {
  std::lock_guard lock(impl_->mutex);
  return impl_->drill ? impl_->drill->status() : drill_status();
}

std::size_t app::run_due_backups() {
  impl_->prepare();
  return impl_->drill ? impl_->drill->run_due() : 0;
}

moved app::move_to(const std::string& url, const move_options& how) {
  db();
  return impl_->move_to(url, how);
}

std::vector<finding> app::self_check(const listen_options& listen) const {
  return check_options(impl_->options, impl_->log.takes(log_level::error), listen);
}

const webhooks& app::hooks() const {
  if (!impl_->hooks) throw configuration_error("the app has no webhooks; give .webhooks to it");
  return *impl_->hooks;
}

const clock& app::time() const { return impl_->time; }
const logger& app::log() const { return impl_->log; }

}  // namespace aft

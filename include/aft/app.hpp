#pragma once
// One object that owns and wires everything: routes, storage, jobs, server.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <aft/ground/clock.hpp>
#include <aft/ground/function.hpp>
#include <aft/ground/log.hpp>
#include <aft/ground/metrics.hpp>
#include <aft/guard/accounts.hpp>
#include <aft/health.hpp>
#include <aft/http/access.hpp>
#include <aft/http/compression.hpp>
#include <aft/http/openapi.hpp>
#include <aft/http/routes.hpp>
#include <aft/jobs/handler.hpp>
#include <aft/jobs/options.hpp>
#include <aft/jobs/periodic.hpp>
#include <aft/meeting/options.hpp>
#include <aft/outbox/mail.hpp>
#include <aft/outbox/webhooks.hpp>
#include <aft/self_check.hpp>
#include <aft/server/options.hpp>
#include <aft/storage/database.hpp>
#include <aft/storage/drill.hpp>
#include <aft/storage/move.hpp>
#include <aft/traces.hpp>

namespace boost::asio {
class io_context;
}

namespace aft {

namespace http {
class token_gate;
}
class presence;
struct known_migrations;

struct app_options {
  std::string database{};  // a file, ":memory:" or "postgresql://..."; empty: none
  storage_options storage{};
  drill_options backups{};  // by the clock, while it runs
  jobs_options jobs{};
  webhook_options webhooks{};  // with .keys handlers and jobs take an aft::webhooks&
  lane_options lanes{};
  access_options access{};
  page_options pages{};
  compression_options compression{};
  bool mock = false;     // routes that are planned answer by example, see aft/http/planned.hpp
  http_limits limits{};  // for handle(); a server has its own
  log_sink log{};        // nowhere by default
  log_level least_log_level = log_level::info;
  room_levels log_levels{};     // of single rooms: {{"jobs", log_level::debug}}
  bool access_log = false;      // a record of each answer, of the room "access"
  duration slow_query{};        // the same for a query, which is named with its route; 0: none
  duration slow_handler{};      // a warning for each request that took longer; 0: none
  const clock* time = nullptr;  // null: the system's; must outlive the app
  mail_options mail{};          // the last, where g++ 12 sees nothing uninitialised in it
};

// A request without a socket, and its answer.
struct test_request {
  std::string method = "GET";
  std::string target = "/";
  std::vector<std::pair<std::string, std::string>> headers{};  // Host is added where it is missing
  std::string body{};                                          // with its Content-Length
};
struct test_response {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers{};
  std::string body{};
  std::optional<std::string_view> header(std::string_view name) const;
};

// A back end. Register routes, states, jobs and migrations on one thread; then start it, or hand it
// requests. Many apps live in one process; none prints, exits, or takes signals, but for run().
class app : public routes {
 public:
  app() : app(app_options{}) {}
  explicit app(app_options options);
  app(const app&) = delete;
  app& operator=(const app&) = delete;
  ~app();  // stop(); not in a handler or job of its own

  // Lets handlers and jobs take a T&. The object must outlive the app, and is used by several
  // threads.
  template <class T>
  void state(T& object) {
    add_state(key_of<T>(), const_cast<std::remove_const_t<T>*>(&object));
  }

  // The handler of a job, see aft/jobs/handler.hpp.
  template <class Job, class F>
  void job(F&& handler, job_policy policy = {}) {
    add_job(detail::make_job_handler<Job>(static_cast<F&&>(handler),
                                          static_cast<job_policy&&>(policy)));
  }

  // Enqueues the job at each moment of the schedule, once however many processes run: from the
  // start on, or where the schedule has changed since. See aft/jobs/periodic.hpp.
  //   app.schedule("nightly", aft::schedule("0 3 * * *", "Europe/Berlin"), clean_up{});
  template <class Job>
  void schedule(std::string_view name, const aft::schedule& when, const Job& job,
                const schedule_options& options = {}) {
    add_schedule({std::string(name), std::string(job_name<Job>()),
                  jobs::write_arguments(&job, type_of<Job>()), when, options});
  }

  // Mounts the routes of accounts, and lets handlers take who asks; see aft/guard/accounts.hpp and
  // aft/guard/user.hpp. Needs a database. From then on each route states who may use it.
  void use(accounts how);

  // Collects what requests and jobs spend their time on; see aft/traces.hpp. Before the start.
  void use(traces how);

  // All routes and who may use them, in the order of their registration; see policy_matrix(). What
  // the arguments of handlers ask is part of it after prepare().
  std::vector<listed_route> list_routes() const;

  // The next step of the host's schema; they are applied in the order of these calls.
  void migrate(migration step);
  const std::vector<migration>& migrations() const;  // so far; of the line "host"
  // So far; of all lines, with the library's own. For restore_options::schema.
  std::vector<known_migrations> all_migrations() const;

  // Fills in what the program cannot be without: runs in one transaction after the migrations, at
  // every start, so what it inserts must be let be where it is there already.
  void seed(function<void(transaction&)> fill);

  // Serves the OpenAPI 3.1 document of all routes, and a page that shows it.
  void document(api_info info);

  // The app's numbers, and the host's own; see aft/ground/metrics.hpp.
  aft::metrics& metrics();
  // Serves them to Prometheus and others. Whoever can reach the path can read them.
  void serve_metrics(const std::string& path = "/metrics");

  // Serves whether it is alive and ready, see aft/health.hpp.
  void serve_health(health_options options = {});
  // One more check of those: why it failed, which strangers may read, or nothing. Any thread calls
  // it, and may wait. What it throws is failed, too, and stays in the log.
  void check(std::string name, function<std::optional<std::string>()> why_not);

  // It says that it is not ready from here on, so that no new requests are sent to it, and answers
  // those that come all the same until stop(), which says so too. Any thread.
  void drain();

  // Writes problems in the host's own form instead of application/problem+json. Any thread.
  void on_problem(function<response(const problem&, const request&)> writer);

  // Opens the database, applies migrations and checks everything; start() and handle() do it where
  // it has not been done. Throws configuration_error that names all that is wrong.
  void prepare();

  // Listens, and returns at once. Throws configuration_error, for a port in use too. One at a time.
  endpoint start(listen_options options = {});

  // Where it listens, all of them; empty before the start.
  std::vector<endpoint> endpoints() const;

  // The same on the host's own io_context, which one thread or several run: handlers without a
  // lane of their own run there, one at a time. The context runs until stop(). It should outlive
  // the app; if it does not, the connections are lost with it. It must not be destroyed while
  // stop() runs on another thread.
  endpoint start_on(boost::asio::io_context& loop, listen_options options = {});

  // Reads the certificates and keys of listen_options::tls again; connections that are there go on
  // with the old ones. Throws configuration_error where they cannot be used, and keeps the old
  // ones. Any thread.
  void reload_certificates();

  // Ends what start() began: no new connections, requests that are being answered may end until
  // listen_options::drain, running jobs too. Any thread; also before a start, and twice. Waits for
  // the end, but not in a handler or job of this app: there it only begins, and the next stop(), or
  // the destructor, waits. After start_on it serves on the calling thread meanwhile, and what else
  // is ready on the context may run there too, where that is its own thread.
  void stop();

  // For programs: start, say so on standard output ("listening on http://127.0.0.1:8080"), wait for
  // SIGINT, SIGTERM or a stop(), stop. If it cannot start, one sentence on standard error, and exit
  // with 1. With certificates SIGHUP reloads them.
  void run(listen_options options = {});

  // Answers one request with the whole stack but no socket, for tests. Any thread.
  test_response handle(const test_request& request);

  // Runs the jobs that are due, on this thread, until none is; for tests. How many it ran.
  std::size_t run_due_jobs();

  // What became of app_options::backups; as after no attempt at all where there are none.
  drill_status backups() const;
  // Makes and verifies the backups that are due, on this thread; for tests. How many steps it took.
  std::size_t run_due_backups();

  // Moves all that the database, a SQLite file, holds to PostgreSQL ("postgresql://..."): applies
  // the migrations there, and copies all rows while the app serves; then stops it (or calls
  // how.stop_writes instead) and carries over what was written meanwhile. Start the program with
  // the new URL then. See aft::move for what it promises and throws. Not in a handler or job.
  moved move_to(const std::string& url, const move_options& how = {});

  // What is unsafe about its options, where it would listen like that. Looks at files, and asks
  // nobody; before or after the start.
  std::vector<finding> self_check(const listen_options& listen) const;

  // Needs a database; throws configuration_error otherwise. Opens it where that has not been done.
  database& db();

  // Needs app_options::webhooks; throws configuration_error otherwise.
  const webhooks& hooks() const;

  const clock& time() const;
  const logger& log() const;
  std::string openapi(const api_info& info) const;

 private:
  friend class local;
  class impl;
  explicit app(impl* inside);
  void tell_when_stopped(void (*told)());
  http::token_gate& become_local(presence& where);
  void leave_local();
  void add_state(resource_key key, void* object);
  void add_job(jobs::handler&& handler);
  void add_schedule(jobs::periodic_job&& job);

  impl* impl_;
};

}  // namespace aft

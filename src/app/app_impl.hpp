#pragma once
// What an app is made of. Its parts: app.cpp has what a host calls, app_prepare.cpp what happens
// before the first request, app_lifecycle.cpp its starts and stops, and app_monitoring.cpp what it
// tells those who watch it.

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <aft/app.hpp>
#include <aft/storage/backup.hpp>

#include "../guard/account_routes.hpp"
#include "../guard/open_streams.hpp"
#include "../http/dispatcher.hpp"
#include "../http/token_gate.hpp"
#include "../jobs/runner.hpp"
#include "../meeting/shared_rates.hpp"
#include "../meeting/storage_meets_http.hpp"
#include "../meeting/work_lane.hpp"
#include "../server/coroutines.hpp"
#include "../server/server.hpp"
#include "../storage/backup_drill.hpp"
#include "collectors.hpp"
#include "health.hpp"
#include "in_process.hpp"
#include "presence.hpp"
#include "trace_exporter.hpp"

namespace aft {

class app::impl {
 public:
  explicit impl(app_options given);
  ~impl();

  void prepare();
  endpoint start(const listen_options& given, boost::asio::io_context* host);
  void stop();
  moved move_to(const std::string& url, const move_options& how);
  void serve_health(const routes& where, health_options how);

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
  std::vector<known_migrations> all_migrations() const;

 private:
  class busy_while;

  // ---- before the first request

  void make_dispatcher();
  void prepare_storage();
  void open_database();
  void migrate_all(database& db) const;
  bool has_idempotent_route() const;
  void prepare_accounts();
  void refuse_without_database() const;
  void prepare_hashing();
  void prepare_jobs();
  void prepare_backups();
  void tell_of_keys();

  // ---- starting and stopping

  void tell_where(server::http_server& made);
  void forget_run();
  bool on_own_lane() const;

  // ---- what it tells of itself

  void collect(metric_sink& to);
};

}  // namespace aft

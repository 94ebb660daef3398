#include <aft/app.hpp>

#include <memory>
#include <mutex>

#include <fmt/format.h>

#include <aft/ground/error.hpp>

#include "../http/openapi.hpp"
#include "../jobs/runner.hpp"
#include "../jobs/store.hpp"
#include "../meeting/storage_meets_http.hpp"
#include "../meeting/work_lane.hpp"
#include "../server/server.hpp"
#include "in_process.hpp"

namespace aft {

class app::impl {
 public:
  explicit impl(app_options given)
      : options(std::move(given)), log(std::move(options.log), options.least_log_level),
        time(options.time ? *options.time : system_clock) {}

  ~impl() {
    stop();
    client.reset();  // its readers go back to the database
    work.reset();
  }

  void prepare() {
    std::lock_guard lock(mutex);
    if (prepared) return;
    dispatch = std::make_unique<http::dispatcher>(
        log, std::move(problem_writer), http::access_policy(options.access, options.pages),
        options.compression);
    if (!options.database.empty()) {
      open_database();
      storage->migrate("aft", jobs::migrations());
      storage->migrate("host", steps);
      storage->write([this](transaction& tx) {
        for (const auto& fill : seeds) fill(tx);
      });
      meeting::provide_storage(*dispatch, *storage);
      writer =
          std::make_unique<meeting::write_lane>(*storage, *dispatch, log, options.lanes.max_wait);
      dispatch->set_lane(lane::write, *writer);
    } else if (!steps.empty() || !seeds.empty() || !job_handlers.empty()) {
      throw configuration_error(
          "there are migrations, seeds or jobs, but no database; give .database to the app");
    }
    for (const auto& [key, object] : states) {
      dispatch->provide({key, lane::io, object, [](void* o, http::call&) { return o; }, nullptr});
    }
    work = std::make_unique<meeting::work_lane>(*dispatch, options.lanes.work_threads,
                                                options.lanes.max_waiting, options.lanes.max_wait);
    dispatch->set_lane(lane::work, *work);
    dispatch->start(registered);
    prepare_jobs();
    client = std::make_unique<in_process_client>(*dispatch, options.limits);
    prepared = true;
  }

  void open_database() {
    if (storage) return;
    storage = std::make_unique<database>(options.database, options.storage, log, time);
  }

  void stop() {
    std::lock_guard lock(mutex);
    if (!server) return;
    server->stop(drain);
    server.reset();
    if (runner) runner->stop();
  }

  app_options options;
  clock system_clock;
  logger log;
  const clock& time;
  http::route_list registered;
  std::vector<std::pair<resource_key, void*>> states;
  std::vector<migration> steps;
  std::vector<function<void(transaction&)>> seeds;
  std::vector<jobs::handler> job_handlers;
  function<response(const problem&, const request&)> problem_writer;
  std::optional<api_info> documented;

  std::mutex mutex;  // of starting and stopping
  bool prepared = false;
  duration drain{};
  std::unique_ptr<database> storage;
  std::unique_ptr<http::dispatcher> dispatch;
  std::unique_ptr<meeting::write_lane> writer;
  std::unique_ptr<meeting::work_lane> work;
  std::unique_ptr<jobs::runner> runner;
  std::unique_ptr<in_process_client> client;
  std::unique_ptr<server::http_server> server;

 private:
  void prepare_jobs() {
    if (!storage) return;
    runner = std::make_unique<jobs::runner>(*storage, log, std::move(options.jobs));
    for (auto& handler : job_handlers) runner->add(std::move(handler));
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
void app::migrate(migration step) { impl_->steps.push_back(std::move(step)); }
void app::seed(function<void(transaction&)> fill) { impl_->seeds.push_back(std::move(fill)); }
void app::on_problem(function<response(const problem&, const request&)> writer) {
  impl_->problem_writer = std::move(writer);
}

void app::document(api_info info) {
  const auto& kept = impl_->documented.emplace(std::move(info));
  // The document is written when it is asked for first, and routes do not change after the start.
  http::add_document_routes(*this, impl_->registered, kept);
}

std::string app::openapi(const api_info& info) const {
  return http::write_openapi(impl_->registered, info);
}

void app::prepare() { impl_->prepare(); }

endpoint app::start(listen_options options) {
  impl_->prepare();
  std::lock_guard lock(impl_->mutex);
  if (impl_->server) throw configuration_error("the app has been started already");
  impl_->drain = options.drain;
  impl_->server = std::make_unique<server::http_server>(*impl_->dispatch, impl_->log, options);
  if (impl_->runner) impl_->runner->start();
  return impl_->server->where();
}

std::vector<endpoint> app::endpoints() const {
  std::lock_guard lock(impl_->mutex);
  return impl_->server ? impl_->server->places() : std::vector<endpoint>();
}

void app::stop() { impl_->stop(); }

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

const clock& app::time() const { return impl_->time; }
const logger& app::log() const { return impl_->log; }

}  // namespace aft

#include "app_impl.hpp"

#include <utility>

#include <aft/ground/error.hpp>

#include "../guard/oidc_routes.hpp"
#include "../http/openapi.hpp"
#include "self_check.hpp"

namespace aft {

app::impl::impl(app_options given)
    : options(std::move(given)), log(std::move(options.log), options.least_log_level,
                                     std::move(options.log_levels), options.time),
      time(options.time ? *options.time : system_clock) {
  numbers.collect([this](metric_sink& to) { collect(to); });
  if (!options.webhooks.keys) return;
  hooks = std::make_unique<webhooks>(std::move(options.webhooks), time);
  states.emplace_back(key_of<webhooks>(), hooks.get());
}

app::impl::~impl() {
  stop();
  client.reset();  // its readers go back to the database
  work.reset();
  hashing.reset();
}

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
std::vector<known_migrations> app::all_migrations() const { return impl_->all_migrations(); }
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

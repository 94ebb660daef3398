#include "health.hpp"

#include <sys/statvfs.h>

#include <algorithm>
#include <exception>

#include <aft/ground/error.hpp>
#include <aft/ground/json.hpp>

namespace aft {
namespace {

const char* text_of(health_status s) {
  switch (s) {
    case health_status::ok: return "ok";
    case health_status::degraded: return "degraded";
    case health_status::failed: return "failed";
  }
  return "";
}

response health_response(int status, std::string body) {
  return {status,
          std::move(body),
          "application/json",
          {{"Cache-Control", "no-store, no-cache"}, {"Pragma", "no-cache"}}};
}

}  // namespace

health_verdict health::ask(const std::string& name, const function<health_verdict()>& check) {
  health_verdict v;
  try {
    v = check();
  } catch (const std::exception& e) {
    v = {health_status::failed, "it does not answer", e.what()};
  } catch (...) {
    v = {health_status::failed, "it does not answer", {}};
  }
  std::lock_guard lock(mutex_);
  auto& before = last_[name];
  if (before != v.status) {
    const auto level = v.status == health_status::ok ? log_level::info : log_level::warning;
    log_.write(level, "app",
               "the health check " + name + " is " + text_of(v.status) +
                   (v.reason.empty() ? "" : ": " + v.reason) +
                   (v.detail.empty() ? "" : " (" + v.detail + ")"));
  }
  before = v.status;
  return v;
}

response health::ready() {
  auto worst = health_status::ok;
  std::string checks;
  for (const auto& [name, check] : checks_) {
    const auto v = ask(name, check);
    worst = std::max(worst, v.status);
    if (!checks.empty()) checks += ',';
    checks += json::write(name) + ":{\"status\":\"" + text_of(v.status) + "\"";
    if (!v.reason.empty()) checks += ",\"reason\":" + json::write(v.reason);
    checks += '}';
  }
  return health_response(
      worst == health_status::failed ? 503 : 200,
      std::string("{\"status\":\"") + text_of(worst) + "\",\"checks\":{" + checks + "}}");
}

health_verdict check_archive(const archive_status& is, duration max_lag, time_point now) {
  if (!is.failure.empty()) return {health_status::degraded, "it has failed", is.failure};
  if (!is.working) return {health_status::degraded, "its copy is not whole yet", {}};
  if (now - is.shipped > max_lag) return {health_status::degraded, "it does not keep up", {}};
  return {};
}

health_verdict check_disk(const std::string& file, std::uint64_t min_free_bytes) {
  const auto slash = file.rfind('/');
  const auto folder = slash == file.npos ? "." : slash == 0 ? "/" : file.substr(0, slash);
  struct ::statvfs about {};
  if (::statvfs(folder.c_str(), &about) != 0) {
    return {health_status::failed, "it cannot be asked", folder};
  }
  const auto left = std::uint64_t(about.f_bavail) * about.f_frsize;
  const auto detail = std::to_string(left) + " bytes are free";
  if (left < min_free_bytes) return {health_status::failed, "it is full", detail};
  if (left / 2 < min_free_bytes) return {health_status::degraded, "it is nearly full", detail};
  return {};
}

void add_health_routes(const routes& where, const std::string& path, health& all) {
  if (path.size() < 2 || path.front() != '/') {
    throw configuration_error("the path \"" + path +
                              "\" of the health checks must look like "
                              "\"/healthz\"");
  }
  auto group = where.group(path);
  group.get("/live", [] { return health_response(200, "{\"status\":\"ok\"}"); }).hidden();
  group.get("/ready", blocking([&all] { return all.ready(); })).hidden();
}

}  // namespace aft

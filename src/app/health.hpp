#pragma once
// Asks all checks of an app, and serves what they say.

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <aft/ground/function.hpp>
#include <aft/ground/log.hpp>
#include <aft/health.hpp>
#include <aft/http/routes.hpp>
#include <aft/storage/archive.hpp>

namespace aft {

enum class health_status { ok, degraded, failed };

struct health_verdict {
  health_status status = health_status::ok;
  std::string reason{};  // for strangers
  std::string detail{};  // for the log
};

// Filled on one thread; afterwards any.
class health {
 public:
  explicit health(const logger& log) : log_(log) {}

  // One that throws has failed.
  void add(std::string name, function<health_verdict()> check) {
    checks_.emplace_back(std::move(name), std::move(check));
  }
  response ready();

 private:
  health_verdict ask(const std::string& name, const function<health_verdict()>& check);

  const logger& log_;
  std::vector<std::pair<std::string, function<health_verdict()>>> checks_;
  std::mutex mutex_;
  std::map<std::string, health_status> last_;  // guarded by mutex_
};

health_verdict check_archive(const archive_status& is, duration max_lag, time_point now);
health_verdict check_disk(const std::string& file, std::uint64_t min_free_bytes);

void add_health_routes(const routes& where, const std::string& path, health& all);

}  // namespace aft

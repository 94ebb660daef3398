#pragma once
// What the rooms of an app have counted, for its metrics.

#include <chrono>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include <aft/ground/log.hpp>
#include <aft/ground/metrics.hpp>
#include <aft/http/routes.hpp>
#include <aft/jobs/control.hpp>
#include <aft/storage/database.hpp>

namespace aft {

void collect_storage(metric_sink& to, database& db);

// Counting jobs reads them all, so it is done at most every ten seconds. Any thread.
class job_counts {
 public:
  void collect(metric_sink& to, database& db);

 private:
  struct oldest {
    std::string queue;
    time_point since;
  };
  std::mutex mutex_;
  bool counted_ = false;  // guarded by mutex_, as is all below
  std::chrono::steady_clock::time_point at_{};
  std::vector<jobs::job_count> counts_;
  std::vector<oldest> oldest_;
};

// Likewise of sessions that have not been ended.
class session_count {
 public:
  void collect(metric_sink& to, database& db);

 private:
  std::mutex mutex_;
  bool counted_ = false;  // guarded by mutex_, as is all below
  std::chrono::steady_clock::time_point at_{};
  std::int64_t open_ = 0;
};

struct query_watch_options {
  duration slow;            // 0: none is
  std::string_view system;  // "sqlite", "postgresql"
};

// Measures queries, by their first word, names the slow ones with their plan in the log, and adds
// them to the trace of the request or job; then tells `next`, which may be null.
function<void(const query_seen&)> watch_queries(metrics& all, const logger& log,
                                                const query_watch_options& how,
                                                const function<void(const query_seen&)>* next);

// Serves the text, in the format that the client likes best.
void add_metrics_route(const routes& where, const std::string& path, const metrics& all);

}  // namespace aft

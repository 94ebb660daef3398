#pragma once
// Takes the spans of an app, and sends them to a collector.

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

#include <aft/ground/clock.hpp>
#include <aft/ground/log.hpp>
#include <aft/ground/metrics.hpp>
#include <aft/ground/span.hpp>
#include <aft/traces.hpp>

namespace aft {

// Any thread; only those whose trace is collected take its lock, for a moment.
class trace_exporter final : public detail::span_collector {
 public:
  // Throws configuration_error. All but the options must outlive it.
  trace_exporter(traces how, const logger& log, const clock& time, metrics& numbers);
  trace_exporter(const trace_exporter&) = delete;
  trace_exporter& operator=(const trace_exporter&) = delete;
  ~trace_exporter();  // sends what is left, as long as the collector takes it

  bool wants_new_trace() override;
  void take(ended_span&& s) noexcept override;
  time_point now() const override { return time_.now(); }

 private:
  void work();
  bool send(const std::vector<ended_span>& batch, bool patiently);

  traces how_;
  const http_client client_;
  const logger& log_;
  const clock& time_;
  counter& exported_;
  counter& found_no_room_;
  counter& not_taken_;
  bool is_away_ = false;  // the collector, as far as the thread knows

  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<ended_span> waiting_;  // guarded by mutex_, as is the next
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace aft

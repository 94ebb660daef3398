#pragma once
// Metrics as text: Prometheus 0.0.4, and OpenMetrics 1.0.

#include <map>
#include <string>

#include <aft/ground/metrics.hpp>

#include "metric_names.hpp"

namespace aft::detail {

// Gathers samples by their metric, because both formats want those of one metric together.
class metric_text final : public metric_sink {
 public:
  explicit metric_text(metric_format f) : is_open_(f == metric_format::open_metrics) {}

  void count(const metric& m, const metric_labels& labels, double value) override;
  void level(const metric& m, const metric_labels& labels, double value) override;
  void distribution(const metric& m, const metric_labels& labels, std::span<const double> bounds,
                    const histogram_values& values) override;
  std::string finish();

 private:
  struct family {
    metric_kind kind{};
    std::string unit{}, help{};
    std::map<std::string, std::string> samples{};  // by their labels, which must differ
  };

  family* family_of(const metric& m, metric_kind kind, std::string& name);
  void add(const metric& m, metric_kind kind, const metric_labels& labels, double value);

  const bool is_open_;
  std::map<std::string, family> families_;
};

}  // namespace aft::detail

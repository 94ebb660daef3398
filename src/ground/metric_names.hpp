#pragma once
// From the names of OpenTelemetry to those of Prometheus.

#include <string>
#include <string_view>

namespace aft::detail {

enum class metric_kind { counter, gauge, histogram };

bool is_metric_name(std::string_view name);  // "http.server.request.duration"
bool is_label_name(std::string_view name);   // "http.route"; "le" is the histograms' own

// "http_route"
std::string prometheus_label(std::string_view name);
// "seconds" of "s"; empty where the unit says nothing
std::string prometheus_unit(std::string_view unit, metric_kind kind);
// "http_server_request_duration_seconds", without the "_total" of a counter
std::string prometheus_name(std::string_view name, std::string_view unit, metric_kind kind);

}  // namespace aft::detail

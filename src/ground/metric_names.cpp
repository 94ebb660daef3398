#include "metric_names.hpp"

#include <algorithm>
#include <utility>

namespace aft::detail {
namespace {

bool is_lower_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

bool is_dotted_name(std::string_view name) {
  if (name.empty() || name.size() > 200 || !(name.front() >= 'a' && name.front() <= 'z')) {
    return false;
  }
  return std::all_of(name.begin(), name.end(),
                     [](char c) { return is_lower_or_digit(c) || c == '.' || c == '_'; });
}

constexpr std::pair<std::string_view, std::string_view> units[] = {
    {"s", "seconds"}, {"ms", "milliseconds"}, {"us", "microseconds"}, {"ns", "nanoseconds"},
    {"By", "bytes"},  {"min", "minutes"},     {"h", "hours"},         {"d", "days"},
    {"%", "percent"}, {"Cel", "celsius"},     {"V", "volts"},         {"W", "watts"},
};

}  // namespace

bool is_metric_name(std::string_view name) { return is_dotted_name(name); }
bool is_label_name(std::string_view name) {
  return is_dotted_name(name) && name != "le" && name != "quantile";
}

std::string prometheus_label(std::string_view name) {
  std::string out(name);
  std::replace(out.begin(), out.end(), '.', '_');
  return out;
}

std::string prometheus_unit(std::string_view unit, metric_kind kind) {
  if (unit == "1") return kind == metric_kind::gauge ? "ratio" : "";
  for (const auto& [short_name, name] : units) {
    if (unit == short_name) return std::string(name);
  }
  return {};  // "{request}" is a remark
}

std::string prometheus_name(std::string_view name, std::string_view unit, metric_kind kind) {
  auto out = prometheus_label(name);
  const auto suffix = prometheus_unit(unit, kind);
  if (!suffix.empty() && !out.ends_with("_" + suffix)) out += "_" + suffix;
  return out;
}

}  // namespace aft::detail

#include "metric_text.hpp"

#include <cmath>
#include <utility>

#include <fmt/format.h>

namespace aft::detail {
namespace {

std::string number_text(double v) {
  if (std::isnan(v)) return "NaN";
  if (std::isinf(v)) return v > 0 ? "+Inf" : "-Inf";
  return v == std::floor(v) && std::fabs(v) < 1e15 ? fmt::format("{:.0f}", v)
                                                   : fmt::format("{}", v);
}

// OpenMetrics wants bounds to look like floating-point numbers.
std::string bound_text(double v) {
  auto text = number_text(v);
  if (text.find_first_of(".eI") == text.npos) text += ".0";
  return text;
}

void append_escaped(std::string& out, std::string_view text, bool quotes) {
  for (const char c : text) {
    if (c == '\\') out += "\\\\";
    else if (c == '\n') out += "\\n";
    else if (c == '"' && quotes) out += "\\\"";
    else out += c;
  }
}

std::string labels_text(const metric_labels& labels) {
  std::string out;
  for (const auto& [name, value] : labels) {
    if (!out.empty()) out += ',';
    out += prometheus_label(name) + "=\"";
    append_escaped(out, value, true);
    out += '"';
  }
  return out;
}

std::string in_braces(std::string_view labels) {
  return labels.empty() ? std::string() : fmt::format("{{{}}}", labels);
}

std::string_view kind_text(metric_kind kind) {
  switch (kind) {
    case metric_kind::counter: return "counter";
    case metric_kind::gauge: return "gauge";
    case metric_kind::histogram: return "histogram";
  }
  return "";
}

}  // namespace

// Null where the name is that of another kind: one text cannot hold both.
metric_text::family* metric_text::family_of(const metric& m, metric_kind kind, std::string& name) {
  if (!is_metric_name(m.name)) return nullptr;
  name = prometheus_name(m.name, m.unit, kind);
  if (kind == metric_kind::counter && name.ends_with("_total")) name.resize(name.size() - 6);
  const auto [found, is_new] = families_.try_emplace(name);
  auto& f = found->second;
  if (is_new) {
    f.kind = kind;
    f.unit = prometheus_unit(m.unit, kind);
    f.help = m.description.empty() ? m.name : m.description;
  }
  return f.kind == kind ? &f : nullptr;
}

void metric_text::add(const metric& m, metric_kind kind, const metric_labels& labels,
                      double value) {
  std::string name;
  auto* f = family_of(m, kind, name);
  if (!f) return;
  const auto own = labels_text(labels);
  f->samples[own] = fmt::format("{}{}{} {}\n", name, kind == metric_kind::counter ? "_total" : "",
                                in_braces(own), number_text(value));
}

void metric_text::count(const metric& m, const metric_labels& labels, double value) {
  add(m, metric_kind::counter, labels, value);
}
void metric_text::level(const metric& m, const metric_labels& labels, double value) {
  add(m, metric_kind::gauge, labels, value);
}

void metric_text::distribution(const metric& m, const metric_labels& labels,
                               std::span<const double> bounds, const histogram_values& values) {
  std::string name;
  auto* f = family_of(m, metric_kind::histogram, name);
  if (!f || values.counts.size() != bounds.size() + 1) return;
  const auto own = labels_text(labels);
  const auto comma = own.empty() ? "" : ",";
  std::string lines;
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i <= bounds.size(); ++i) {
    sum += values.counts[i];
    lines += fmt::format("{}_bucket{{{}{}le=\"{}\"}} {}\n", name, own, comma,
                         i < bounds.size() ? bound_text(bounds[i]) : "+Inf", sum);
  }
  lines += fmt::format("{}_sum{} {}\n", name, in_braces(own), number_text(values.sum));
  lines += fmt::format("{}_count{} {}\n", name, in_braces(own), sum);
  f->samples[own] = std::move(lines);
}

std::string metric_text::finish() {
  std::string out;
  for (const auto& [name, f] : families_) {
    const auto shown = f.kind == metric_kind::counter && !is_open_ ? name + "_total" : name;
    out += "# HELP " + shown + ' ';
    append_escaped(out, f.help, is_open_);
    out += fmt::format("\n# TYPE {} {}\n", shown, kind_text(f.kind));
    if (is_open_ && !f.unit.empty() && name.ends_with("_" + f.unit)) {
      out += fmt::format("# UNIT {} {}\n", name, f.unit);
    }
    for (const auto& [labels, lines] : f.samples) out += lines;
  }
  if (is_open_) out += "# EOF\n";
  return out;
}

}  // namespace aft::detail

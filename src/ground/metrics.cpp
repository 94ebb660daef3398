#include <aft/ground/metrics.hpp>

#include <algorithm>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>

#include <fmt/format.h>

#include <aft/ground/error.hpp>

#include "metric_names.hpp"
#include "metric_text.hpp"

namespace aft {

using detail::metric_kind;

std::uint64_t counter::value() const noexcept {
  std::uint64_t sum = 0;
  for (const auto& s : shards_) sum += s.n.load(std::memory_order_relaxed);
  return sum;
}

namespace {

void add_to(std::atomic<double>& sum, double v) noexcept {
  auto before = sum.load(std::memory_order_relaxed);
  while (!sum.compare_exchange_weak(before, before + v, std::memory_order_relaxed)) {}
}

constexpr double for_http[] = {.005, .01, .025, .05, .075, .1, .25, .5, .75, 1, 2.5, 5, 7.5, 10};
constexpr double for_databases[] = {.001, .005, .01, .05, .1, .5, 1, 5, 10};
constexpr double for_short[] = {.00001, .00005, .0001, .0005, .001, .005, .01, .05, .1, .5, 1};

}  // namespace

std::span<const double> http_buckets() { return for_http; }
std::span<const double> database_buckets() { return for_databases; }
std::span<const double> short_buckets() { return for_short; }

void gauge::add(double v) noexcept { add_to(value_, v); }

histogram::histogram(std::span<const double> bounds) : size_(bounds.size()) {
  const bool sound = !bounds.empty() && bounds.size() <= max_bounds &&
                     std::is_sorted(bounds.begin(), bounds.end(), std::less_equal<>());
  if (!sound) throw configuration_error("the bounds of a histogram must be 1 to 31, and increase");
  std::copy(bounds.begin(), bounds.end(), bounds_.begin());
}

void histogram::observe(double v, std::uint64_t times) noexcept {
  if (!(v == v)) return;
  std::size_t i = 0;
  while (i < size_ && v > bounds_[i]) ++i;
  auto& s = shards_[detail::metric_shard() % shard_count];
  s.counts[i].fetch_add(times, std::memory_order_relaxed);
  add_to(s.sum, v * double(times));
}

histogram_values histogram::values() const {
  histogram_values all{std::vector<std::uint64_t>(size_ + 1), 0};
  for (const auto& s : shards_) {
    for (std::size_t i = 0; i <= size_; ++i) {
      all.counts[i] += s.counts[i].load(std::memory_order_relaxed);
    }
    all.sum += s.sum.load(std::memory_order_relaxed);
  }
  return all;
}

std::string_view media_type(metric_format f) {
  return f == metric_format::open_metrics
             ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
             : "text/plain; version=0.0.4; charset=utf-8";
}

class metrics::impl {
 public:
  struct instrument {
    metric what;
    metric_kind kind;
    metric_labels labels;
    std::unique_ptr<counter> count{};
    std::unique_ptr<gauge> level{};
    std::unique_ptr<histogram> distribution{};
    function<double()> ask{};
  };

  // With the mutex held. The one that is there, or a new one.
  instrument& find_or_add(const metric& m, metric_kind kind, const metric_labels& labels) {
    check(m, kind, labels);
    for (auto& i : instruments) {
      if (i.what.name == m.name && i.labels == labels) return i;
    }
    return instruments.emplace_back(instrument{m, kind, labels});
  }

  std::mutex mutex;
  std::deque<instrument> instruments;  // guarded by mutex, as is the next
  std::deque<function<void(metric_sink&)>> fillers;

 private:
  void check(const metric& m, metric_kind kind, const metric_labels& labels) const {
    if (!detail::is_metric_name(m.name)) {
      throw configuration_error(
          fmt::format("\"{}\" is no name of a metric; it looks like \"shop.books.sold\"", m.name));
    }
    for (std::size_t i = 0; i < labels.size(); ++i) {
      const auto& name = labels[i].first;
      const bool twice = std::any_of(labels.begin(), labels.begin() + std::ptrdiff_t(i),
                                     [&](const auto& l) { return l.first == name; });
      if (twice || !detail::is_label_name(name)) {
        throw configuration_error(
            fmt::format("\"{}\" cannot be a label of the metric {}", name, m.name));
      }
    }
    for (const auto& i : instruments) {
      if (i.what.name != m.name) continue;
      const bool same = i.kind == kind && i.what.unit == m.unit &&
                        std::equal(labels.begin(), labels.end(), i.labels.begin(), i.labels.end(),
                                   [](const auto& a, const auto& b) { return a.first == b.first; });
      if (!same) {
        throw configuration_error(fmt::format(
            "the metric {} is registered twice, with another kind, unit or labels", m.name));
      }
    }
  }
};

metrics::metrics() : impl_(new impl) {}
metrics::~metrics() { delete impl_; }

counter& metrics::count(const metric& m, const metric_labels& labels) {
  std::lock_guard lock(impl_->mutex);
  auto& i = impl_->find_or_add(m, metric_kind::counter, labels);
  if (!i.count) i.count = std::make_unique<counter>();
  return *i.count;
}

gauge& metrics::level(const metric& m, const metric_labels& labels) {
  std::lock_guard lock(impl_->mutex);
  auto& i = impl_->find_or_add(m, metric_kind::gauge, labels);
  if (!i.level) i.level = std::make_unique<gauge>();
  return *i.level;
}

histogram& metrics::distribution(const metric& m, std::span<const double> bounds,
                                 const metric_labels& labels) {
  std::lock_guard lock(impl_->mutex);
  auto made = std::make_unique<histogram>(bounds);
  auto& i = impl_->find_or_add(m, metric_kind::histogram, labels);
  if (!i.distribution) i.distribution = std::move(made);
  const auto there = i.distribution->bounds();
  if (!std::equal(there.begin(), there.end(), bounds.begin(), bounds.end())) {
    throw configuration_error(
        fmt::format("the metric {} is registered twice, with other bounds", m.name));
  }
  return *i.distribution;
}

void metrics::level(const metric& m, const metric_labels& labels, function<double()> ask) {
  std::lock_guard lock(impl_->mutex);
  impl_->find_or_add(m, metric_kind::gauge, labels).ask = std::move(ask);
}

void metrics::collect(function<void(metric_sink&)> fill) {
  std::lock_guard lock(impl_->mutex);
  impl_->fillers.push_back(std::move(fill));
}

std::string metrics::text(metric_format f) const {
  detail::metric_text out(f);
  // What is registered stays where it is, so nobody's code is called with the lock held.
  std::vector<const impl::instrument*> instruments;
  std::vector<const function<void(metric_sink&)>*> fillers;
  {
    std::lock_guard lock(impl_->mutex);
    for (const auto& i : impl_->instruments) instruments.push_back(&i);
    for (const auto& fill : impl_->fillers) fillers.push_back(&fill);
  }
  for (const auto* i : instruments) {
    try {
      if (i->ask) out.level(i->what, i->labels, i->ask());
      else if (i->count) out.count(i->what, i->labels, double(i->count->value()));
      else if (i->level) out.level(i->what, i->labels, i->level->value());
      else if (i->distribution) {
        out.distribution(i->what, i->labels, i->distribution->bounds(), i->distribution->values());
      }
    } catch (...) {}  // the others are still worth something
  }
  for (const auto* fill : fillers) {
    try {
      (*fill)(out);
    } catch (...) {}
  }
  return out.finish();
}

}  // namespace aft

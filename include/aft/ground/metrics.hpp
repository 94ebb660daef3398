#pragma once
// Numbers about what runs, and the texts by which Prometheus and others fetch them.

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <aft/ground/function.hpp>

namespace aft {

// What is measured, by the names of OpenTelemetry: {"http.server.request.duration", "Duration of
// HTTP server requests.", "s"}. Units are those of UCUM: "s", "By", "1", "{request}". In the texts
// it becomes http_server_request_duration_seconds.
struct metric {
  std::string name;
  std::string description{};
  std::string unit{};
};

// {"queue", "mail"}; the values are few, and never what strangers send.
using metric_labels = std::vector<std::pair<std::string, std::string>>;

namespace detail {

// Threads that count at the same time mostly write to different lines of the cache.
constexpr std::size_t metric_shards = 8;
inline std::size_t metric_shard() {
  static thread_local const char here = 0;  // its address tells threads apart
  const auto address = reinterpret_cast<std::uintptr_t>(&here);
  return std::size_t((std::uint64_t(address) * 0x9e3779b97f4a7c15u) >> 61);
}

}  // namespace detail

// Only grows. Any thread; a relaxed atomic addition, no lock, no allocation.
class counter {
 public:
  void add(std::uint64_t n = 1) noexcept {
    shards_[detail::metric_shard()].n.fetch_add(n, std::memory_order_relaxed);
  }
  std::uint64_t value() const noexcept;

 private:
  struct alignas(64) shard {
    std::atomic<std::uint64_t> n{0};
  };
  std::array<shard, detail::metric_shards> shards_{};
};

// Goes up and down. Any thread; without locks or allocation.
class gauge {
 public:
  void set(double v) noexcept { value_.store(v, std::memory_order_relaxed); }
  void add(double v) noexcept;
  double value() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<double> value_{0};
};

// What a histogram holds: how many values were at most each bound, those above all of them last.
struct histogram_values {
  std::vector<std::uint64_t> counts{};  // one more than bounds; not cumulative
  double sum = 0;
};

// How values are distributed over fixed buckets. Any thread; without locks or allocation.
class histogram {
 public:
  static constexpr std::size_t max_bounds = 31;

  // Increasing upper bounds, which are in their buckets. Throws configuration_error otherwise.
  explicit histogram(std::span<const double> bounds);
  void observe(double v) noexcept { observe(v, 1); }
  void observe(double v, std::uint64_t times) noexcept;
  std::span<const double> bounds() const { return {bounds_.data(), size_}; }
  histogram_values values() const;

 private:
  struct alignas(64) shard {
    std::array<std::atomic<std::uint64_t>, max_bounds + 1> counts{};
    std::atomic<double> sum{0};
  };
  static constexpr std::size_t shard_count = 4;

  std::array<double, max_bounds> bounds_{};
  std::size_t size_ = 0;
  std::array<shard, shard_count> shards_{};
};

// Buckets in seconds: OpenTelemetry's for HTTP, 5 ms to 10 s; for databases, 1 ms to 10 s; and for
// what takes microseconds, 10 us to 1 s.
std::span<const double> http_buckets();
std::span<const double> database_buckets();
std::span<const double> short_buckets();

// Takes what somebody else has counted, while the metrics are being written. One thread at a time.
class metric_sink {
 public:
  virtual void count(const metric& m, const metric_labels& labels, double value) = 0;
  virtual void level(const metric& m, const metric_labels& labels, double value) = 0;  // a gauge
  virtual void distribution(const metric& m, const metric_labels& labels,
                            std::span<const double> bounds, const histogram_values& values) = 0;

 protected:
  ~metric_sink() = default;
};

enum class metric_format : std::uint8_t { prometheus, open_metrics };

std::string_view media_type(metric_format f);  // of the text, with its version

// All metrics of one app. Any thread. The instruments live as long as it; registering takes a lock,
// recording none. One name and the same labels are the same instrument. Throws configuration_error
// for a name or label that is malformed, and for one name with two kinds, units or label names.
class metrics {
 public:
  metrics();
  metrics(const metrics&) = delete;
  metrics& operator=(const metrics&) = delete;
  ~metrics();

  //   auto& sold = app.metrics().count({"shop.books.sold", "Books sold.", "{book}"});
  //   sold.add();
  counter& count(const metric& m, const metric_labels& labels = {});
  gauge& level(const metric& m, const metric_labels& labels = {});
  histogram& distribution(const metric& m, std::span<const double> bounds,
                          const metric_labels& labels = {});

  // Asked for its value whenever the text is written, on the thread that writes it. What it throws
  // leaves the metric out.
  void level(const metric& m, const metric_labels& labels, function<double()> ask);
  // The same for several at once.
  void collect(function<void(metric_sink&)> fill);

  std::string text(metric_format f = metric_format::prometheus) const;

 private:
  class impl;
  impl* impl_;
};

}  // namespace aft

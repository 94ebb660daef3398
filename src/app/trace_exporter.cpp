#include "trace_exporter.hpp"

#include <algorithm>
#include <chrono>
#include <exception>
#include <iterator>
#include <string>
#include <utility>

#include <fmt/format.h>

#include <aft/ground/error.hpp>
#include <aft/ground/random.hpp>

#include "otlp.hpp"

namespace aft {
namespace {

constexpr std::uint64_t all_of_them = std::uint64_t(1) << 32;

http_client_options options_of(traces& how) {
  auto o = std::move(how.client);
  o.timeout = how.timeout;
  return o;
}

counter& dropped(metrics& all, std::string reason) {
  return all.count({"aft.traces.dropped", "Spans that were not sent.", "{span}"},
                   {{"reason", std::move(reason)}});
}

}  // namespace

trace_exporter::trace_exporter(traces how, const logger& log, const clock& time, metrics& numbers)
    : how_(std::move(how)), client_(options_of(how_)), log_(log), time_(time),
      exported_(
          numbers.count({"aft.traces.exported", "Spans that the collector has taken.", "{span}"})),
      found_no_room_(dropped(numbers, "full")), not_taken_(dropped(numbers, "not_taken")) {
  const bool fits = how_.sample >= 0 && how_.sample <= 1 && how_.batch > 0 &&
                    how_.max_waiting >= how_.batch && how_.every > duration();
  if (!fits) {
    throw configuration_error(
        "traces: sample is 0 to 1, batch at least 1, max_waiting at least a batch, every more than "
        "0");
  }
  if (!client_.may_ask(how_.url)) {
    throw configuration_error(
        "traces: url is that of a collector, such as "
        "\"http://127.0.0.1:4318/v1/traces\"");
  }
  thread_ = std::thread([this] { work(); });
}

trace_exporter::~trace_exporter() {
  {
    std::lock_guard lock(mutex_);
    ending_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

bool trace_exporter::wants_new_trace() {
  if (how_.sample >= 1) return true;
  if (how_.sample <= 0) return false;
  return random_number(all_of_them) < std::uint64_t(how_.sample * double(all_of_them));
}

void trace_exporter::take(ended_span&& s) noexcept {
  bool is_batch = false;
  try {
    std::lock_guard lock(mutex_);
    if (waiting_.size() < how_.max_waiting) {
      waiting_.push_back(std::move(s));
      is_batch = waiting_.size() == how_.batch;
    } else {
      found_no_room_.add();
    }
  } catch (const std::exception&) {
    found_no_room_.add();
  }
  if (is_batch) wake_.notify_one();
}

void trace_exporter::work() {
  const std::chrono::microseconds every(how_.every.in_microseconds());
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait_for(lock, every, [this] { return ending_ || waiting_.size() >= how_.batch; });
    while (!waiting_.empty()) {
      const auto end = waiting_.begin() + std::ptrdiff_t(std::min(how_.batch, waiting_.size()));
      std::vector<ended_span> batch(std::make_move_iterator(waiting_.begin()),
                                    std::make_move_iterator(end));
      waiting_.erase(waiting_.begin(), end);
      const bool patiently = !ending_;
      lock.unlock();
      const bool taken = send(batch, patiently);
      lock.lock();
      if (!taken && ending_) {
        not_taken_.add(waiting_.size());
        return;
      }
      if (waiting_.size() < how_.batch && !ending_) break;  // until there are more
    }
    if (ending_) return;
  }
}

bool trace_exporter::send(const std::vector<ended_span>& batch, bool patiently) {
  std::string why;
  try {
    http_request request{.method = "POST",
                         .url = how_.url,
                         .headers = how_.headers,
                         .body = write_otlp(batch, how_.service),
                         .idempotent = true};
    request.headers.emplace_back("Content-Type", "application/json");
    if (!patiently) request.retries = 0;
    const auto answer = client_.send(std::move(request));
    if (!answer) why = answer.reason().detail;
    else if (!answer->ok()) why = fmt::format("it answers {}", answer->status);
  } catch (const std::exception& e) {
    why = e.what();
  }
  (why.empty() ? exported_ : not_taken_).add(batch.size());
  if (why.empty() == is_away_) {
    is_away_ = !why.empty();
    if (is_away_) {
      log_.write(log_level::warning, "traces", "the collector of traces takes none: " + why);
    } else {
      log_.write(log_level::info, "traces", "the collector of traces takes them again");
    }
  }
  return why.empty();
}

}  // namespace aft

#pragma once
// What the library tells its host. It prints nothing: without a sink, records go nowhere.

#include <cstdint>
#include <string_view>

#include <aft/ground/function.hpp>

namespace aft {

enum class log_level : std::uint8_t { debug, info, warning, error };

std::string_view to_string(log_level);

// One event. The views live for the call of the sink only. Values that are secret (bodies,
// passwords, tokens, cookies, query strings) are never put in.
struct log_record {
  log_level level = log_level::info;
  std::string_view room{};     // "server", "storage", "jobs", "auth", "app"
  std::string_view message{};  // one sentence
  std::string_view route{};    // "GET /notes/{id}", where there is one
  std::string_view request_id{};
};

// Any thread; must not call back into the app; may block, at the price of the thread it blocks.
using log_sink = function<void(const log_record&)>;

// A sink with the least level that it takes. Any thread.
class logger {
 public:
  logger() = default;
  explicit logger(log_sink sink, log_level least = log_level::info)
      : sink_(std::move(sink)), least_(least) {}

  bool takes(log_level level) const { return sink_ && level >= least_; }
  void write(const log_record& record) const noexcept;  // what the sink throws is dropped
  void write(log_level level, std::string_view room, std::string_view message) const noexcept {
    if (takes(level)) write({level, room, message, {}, {}});
  }

 private:
  log_sink sink_;
  log_level least_ = log_level::info;
};

// A sink for programs: one line to standard error for each record.
log_sink log_to_stderr();

}  // namespace aft

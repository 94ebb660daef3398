#pragma once
// What the library tells its host. It prints nothing: without a sink, records go nowhere.

#include <concepts>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <aft/ground/clock.hpp>
#include <aft/ground/function.hpp>
#include <aft/ground/secret.hpp>
#include <aft/ground/time.hpp>

namespace aft {

enum class log_level : std::uint8_t { debug, info, warning, error };

std::string_view to_string(log_level);

// {"rows", "17"}; of a secret the stars alone.
struct log_field {
  log_field(std::string_view n, std::string_view v) : name(n), value(v) {}
  template <std::same_as<secret> Secret>  // so that no text becomes one
  log_field(std::string_view n, const Secret&) : name(n), value("***") {}
  std::string_view name, value;
};

// One event. The views live for the call of the sink only. Values that are secret (bodies,
// passwords, tokens, cookies, query strings) are never put in.
struct log_record {
  log_level level = log_level::info;
  std::string_view room{};     // "server", "storage", "jobs", "auth", "app", "access"
  std::string_view message{};  // one sentence
  // What is left empty of these is taken from current_context(), where there is one.
  std::string_view route{};  // "GET /notes/{id}", or the kind of a job
  std::string_view request_id{};
  std::string_view trace_id{};
  std::string_view user_id{};
  int status = 0;                  // of an answer; 0: none
  std::optional<duration> took{};  // what was done
  std::span<const log_field> fields{};
  time_point time{};  // set by the logger
};

// Any thread; must not call back into the app; may block, at the price of the thread it blocks.
using log_sink = function<void(const log_record&)>;

// The least level of one room: {"jobs", log_level::debug}.
using room_levels = std::vector<std::pair<std::string, log_level>>;

// A sink with the least level that it takes. Any thread.
class logger {
 public:
  logger() = default;
  explicit logger(log_sink sink, log_level least = log_level::info, room_levels rooms = {},
                  const clock* time = nullptr);  // null: the system's

  bool takes(log_level level) const { return sink_ && level >= lowest_; }  // of some room
  bool takes(log_level level, std::string_view room) const;
  void write(const log_record& record) const noexcept;  // what the sink throws is dropped
  void write(log_level level, std::string_view room, std::string_view message) const noexcept {
    if (takes(level)) write({.level = level, .room = room, .message = message});
  }

 private:
  log_sink sink_;
  log_level least_ = log_level::info, lowest_ = log_level::info;
  room_levels rooms_;
  const clock* time_ = nullptr;
};

// Takes one line, without its end. Any thread; whole lines must not mix.
using line_writer = function<void(std::string_view)>;

// For people: "2026-11-29T08:00:00Z error jobs: ... (route) request_id=...".
log_sink log_as_text(line_writer write);
// For machines: one JSON object for each record; names that are empty are left out.
log_sink log_as_json(line_writer write);

// Sinks for programs: a line to standard error for each record.
log_sink log_to_stderr();
log_sink log_json_to_stderr();

// A sink that hands errors on to `report`, each kind once, before all go to `sink`. A kind is the
// room, the route and the message without its numbers; it remembers the first thousand. Any thread.
log_sink report_errors(function<void(const log_record&)> report, log_sink sink = {});

}  // namespace aft

#include <aft/ground/log.hpp>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include <fmt/format.h>

#include <aft/ground/context.hpp>
#include <aft/ground/json.hpp>

namespace aft {

std::string_view to_string(log_level level) {
  switch (level) {
    case log_level::debug: return "debug";
    case log_level::info: return "info";
    case log_level::warning: return "warning";
    case log_level::error: return "error";
  }
  return "";
}

logger::logger(log_sink sink, log_level least, room_levels rooms, const clock* time)
    : sink_(std::move(sink)), least_(least), lowest_(least), rooms_(std::move(rooms)), time_(time) {
  for (const auto& [room, level] : rooms_) lowest_ = std::min(lowest_, level);
}

bool logger::takes(log_level level, std::string_view room) const {
  if (!takes(level)) return false;
  for (const auto& [name, least] : rooms_) {
    if (name == room) return level >= least;
  }
  return level >= least_;
}

namespace {

void fill_empty(std::string_view& place, std::string_view value) {
  if (place.empty()) place = value;
}

}  // namespace

void logger::write(const log_record& record) const noexcept {
  if (!takes(record.level, record.room)) return;
  try {
    auto whole = record;
    whole.time = time_ ? time_->now() : clock().now();
    if (const auto* c = current_context()) {
      fill_empty(whole.route, c->route);
      fill_empty(whole.request_id, c->request_id);
      fill_empty(whole.trace_id, c->trace.trace_id);
      fill_empty(whole.user_id, c->user_id);
    }
    sink_(whole);
  } catch (...) {}
}

namespace {

void append_pair(std::string& line, std::string_view name, std::string_view value) {
  if (!value.empty()) line.append(" ").append(name).append("=").append(value);
}

// In JSON as it is, or with what is no UTF-8 taken out.
void append_member(std::string& line, std::string_view name, std::string_view value) {
  if (value.empty()) return;
  auto text = json::write(std::string(value));
  if (!json::valid(text)) {
    std::string plain(value);
    for (auto& c : plain) {
      if (static_cast<unsigned char>(c) >= 0x80) c = '?';
    }
    text = json::write(plain);
  }
  if (line.back() != '{') line += ',';
  line.append(json::write(std::string(name))).append(":").append(text);
}

double in_seconds(duration d) { return double(d.in_microseconds()) / 1e6; }

void write_to_stderr(std::string_view text) {
  std::string line(text);
  line += '\n';
  std::fwrite(line.data(), 1, line.size(), stderr);
}

}  // namespace

log_sink log_as_text(line_writer write) {
  return [write = std::move(write)](const log_record& r) {
    auto line = to_rfc3339(r.time);
    line.append(" ").append(to_string(r.level)).append(" ");
    line.append(r.room).append(": ").append(r.message);
    if (!r.route.empty()) line.append(" (").append(r.route).append(")");
    if (r.status) line += fmt::format(" status={}", r.status);
    if (r.took) line += fmt::format(" took={:.6f}s", in_seconds(*r.took));
    append_pair(line, "user", r.user_id);
    for (const auto& f : r.fields) append_pair(line, f.name, f.value);
    append_pair(line, "request_id", r.request_id);
    append_pair(line, "trace_id", r.trace_id);
    for (char& c : line) {
      if (static_cast<unsigned char>(c) < ' ' || c == 127) c = ' ';  // one record, one line
    }
    write(line);
  };
}

log_sink log_as_json(line_writer write) {
  return [write = std::move(write)](const log_record& r) {
    std::string line = "{";
    append_member(line, "time", to_rfc3339(r.time));
    append_member(line, "level", to_string(r.level));
    append_member(line, "room", r.room);
    append_member(line, "message", r.message);
    append_member(line, "route", r.route);
    append_member(line, "request_id", r.request_id);
    append_member(line, "trace_id", r.trace_id);
    append_member(line, "user_id", r.user_id);
    if (r.status) line += fmt::format(",\"status\":{}", r.status);
    if (r.took) line += fmt::format(",\"duration_seconds\":{:.6f}", in_seconds(*r.took));
    if (!r.fields.empty()) {
      std::string fields = "{";
      for (const auto& f : r.fields) append_member(fields, f.name, f.value);
      line += ",\"fields\":" + fields + "}";
    }
    write(line + "}");
  };
}

log_sink log_to_stderr() { return log_as_text(write_to_stderr); }
log_sink log_json_to_stderr() { return log_as_json(write_to_stderr); }

namespace {

class reported_kinds {
 public:
  bool is_new(const log_record& r) {
    std::string kind;
    kind.append(r.room).append("|").append(r.route).append("|");
    for (const char c : r.message) {
      if (c < '0' || c > '9') kind += c;
    }
    std::lock_guard lock(mutex_);
    return kinds_.size() < most && kinds_.insert(std::move(kind)).second;
  }

 private:
  static constexpr std::size_t most = 1000;
  std::mutex mutex_;
  std::set<std::string> kinds_;  // guarded by mutex_
};

}  // namespace

log_sink report_errors(function<void(const log_record&)> report, log_sink sink) {
  return [report = std::move(report), sink = std::move(sink),
          kinds = std::make_unique<reported_kinds>()](const log_record& r) {
    if (r.level == log_level::error && kinds->is_new(r)) {
      try {
        report(r);
      } catch (...) {}
    }
    if (sink) sink(r);
  };
}

}  // namespace aft

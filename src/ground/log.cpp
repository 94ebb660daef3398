#include <aft/ground/log.hpp>

#include <cstdio>
#include <string>

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

void logger::write(const log_record& record) const noexcept {
  if (!takes(record.level)) return;
  try {
    sink_(record);
  } catch (...) {}
}

log_sink log_to_stderr() {
  return [](const log_record& record) {
    std::string line(to_string(record.level));
    line.append(" ").append(record.room).append(": ").append(record.message);
    if (!record.route.empty()) line.append(" (").append(record.route).append(")");
    for (char& c : line) {
      if (static_cast<unsigned char>(c) < ' ' || c == 127) c = ' ';  // one record, one line
    }
    line += '\n';
    std::fwrite(line.data(), 1, line.size(), stderr);
  };
}

}  // namespace aft

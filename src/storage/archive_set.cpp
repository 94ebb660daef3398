#include "archive_set.hpp"

#include <algorithm>
#include <filesystem>
#include <sstream>
#include <system_error>
#include <tuple>

#include <fmt/format.h>

#include <aft/ground/json.hpp>
#include <aft/storage/archive.hpp>
#include <aft/storage/errors.hpp>

#include "durable_file.hpp"

namespace aft {
namespace storage {
namespace {

constexpr std::size_t most_marks_bytes = 1u << 30;
constexpr const char* closed = "closed";

std::optional<archive_generation> read_generation(const std::filesystem::path& path) {
  try {
    auto base = json::read<archive_base>(read_whole_file((path / base_about_file).string(), 10'000),
                                         {.ignore_unknown = true});
    if (!base || base->format != 1) return {};
    return archive_generation{path.string(), std::move(*base)};
  } catch (const storage_error&) {
    return {};
  }
}

std::optional<archive_mark> mark_in(const std::string& line) {
  std::istringstream words(line);
  archive_mark mark;
  std::int64_t moment = 0;
  if (!(words >> mark.log >> mark.frames >> moment)) return {};
  mark.time = time_point(microseconds(moment));
  std::string end;
  mark.is_closed = bool(words >> end) && end == closed;
  return mark;
}

// Those that were written to their ends.
std::string whole_lines_of(const std::string& path) {
  auto text = read_whole_file(path, most_marks_bytes);
  text.resize(text.rfind('\n') + 1);
  return text;
}

}  // namespace

std::vector<archive_mark> archive_generation::marks() const {
  const auto file = path + "/" + marks_file;
  std::vector<archive_mark> all;
  std::istringstream text(whole_lines_of(file));
  for (std::string line; std::getline(text, line);) {
    const auto mark = mark_in(line);
    if (!mark) break;
    all.push_back(*mark);
  }
  if (all.empty()) {
    throw storage_error(storage_fault::corrupt, fmt::format("there are no marks in {}", file));
  }
  return all;
}

std::string log_file_name(std::uint32_t number) { return fmt::format("{:08}.log", number); }

std::string mark_line(const archive_mark& mark) {
  return fmt::format("{} {} {}{}{}\n", mark.log, mark.frames,
                     mark.time.since_1970().in_microseconds(), mark.is_closed ? " " : "",
                     mark.is_closed ? closed : "");
}

std::vector<archive_generation> list_generations(const std::string& directory) {
  std::vector<archive_generation> found;
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(directory, none)) {
    if (auto one = read_generation(entry.path())) found.push_back(std::move(*one));
  }
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) {
    return std::tie(a.base.time, a.path) < std::tie(b.base.time, b.path);
  });
  return found;
}

time_point reopen_archive(const std::string& directory, time_point now) {
  const auto all = list_generations(directory);
  if (all.empty()) return {};
  const auto file = all.back().path + "/" + marks_file;
  std::string text;
  try {
    text = whole_lines_of(file);
  } catch (const storage_error&) {  // then nobody goes back to them
  }
  const auto last = text.empty() ? 0 : text.rfind('\n', text.size() - 2) + 1;
  auto mark = mark_in(text.substr(last));
  if (!mark) return all.back().base.time;
  if (!mark->is_closed) return mark->time;
  auto marks = durable_file::open_to_write(file);
  marks.cut(std::int64_t(last));
  marks.sync();
  mark->is_closed = false;
  mark->time = std::max(now, mark->time);
  try {
    marks.write(mark_line(*mark));
    marks.sync();
  } catch (const storage_error& e) {  // without it what is known ends with the mark before
    if (e.fault() != storage_fault::full) throw;
  }
  return mark->time;
}

void remove_unfinished_generations(const std::string& directory) {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(directory, ignored)) {
    if (!entry.is_directory(ignored) || entry.is_symlink(ignored)) continue;
    // Nothing that is not an archive's.
    const bool begun = std::filesystem::exists(entry.path() / marks_file, ignored) ||
                       std::filesystem::exists(entry.path() / base_file, ignored);
    if (!begun || std::filesystem::exists(entry.path() / base_about_file, ignored)) continue;
    std::filesystem::remove_all(entry.path(), ignored);
  }
}

void remove_old_generations(const std::string& directory, time_point now, duration keep) {
  const auto begins = [now](const archive_generation& g) {
    return g.base.time > now ? g.base.made_at.value_or(g.base.time) : g.base.time;
  };
  const auto all = list_generations(directory);
  for (std::size_t i = 0; i + 1 < all.size() && begins(all[i + 1]) <= now - keep; ++i) {
    // A crash in between leaves one without its base.json.
    std::error_code ignored;
    std::filesystem::remove(std::filesystem::path(all[i].path) / base_about_file, ignored);
    std::filesystem::remove_all(all[i].path, ignored);
  }
}

}  // namespace storage

std::vector<archive_span> list_archive(const std::string& directory) {
  std::vector<archive_span> spans;
  const auto all = storage::list_generations(directory);
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto& base = all[i].base;
    std::vector<storage::archive_mark> marks;
    try {
      marks = all[i].marks();
    } catch (const storage_error&) {
      continue;
    }
    spans.push_back({base.time, base.time});
    for (std::size_t k = 1; k < marks.size(); ++k) {
      const bool is_known = marks[k].is_same_state(marks[k - 1]) ||
                            marks[k].time - marks[k - 1].time <= storage::most_lost(base);
      if (!is_known) spans.push_back({marks[k].time, marks[k].time});
      spans.back().to = marks[k].time;
    }
    if (i + 1 == all.size()) break;
    const auto next = all[i + 1].base.time;
    if (marks.back().is_closed || next - spans.back().to <= storage::most_lost(base)) {
      spans.back().to = std::max(spans.back().to, next);
    }
  }
  return spans;
}

}  // namespace aft

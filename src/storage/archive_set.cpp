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

std::vector<archive_mark> read_marks(const std::string& path) {
  std::vector<archive_mark> marks;
  std::string line;
  std::istringstream text(read_whole_file(path, most_marks_bytes));
  while (std::getline(text, line) && !text.eof()) {  // a last one without its end was torn
    std::istringstream words(line);
    archive_mark mark;
    std::int64_t moment = 0;
    if (!(words >> mark.log >> mark.frames >> moment)) break;
    mark.time = time_point(microseconds(moment));
    std::string end;
    mark.is_closed = bool(words >> end) && end == closed;
    marks.push_back(mark);
  }
  return marks;
}

std::optional<archive_generation> read_generation(const std::filesystem::path& path) {
  try {
    auto base = json::read<archive_base>(read_whole_file((path / base_about_file).string(), 10'000),
                                         {.ignore_unknown = true});
    if (!base || base->format != 1) return {};
    archive_generation found{path.string(), std::move(*base),
                             read_marks((path / marks_file).string())};
    if (found.marks.empty()) return {};
    return found;
  } catch (const storage_error&) {
    return {};
  }
}

}  // namespace

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
  auto all = list_generations(directory);
  if (all.empty()) return {};
  auto& marks = all.back().marks;
  if (marks.back().is_closed) {
    marks.push_back(marks.back());
    marks.back().time = std::max(now, marks.back().time);
    marks.back().is_closed = false;
    std::string text;  // anew, as the last line may have been torn
    for (const auto& mark : marks) text += mark_line(mark);
    replace_file(all.back().path + "/" + marks_file, text);
  }
  return marks.back().time;
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

void remove_generations_before(const std::string& directory, time_point moment) {
  const auto all = list_generations(directory);
  for (std::size_t i = 0; i + 1 < all.size() && all[i + 1].base.time <= moment; ++i) {
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
    const auto& [path, base, marks] = all[i];
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

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <numeric>
#include <system_error>

#include <aft/storage/backup.hpp>

#include "backup_set.hpp"

namespace aft {
namespace {

std::int64_t divide_down(std::int64_t a, std::int64_t b) {
  return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

std::int64_t hour_of(time_point t) {
  return divide_down(t.since_1970().in_microseconds(), hours(1).in_microseconds());
}
std::int64_t day_of(time_point t) { return divide_down(hour_of(t), 24); }
std::int64_t week_of(time_point t) { return divide_down(day_of(t) + 3, 7); }  // from Monday
std::int64_t month_of(time_point t) {
  const auto text = to_rfc3339(t);
  return std::stoll(text.substr(0, 4)) * 12 + std::stoll(text.substr(5, 2));
}

// Of backups in order, the newest first: marks the first of each of so many periods.
void mark_newest(const std::vector<const dated_backup*>& newest_first, int count,
                 std::int64_t (*period)(time_point), std::vector<bool>& stays) {
  std::optional<std::int64_t> last;
  for (std::size_t i = 0; i < newest_first.size() && count > 0; ++i) {
    const auto p = period(newest_first[i]->time);
    if (last == p) continue;
    last = p;
    stays[i] = true;
    --count;
  }
}

void remove_whole(const std::filesystem::path& path) {
  // First the name goes, so that a crash leaves nothing that looks like a backup.
  const auto going = path.parent_path() / (".partial-going-" + path.filename().string());
  std::filesystem::rename(path, going);
  std::filesystem::remove_all(going);
}

}  // namespace

std::vector<std::string> superfluous(std::span<const dated_backup> backups, const retention& keep) {
  std::vector<const dated_backup*> sorted;
  for (const auto& b : backups) sorted.push_back(&b);
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto* a, const auto* b) { return a->time > b->time; });
  std::vector<bool> stays(sorted.size(), false);
  if (!stays.empty()) stays[0] = true;
  mark_newest(sorted, keep.hourly, hour_of, stays);
  mark_newest(sorted, keep.daily, day_of, stays);
  mark_newest(sorted, keep.weekly, week_of, stays);
  mark_newest(sorted, keep.monthly, month_of, stays);
  const auto verified =
      std::find_if(sorted.begin(), sorted.end(), [](const auto* b) { return b->verified; });
  if (verified != sorted.end()) stays[std::size_t(verified - sorted.begin())] = true;
  std::vector<std::string> names;
  for (auto i = sorted.size(); i-- > 0;) {
    if (!stays[i]) names.push_back(sorted[i]->name);
  }
  return names;
}

std::vector<std::string> prune_backups(const std::string& directory, const retention& keep) {
  std::vector<dated_backup> backups;
  for (const auto& b : list_backups(directory)) {
    backups.push_back({b.name, b.manifest.time, b.verified.has_value()});
  }
  auto names = superfluous(backups, keep);
  try {
    for (const auto& name : names) remove_whole(std::filesystem::path(directory) / name);
  } catch (const std::filesystem::filesystem_error& e) {
    storage::fail_file("remove backups from", directory, e.code().value());
  }
  storage::remove_left_over(directory + storage::partial_prefix);
  return names;
}

}  // namespace aft

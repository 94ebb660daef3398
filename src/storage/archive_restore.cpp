#include <algorithm>
#include <cstddef>
#include <vector>

#include <fmt/format.h>

#include <aft/storage/backup.hpp>

#include "archive_set.hpp"
#include "backup_set.hpp"
#include "paced_copy.hpp"
#include "sqlite/log_scan.hpp"
#include "sqlite/rebuild.hpp"

namespace aft {
namespace {

using storage::archive_generation;
using storage::archive_mark;

struct archive_target {
  archive_generation generation;
  std::vector<archive_mark> marks;  // of that
  archive_mark mark;
  bool beyond;  // what was shipped after the mark, too
};

// Throws where what was written between the mark and the moment may be missing; when the archive
// went on, if it did.
void require_known(const archive_generation& g, const archive_mark& mark, time_point to,
                   std::optional<time_point> went_on) {
  if (mark.is_closed || to - mark.time <= storage::most_lost(g.base)) return;
  throw configuration_error(
      went_on
          ? fmt::format("the archive does not know what was written between {} and {}: it can go "
                        "back to one of these, not to {}",
                        to_rfc3339(mark.time), to_rfc3339(*went_on), to_rfc3339(to))
          : fmt::format("the archive does not know what was written after {}: it can go back to "
                        "that, or to the latest where no moment is named, not to {}",
                        to_rfc3339(mark.time), to_rfc3339(to)));
}

archive_target choose_target(const std::string& directory, std::optional<time_point> to) {
  auto all = storage::list_generations(directory);
  if (all.empty()) {
    throw configuration_error(
        fmt::format("the archive in {} has no whole copy to begin with", directory));
  }
  if (!to) {
    auto marks = all.back().marks();
    const auto last = marks.back();
    return {std::move(all.back()), std::move(marks), last, true};
  }
  const auto after =
      std::find_if(all.begin(), all.end(), [&](const auto& g) { return g.base.time > *to; });
  if (after == all.begin()) {
    throw configuration_error(fmt::format("the archive in {} goes back to {}, not to {}", directory,
                                          to_rfc3339(all.front().base.time), to_rfc3339(*to)));
  }
  auto& chosen = *(after - 1);
  auto marks = chosen.marks();
  const auto next =
      std::find_if(marks.begin() + 1, marks.end(), [&](const auto& m) { return m.time > *to; });
  const auto mark = *(next - 1);
  if (next != marks.end()) {
    if (!next->is_same_state(mark)) require_known(chosen, mark, *to, next->time);
  } else {
    require_known(chosen, mark, *to,
                  after != all.end() ? std::optional(after->base.time) : std::nullopt);
  }
  return {std::move(chosen), std::move(marks), mark, false};
}

void extract_base(const archive_generation& g, const std::string& to) {
  storage::backup_reader reader(g.path + "/" + storage::base_file, {.compress = true},
                                {g.base.size, g.base.stored_size, g.base.sha256});
  auto out = storage::durable_file::create(to);
  for (auto part = reader.read(); !part.empty(); part = reader.read()) out.write(part);
  out.sync();
}

std::uint32_t frames_by_marks(const std::vector<archive_mark>& marks, std::uint32_t log) {
  std::uint32_t frames = 0;
  for (const auto& m : marks) {
    if (m.log == log) frames = std::max(frames, m.frames);
  }
  return frames;
}

// Puts as much of a log beside the database as belongs there, and takes it in.
void replay_log(storage::log_scan& log, std::int64_t bytes, const std::string& database,
                const secret& key) {
  auto out = storage::durable_file::create(database + "-wal");
  std::string buffer(storage::copy_step, '\0');
  for (std::int64_t at = 0; at < bytes;) {
    const auto want = std::min(std::int64_t(buffer.size()), bytes - at);
    const auto n = log.read(buffer.data(), std::size_t(want), at);
    if (!n) break;  // it was just scanned
    out.write({buffer.data(), n});
    at += std::int64_t(n);
  }
  storage::take_in_log(database, key);
}

void replay_logs(const archive_target& target, const std::string& database, const secret& key) {
  const auto& g = target.generation;
  std::optional<std::uint32_t> salt;
  for (std::uint32_t number = 1; number <= target.mark.log; ++number) {
    storage::log_scan log(g.path + "/" + storage::log_file_name(number));
    log.advance();
    const bool last = number == target.mark.log;
    const auto needed = last ? target.mark.frames : frames_by_marks(target.marks, number);
    if (!log.has_log() || log.frames() < needed || (salt && log.salt() != *salt + 1)) {
      throw storage_error(storage_fault::corrupt,
                          fmt::format("the archive's {}/{} is missing, cut off or changed; an "
                                      "earlier moment may still be restored",
                                      g.path, storage::log_file_name(number)));
    }
    salt = log.salt();
    replay_log(log, last && !target.beyond ? log.bytes_up_to(needed) : log.bytes(), database, key);
  }
}

}  // namespace

restored restore_archive(const std::string& directory, const std::string& database_file,
                         const clock& time, std::optional<time_point> to,
                         const restore_options& options) {
  if (!options.files.empty() || !options.key.bytes.empty() || !options.key.passphrase.empty()) {
    throw configuration_error(
        "an archive holds no files, and has no key but that of its database (database_key)");
  }
  const auto target = choose_target(directory, to);
  storage::require_key_that_fits("the archive in " + directory, target.generation.base.keyed_by,
                                 options.database_key);
  storage::take_back_restore(database_file);
  storage::remove_left_over(storage::beside(database_file));
  const storage::scratch_directory scratch(storage::beside(database_file));
  const auto fresh = scratch.path() + "/database";
  extract_base(target.generation, fresh);
  replay_logs(target, fresh, options.database_key);
  storage::require_sound(fresh, options.database_key, options.schema);
  storage::database_place place(database_file, options.database_key);
  return {database_file, place.put(fresh, time.now()), "", "", target.mark.time};
}

}  // namespace aft

#include <filesystem>
#include <optional>
#include <set>
#include <string_view>

#include <fmt/format.h>

#include <aft/storage/backup.hpp>

#include "backup_set.hpp"
#include "backup_target.hpp"
#include "sqlite/rebuild.hpp"

namespace aft {
namespace {

namespace fs = std::filesystem;

// An untrusted name, below a directory.
fs::path path_below(const fs::path& root, const std::string& path) {
  const fs::path relative(path);
  bool leaves = relative.empty() || relative.is_absolute() || path.find('\0') != path.npos;
  for (const auto& part : relative) leaves |= part == ".." || part == "." || part.empty();
  if (leaves) {
    throw storage_error(storage_fault::corrupt,
                        fmt::format("a backup's file \"{}\" would leave its directory", path));
  }
  return root / relative;
}

void extract_files(const storage::opened_backup& backup, const std::string& to) {
  std::error_code failed;
  fs::create_directories(to, failed);
  std::set<fs::path> directories{to};
  for (const auto& file : backup.manifest.files) {
    const auto path = path_below(to, file.path);
    fs::create_directories(path.parent_path(), failed);
    storage::extract(backup, file, path.string());
    for (auto at = path.parent_path(); directories.insert(at).second;) at = at.parent_path();
  }
  for (const auto& directory : directories) storage::sync_directory(directory.string());
}

std::string without_slash(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  return path;
}

storage::placing placing_of_files(const std::string& fresh, const std::string& place,
                                  time_point now) {
  storage::placing p{fresh, place, "", storage::inode_of(fresh)};
  if (!storage::inode_of(place)) return p;
  storage::give_to_owner_of(place, fresh);
  p.previous = storage::name_for_previous(place, now);
  return p;
}

}  // namespace

restored restore_backup(const std::string& path, const std::string& database_file,
                        const clock& time, const restore_options& options) {
  const auto files = storage::resolved(without_slash(options.files));
  storage::take_back_restore(database_file);
  storage::remove_left_over(storage::beside(database_file));
  const storage::scratch_directory scratch(storage::beside(database_file));
  const auto backup =
      storage::open_backup(storage::unpacked_path(path, scratch.path()), options.key);
  const auto fresh = scratch.path() + "/database";
  storage::extract_database(backup, fresh, options.database_key);
  storage::require_sound(fresh, options.database_key, options.schema);

  std::optional<storage::scratch_directory> file_scratch;
  if (!files.empty()) {
    storage::remove_left_over(storage::beside(files));
    file_scratch.emplace(storage::beside(files));
    extract_files(backup, file_scratch->path() + "/files");
  }
  storage::database_place place(database_file, options.database_key);
  storage::placing placing;
  if (file_scratch) {
    placing = placing_of_files(file_scratch->path() + "/files", files, time.now());
  }
  const auto previous = place.put(fresh, time.now(), placing);
  return {database_file, previous, files, placing.previous, backup.manifest.time};
}

void undo_restore(const restored& r, const secret& database_key) {
  if (r.previous.empty()) {
    throw storage_error(
        storage_fault::misuse,
        fmt::format("there was nothing before {} was restored; remove it instead", r.database));
  }
  storage::database_place place(r.database, database_key);
  storage::placing files;
  if (!r.previous_files.empty()) {
    const auto& previous = r.previous_files;
    files = {previous, r.files, previous, storage::inode_of(previous)};
  }
  place.exchange(r.previous, files);
}

}  // namespace aft

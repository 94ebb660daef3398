#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <string_view>

#include <fmt/format.h>

#include <aft/storage/backup.hpp>

#include "backup_set.hpp"
#include "backup_target.hpp"
#include "sqlite/rebuild.hpp"

namespace aft {
namespace {

namespace fs = std::filesystem;

bool exists_there(const std::string& path) {
  struct stat about {};
  return ::lstat(path.c_str(), &about) == 0;
}

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
  for (const auto& file : backup.manifest.files) {
    const auto path = path_below(to, file.path);
    fs::create_directories(path.parent_path(), failed);
    storage::extract(backup, file, path.string());
    storage::sync_directory(path.parent_path().string());
  }
}

std::string without_slash(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  return path;
}

// Where what is restored waits for its name: where a link leads, as it may be another file system.
std::string beside(const std::string& path) { return storage::resolved(path) + ".restoring-"; }

// The name that the previous directory got, or empty.
std::string put_files(const std::string& fresh, const std::string& place, time_point now) {
  if (!exists_there(place)) {
    storage::rename_new(fresh, place);
    return "";
  }
  // With that name first, so that no moment has the old ones nowhere but where they are removed.
  storage::give_to_owner_of(place, fresh);
  const auto previous = storage::name_for_previous(place, now);
  storage::rename_new(fresh, previous);
  try {
    storage::swap_names(previous, place);
  } catch (...) {
    storage::rename_new(previous, fresh);
    throw;
  }
  return previous;
}

void take_files_back(const std::string& place, const std::string& previous) noexcept {
  try {
    if (previous.empty()) fs::remove_all(place);
    else storage::swap_names(place, previous), fs::remove_all(previous);
  } catch (const std::exception&) {  // what went wrong before is what is told
  }
}

}  // namespace

restored restore_backup(const std::string& path, const std::string& database_file,
                        const clock& time, const restore_options& options) {
  const storage::scratch_directory scratch(beside(database_file));
  const auto backup =
      storage::open_backup(storage::unpacked_path(path, scratch.path()), options.key);
  const auto fresh = scratch.path() + "/database";
  storage::extract_database(backup, fresh, options.database_key);
  storage::require_sound(fresh, options.database_key, options.schema);

  std::optional<storage::scratch_directory> file_scratch;
  const auto files = storage::resolved(without_slash(options.files));
  if (!files.empty()) {
    file_scratch.emplace(beside(files));
    extract_files(backup, file_scratch->path() + "/files");
  }
  storage::database_place place(database_file, options.database_key);
  restored done{database_file, "", files, "", backup.manifest.time};
  if (file_scratch) {
    done.previous_files = put_files(file_scratch->path() + "/files", files, time.now());
  }
  try {
    done.previous = place.put(fresh, time.now());
  } catch (...) {
    if (file_scratch) take_files_back(files, done.previous_files);
    throw;
  }
  return done;
}

void undo_restore(const restored& r, const secret& database_key) {
  if (r.previous.empty()) {
    throw storage_error(
        storage_fault::misuse,
        fmt::format("there was nothing before {} was restored; remove it instead", r.database));
  }
  storage::database_place place(r.database, database_key);
  place.exchange(r.previous);
  if (!r.previous_files.empty()) storage::swap_names(r.files, r.previous_files);
}

}  // namespace aft

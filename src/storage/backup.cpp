#include <aft/storage/backup.hpp>

#include <sqlite3.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include <fmt/format.h>

#include <aft/ground/encoding.hpp>
#include <aft/ground/json.hpp>
#include <aft/ground/random.hpp>

#include "../ground/may_wait.hpp"
#include "../ground/utf8.hpp"
#include "backup_set.hpp"
#include "backup_target.hpp"
#include "database.hpp"
#include "paced_copy.hpp"
#include "sqlite/log_scan.hpp"
#include "sqlite/raw_file.hpp"
#include "sqlite/rebuild.hpp"

namespace aft {
namespace {

namespace fs = std::filesystem;
using namespace std::string_literals;

std::string name_of_backup(const backup_options& options, time_point now) {
  auto name = options.name;
  if (name.empty()) {
    name = to_rfc3339(now);
    std::replace(name.begin(), name.end(), ':', '-');
  }
  if (name.starts_with('.') || name.find('/') != name.npos || name.find('\0') != name.npos) {
    throw configuration_error(fmt::format("\"{}\" is no name of a backup", name));
  }
  return name;
}

const std::string& file_to_back_up(database& db) {
  if (const auto* file = db.inside().engine().file()) return *file;
  throw storage_error(
      storage_fault::misuse,
      "a database on PostgreSQL is backed up with its own tools, such as pg_basebackup");
}

// Those of a directory that is read to its end, and the directories in it. What is removed
// meanwhile may be missing, what cannot be read may not.
void list_directory(const fs::path& directory, std::vector<fs::path>& files,
                    std::vector<fs::path>& directories) {
  std::error_code failed;
  for (fs::directory_iterator at(directory, failed); !failed && at != fs::end(at);
       at.increment(failed)) {
    std::error_code unknown;
    const auto type = at->symlink_status(unknown).type();
    if (type == fs::file_type::none) storage::fail_file("look at", at->path(), unknown.value());
    if (type == fs::file_type::regular) files.push_back(at->path());
    if (type == fs::file_type::directory) directories.push_back(at->path());
  }
  if (failed) storage::fail_file("read", directory, failed.value());
}

// Below the root, in their order.
std::vector<std::string> list_files(const fs::path& root) {
  std::vector<fs::path> files, directories;
  list_directory(root, files, directories);
  while (!directories.empty()) {
    const auto next = std::move(directories.back());
    directories.pop_back();
    try {
      list_directory(next, files, directories);
    } catch (const storage_error&) {
      std::error_code unknown;
      if (fs::symlink_status(next, unknown).type() != fs::file_type::not_found) throw;
    }
  }
  std::vector<std::string> paths;
  for (const auto& file : files) {
    paths.push_back(file.lexically_relative(root).generic_string());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

// One backup on its way.
class backup_maker {
 public:
  backup_maker(database& db, storage::backup_target& target, const backup_options& options,
               const std::atomic<bool>& stopped)
      : db_(db), options_(options), stopped_(stopped), target_(target),
        source_(file_to_back_up(db), storage::raw_access::read, db.inside().engine().key()),
        log_(source_.log_path()), pace_(options.bytes_per_second) {
    manifest_.id = to_hex(random_bytes(16));
    manifest_.library = std::string(storage::library_version);
    manifest_.sqlite = sqlite3_libversion();
    manifest_.application = options.application;
    manifest_.application_version = options.application_version;
    manifest_.compressed = options.compress;
    manifest_.encryption = storage::begin_encryption(options.key);
    manifest_.keyed_by = source_.keyed_by();
    secrets_ = storage::make_secrets(options.key, manifest_);
  }

  backup_manifest make(std::size_t most_manifest_bytes = storage::most_manifest_bytes) {
    begin();
    copy_log();
    copy_database();
    ask();
    source_.run("commit");
    if (!options_.files.empty()) copy_files();
    const auto text = json::write(manifest_);
    if (text.size() > most_manifest_bytes) {
      throw storage_error(storage_fault::misuse,
                          fmt::format("{} has too many files for one backup", options_.files));
    }
    target_.write_manifest(text, storage::manifest_sum(text, secrets_) + "\n");
    return std::move(manifest_);
  }

 private:
  // A view of the database at one moment. As long as it lasts, a checkpoint changes only pages that
  // are in the log up to here, and the log begins anew only where it is not needed; so the bytes of
  // the file, copied at leisure, are made good by those of the log.
  void begin() {
    log_.advance();
    db_.write([&](transaction&) {           // on the writer: so nothing is committed meanwhile
      if (began_) source_.run("rollback");  // the writer has run this before, and not committed
      began_ = true;
      source_.run("begin");
      source_.rows("select count(*) from sqlite_schema");
      log_.advance();
      manifest_.time = db_.time().now();
    });
    manifest_.commit = log_.last_commit();
  }

  backup_file store(const std::string& stored_as, auto&& read, std::string path = "") {
    backup_file about{std::move(path), stored_as + storage::stored_suffix(manifest_), 0, 0, ""};
    auto out = target_.begin_part(about.stored_as,
                                  storage::coding_of(manifest_, secrets_, about.stored_as));
    std::string buffer(storage::copy_step, '\0');
    std::int64_t offset = 0;
    while (const auto n = read(buffer.data(), buffer.size(), offset)) {
      if (stopped_) throw storage_error(storage_fault::closed, "the backup was broken off");
      out.write({buffer.data(), n});
      out.start_writing_back();
      offset += std::int64_t(n);
      pace_.wait_after(std::int64_t(n));
    }
    const auto written = out.finish();
    target_.end_part();
    about.size = written.size;
    about.stored_size = written.stored_size;
    about.sha256 = written.sha256;
    return about;
  }

  void copy_log() {
    if (!log_.has_log()) return;
    auto copied = store("log", [&](char* to, std::size_t size, std::int64_t offset) {
      return log_.read(to, std::size_t(std::min(std::int64_t(size), log_.bytes() - offset)),
                       offset);
    });
    // One that has begun anew was all in the database when the view of it began.
    if (log_.still_there() && copied.size == log_.bytes()) manifest_.log = std::move(copied);
    else target_.drop_part(copied.stored_as);
  }

  void copy_database() {
    manifest_.database = store("database", [&](char* to, std::size_t size, std::int64_t offset) {
      return source_.read(to, size, offset);
    });
  }

  void ask() {
    manifest_.schema = storage::read_schema(source_);
    if (options_.count_rows) manifest_.tables = storage::count_rows(source_);
  }

  void copy_files() {
    for (const auto& path : list_files(options_.files)) copy_file(path);
  }

  void copy_file(const std::string& path) {
    if (!detail::is_utf8(path)) {
      throw storage_error(storage_fault::other,
                          fmt::format("a file in {} has a name that is not UTF-8", options_.files));
    }
    storage::durable_file in;
    try {
      in = storage::durable_file::open(options_.files + "/" + path);
    } catch (const storage_error&) {
      if (!fs::exists(options_.files + "/" + path)) return;  // removed meanwhile
      throw;
    }
    manifest_.files.push_back(store(
        fmt::format("files/{}", manifest_.files.size() + 1),
        [&](char* to, std::size_t size, std::int64_t) { return in.read(to, size); }, path));
  }

  database& db_;
  const backup_options& options_;
  const std::atomic<bool>& stopped_;
  storage::backup_target& target_;
  storage::raw_file source_;
  storage::log_scan log_;
  storage::pace pace_;
  bool began_ = false;
  backup_manifest manifest_{};
  storage::backup_secrets secrets_{};
};

struct verified_mark {
  std::string id;
  time_point time;
};

std::optional<time_point> read_mark(const std::string& path, const std::string& id) {
  try {
    const auto mark = json::read<verified_mark>(
        storage::read_whole_file(path + "/" + storage::verified_file, 1000));
    if (mark && mark->id == id) return mark->time;
  } catch (const storage_error&) {  // none
  }
  return {};
}

std::optional<backup_info> look_at_backup(const fs::path& path) {
  try {
    auto manifest = json::read<backup_manifest>(
        storage::read_whole_file((path / storage::manifest_file).string(),
                                 storage::most_manifest_bytes),
        {.ignore_unknown = true});
    if (!manifest) return {};
    backup_info found{path.string(), path.filename().string(), std::move(*manifest), {}};
    found.verified = read_mark(found.path, found.manifest.id);
    return found;
  } catch (const storage_error&) {
    return {};
  }
}

}  // namespace

namespace {

void refuse_where_none_waits(const char* what) {
  if (!detail::must_not_wait) return;
  throw storage_error(storage_fault::misuse,
                      fmt::format("{} waits, {}; make it in a job, or in a handler that is "
                                  "aft::blocking",
                                  what, detail::must_not_wait));
}

backup_info info_of(const std::string& path, backup_manifest&& manifest) {
  return {path, fs::path(path).filename().string(), std::move(manifest), {}};
}

}  // namespace

backup_info storage::backup_until(database& db, const std::string& directory,
                                  const backup_options& options, const std::atomic<bool>& stopped,
                                  std::size_t manifest_bytes) {
  refuse_where_none_waits("a backup");
  const auto path = directory + "/" + name_of_backup(options, db.time().now());
  try {
    fs::create_directories(directory);
    storage::directory_target target(directory);
    auto manifest = backup_maker(db, target, options, stopped).make(manifest_bytes);
    target.rename(path);
    return info_of(path, std::move(manifest));
  } catch (const fs::filesystem_error& e) {
    storage::fail_file("back up to", directory, e.code().value());
  }
}

backup_info backup_to(database& db, const std::string& directory, const backup_options& options) {
  return storage::backup_until(db, directory, options, false);
}

backup_manifest backup_to(database& db, const backup_sink& sink, const backup_options& options) {
  refuse_where_none_waits("a backup");
  try {
    storage::stream_target target(sink);
    return backup_maker(db, target, options, false).make();
  } catch (const fs::filesystem_error& e) {
    storage::fail_file("back up", options.files, e.code().value());
  }
}

backup_info receive_backup(const backup_source& source, const std::string& directory,
                           const std::string& name) {
  refuse_where_none_waits("a backup");
  try {
    fs::create_directories(directory);
    storage::scratch_directory place(directory + storage::partial_prefix);
    const auto inside = place.path() + "/backup";
    storage::unpack_backup(source, inside);
    auto found = look_at_backup(inside);
    if (!found) {
      throw storage_error(storage_fault::corrupt, "the stream of a backup has no manifest");
    }
    const auto path = directory + "/" + name_of_backup({.name = name}, found->manifest.time);
    storage::rename_new(inside, path);
    storage::sync_directory(directory);
    return info_of(path, std::move(found->manifest));
  } catch (const fs::filesystem_error& e) {
    storage::fail_file("receive a backup to", directory, e.code().value());
  }
}

std::vector<backup_info> list_backups(const std::string& directory) {
  std::vector<backup_info> found;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(directory, none)) {
    if (entry.path().filename().string().starts_with('.')) continue;
    if (auto one = look_at_backup(entry.path())) found.push_back(std::move(*one));
  }
  std::sort(found.begin(), found.end(), [](const backup_info& a, const backup_info& b) {
    return a.manifest.time > b.manifest.time;
  });
  return found;
}

std::optional<duration> age_of_last_verified(const std::string& directory, const clock& time) {
  for (const auto& b : list_backups(directory)) {
    if (b.verified) return time.now() - b.manifest.time;
  }
  return {};
}

// ---- verifying

namespace {

std::string scratch_prefix(const std::string& scratch) {
  return (scratch.empty() ? fs::temp_directory_path().string() : scratch) + "/aft-verify-";
}

void compare_counts(const std::vector<table_rows>& now, const std::vector<table_rows>& then,
                    backup_check& check) {
  auto text = [](const table_rows& t) { return fmt::format("{} rows of {}", t.rows, t.table); };
  for (std::size_t i = 0; i < std::max(now.size(), then.size()); ++i) {
    const auto has = i < now.size() ? text(now[i]) : "no table more";
    const auto had = i < then.size() ? text(then[i]) : "no table more";
    if (has == had) continue;
    check.wrong.push_back(fmt::format("it has {} where {} were counted", has, had));
    return;
  }
  check.checked.push_back(fmt::format("the rows of {} tables were counted", then.size()));
}

void check_database(const storage::opened_backup& backup, const secret& key,
                    const std::string& scratch, backup_check& check) {
  const auto file = scratch + "/database";
  storage::extract_database(backup, file, key);
  check.checked.push_back("the database was restored to a temporary place");
  storage::raw_file database(file, storage::raw_access::write, key);
  auto faults = storage::find_faults(database);
  if (faults.empty())
    check.checked.push_back("integrity_check and foreign_key_check found nothing");
  std::move(faults.begin(), faults.end(), std::back_inserter(check.wrong));
  if (!check.wrong.empty()) return;
  if (!backup.manifest.tables.empty()) {
    compare_counts(storage::count_rows(database), backup.manifest.tables, check);
  }
  if (json::write(storage::read_schema(database)) != json::write(backup.manifest.schema)) {
    check.wrong.push_back("its migrations are not those of the manifest");
  }
}

// How the check ended, where others look for it.
void keep_mark(const std::string& path, const backup_manifest& manifest, const clock& time,
               backup_check& check) {
  const auto mark = path + "/" + storage::verified_file;
  try {
    if (!check.sound()) return storage::remove_file(mark);
    storage::replace_file(mark, json::write(verified_mark{manifest.id, time.now()}));
  } catch (const storage_error& e) {  // on a medium that can only be read
    check.checked.push_back(fmt::format("this cannot be kept beside it: {}", e.what()));
  }
}

}  // namespace

backup_check verify_backup(const std::string& path, const backup_key& key, const clock& time,
                           const std::string& scratch, const secret& database_key) {
  backup_check check;
  storage::remove_left_over(scratch_prefix(scratch));
  const storage::scratch_directory place(scratch_prefix(scratch));
  const auto note = [&check](const storage_error& e) {
    if (e.fault() != storage_fault::corrupt && e.fault() != storage_fault::statement) throw;
    check.wrong.push_back(e.what());
  };
  std::string directory;
  std::optional<storage::opened_backup> backup;
  try {
    directory = storage::unpacked_path(path, place.path());
    backup = storage::open_backup(directory, key);
  } catch (const storage_error& e) {
    note(e);  // or the key is another: that says nothing about it
    return check;
  }
  check.checked.push_back("the manifest is as it was written");
  try {
    check_database(*backup, database_key, place.path(), check);
    for (const auto& file : backup->manifest.files) storage::extract(*backup, file, "");
    check.checked.push_back(
        fmt::format("{} files have their SHA-256",
                    1 + backup->manifest.files.size() + (backup->manifest.log ? 1 : 0)));
  } catch (const storage_error& e) {
    note(e);
  }
  if (directory == path) keep_mark(path, backup->manifest, time, check);
  return check;
}

}  // namespace aft

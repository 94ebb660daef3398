#include "rebuild.hpp"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>

#include <fmt/format.h>

#include <aft/ground/error.hpp>
#include <aft/storage/errors.hpp>

#include "../durable_file.hpp"

namespace aft::storage {
namespace {

std::string compact_time(time_point now) {
  auto text = to_rfc3339(now).substr(0, 19);
  std::erase(text, ':');
  return text + "Z";
}

}  // namespace

void give_to_owner_of(const std::string& before, const std::string& fresh) {
  struct stat about {};
  if (::stat(before.c_str(), &about) != 0) return;
  const auto give = [&](const std::string& path) {
    if (::lchown(path.c_str(), about.st_uid, about.st_gid) != 0 && errno != EPERM) {
      fail_file("change the owner of", path, errno);
    }
  };
  if (::geteuid() == 0) {
    give(fresh);
    std::error_code is_file;
    for (const auto& inside : std::filesystem::recursive_directory_iterator(fresh, is_file)) {
      give(inside.path().string());
    }
  }
  ::chmod(fresh.c_str(), about.st_mode & 07777);
}

std::string resolved(const std::string& path) {
  char real[4096];
  return ::realpath(path.c_str(), real) ? std::string(real) : path;
}

void take_in_log(const std::string& database, const secret& key) {
  raw_file file(database, raw_access::write, key, seconds(0));
  file.leave_log(true);  // unless it is known to be in the file
  // So nobody else can be there: two that checkpoint at once may break the file (before 3.51.3).
  file.run("pragma locking_mode=exclusive");
  file.run("pragma synchronous=full");
  const auto result = file.rows("pragma wal_checkpoint(truncate)");
  if (result.empty() || result[0].empty() || result[0][0] != "0") {
    throw storage_error(storage_fault::busy, fmt::format("{} is open elsewhere", database));
  }
  file.leave_log(false);
}

std::vector<std::string> find_faults(raw_file& database) {
  std::vector<std::string> faults;
  try {
    for (const auto& row : database.rows("pragma integrity_check(20)")) {
      if (row[0] != "ok") faults.push_back("integrity_check: " + row[0]);
    }
    for (const auto& row : database.rows("select \"table\", count(*) from "
                                         "pragma_foreign_key_check group by 1")) {
      faults.push_back(fmt::format(
          "foreign_key_check: {} rows of {} refer to rows that do not exist", row[1], row[0]));
    }
  } catch (const storage_error& e) {
    if (e.fault() != storage_fault::corrupt && e.fault() != storage_fault::statement) throw;
    faults.push_back(e.what());
  }
  return faults;
}

std::vector<applied_migrations> read_schema(raw_file& database) {
  std::vector<applied_migrations> lines;
  if (database.rows("select 1 from sqlite_schema where name = 'aft_migration'").empty())
    return lines;
  for (const auto& row :
       database.rows("select line, name from aft_migration order by line, position")) {
    if (lines.empty() || lines.back().line != row[0]) lines.push_back({row[0], {}});
    lines.back().names.push_back(row[1]);
  }
  return lines;
}

std::vector<table_rows> count_rows(raw_file& database) {
  std::vector<table_rows> counts;
  for (const auto& row :
       database.rows("select name from pragma_table_list where schema = 'main' and type = 'table' "
                     "and name not like 'sqlite\\_%' escape '\\' order by name")) {
    const auto count = database.rows("select count(*) from " + quoted_name(row[0]));
    counts.push_back({row[0], std::stoll(count[0][0])});
  }
  return counts;
}

void refuse_newer(const std::vector<applied_migrations>& applied,
                  const std::vector<known_migrations>& known) {
  for (const auto& program : known) {
    const auto found = std::find_if(applied.begin(), applied.end(),
                                    [&](const auto& line) { return line.line == program.line; });
    if (found == applied.end()) continue;
    for (std::size_t i = 0; i < found->names.size(); ++i) {
      if (i < program.steps.size() && program.steps[i].name == found->names[i]) continue;
      throw configuration_error(
          fmt::format("the migration {} of {} was applied to this backup, but the program does not "
                      "have it there: the backup is newer than the program, or of another one",
                      found->names[i], program.line));
    }
  }
}

void require_sound(const std::string& database, const secret& key,
                   const std::vector<known_migrations>& known) {
  raw_file file(database, raw_access::write, key);
  const auto faults = find_faults(file);
  if (!faults.empty()) {
    throw storage_error(storage_fault::corrupt,
                        fmt::format("what was restored is not sound: {}", faults.front()));
  }
  refuse_newer(read_schema(file), known);
}

std::string name_for_previous(const std::string& path, time_point now) {
  const auto name = fmt::format("{}.before-{}", path, compact_time(now));
  auto is_free = [](const std::string& n) { return !inode_of(n) && !inode_of(n + "-wal"); };
  if (is_free(name)) return name;
  for (int i = 2;; ++i) {
    const auto next = fmt::format("{}-{}", name, i);
    if (is_free(next)) return next;
  }
}

database_place::database_place(const std::string& file, const secret& key) : file_(resolved(file)) {
  take_back_restore(file_);
  remove_left_over(beside(file_));
  if (!inode_of(file_)) return;
  auto busy = [&] {
    throw storage_error(
        storage_fault::busy,
        fmt::format("the database {} is open; close the programs that use it first", file_));
  };
  // Its log comes first into it, so that there is but one file to replace. A database that is too
  // broken for it keeps its log, as it is.
  try {
    take_in_log(file_, key);
  } catch (const storage_error& e) {
    if (e.fault() == storage_fault::busy) busy();
  }
  lock_ = std::make_unique<raw_file>(file_, raw_access::write, secret(), seconds(0));
  if (!lock_->lock_out_others()) busy();
}

std::string database_place::put(const std::string& fresh, time_point now, const placing& files) {
  restore_plan plan{{fresh, file_, "", inode_of(fresh)}, "", files};
  const auto previous = name_for_previous(file_, now);
  if (lock_) {
    give_to_owner_of(file_, fresh);
    plan.database.previous = previous;
  }
  if (inode_of(file_ + "-wal")) plan.log = previous + "-wal";
  carry_out(plan);
  return plan.database.previous;
}

void database_place::exchange(const std::string& with, const placing& files) {
  if (!lock_) throw storage_error(storage_fault::misuse, file_ + " is not there any more");
  if (inode_of(file_ + "-wal")) {
    throw storage_error(storage_fault::misuse, file_ + " has a log that cannot be taken into it");
  }
  const auto log = with + "-wal";
  carry_out({{with, file_, with, inode_of(with)}, inode_of(log) ? log : "", files});
}

}  // namespace aft::storage

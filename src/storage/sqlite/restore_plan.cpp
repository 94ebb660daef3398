#include "restore_plan.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <optional>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include <aft/storage/errors.hpp>

#include "../durable_file.hpp"
#include "raw_file.hpp"
#include "rebuild.hpp"

namespace aft::storage {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view note_head = "aft restore 1";
constexpr std::size_t most_note_bytes = 1u << 16;
constexpr std::chrono::milliseconds asked_every{5};  // of one who waits for another's note

bool exchanges_names(const placing& p) { return p.fresh == p.previous; }

// ---- files

void place_files(const placing& p) {
  if (p.place.empty()) return;
  if (p.previous.empty()) return rename_new(p.fresh, p.place);
  // With that name first, so that no moment has the old ones nowhere but where they are removed.
  if (!exchanges_names(p)) rename_new(p.fresh, p.previous);
  swap_names(p.previous, p.place);
}

void take_files_back(const placing& p) {
  if (p.place.empty()) return;
  std::error_code there_already;
  if (!exchanges_names(p)) fs::create_directories(directory_of(p.fresh), there_already);
  if (inode_of(p.place) == p.inode) {
    if (p.previous.empty()) return rename_new(p.place, p.fresh);
    swap_names(p.previous, p.place);
  }
  if (exchanges_names(p) || inode_of(p.previous) != p.inode) return;
  rename_new(p.previous, p.fresh);
}

// ---- the database, and its log, that would be taken for another one's

std::string log_at(const placing& p) { return p.place + "-wal"; }

void link_new(const std::string& from, const std::string& to) {
  if (::link(from.c_str(), to.c_str()) != 0) fail_file("link", to, errno);
}

void place_database(const restore_plan& plan) {
  const auto& p = plan.database;
  if (exchanges_names(p)) {
    swap_names(p.place, p.previous);
    if (!plan.log.empty()) rename_new(plan.log, log_at(p));
    return;
  }
  if (!p.previous.empty()) link_new(p.place, p.previous);
  if (!plan.log.empty()) rename_new(log_at(p), plan.log);
  ::unlink((p.place + "-shm").c_str());
  sync_directory(directory_of(p.place));  // it has the other name before it loses this one
  if (p.previous.empty()) return rename_new(p.fresh, p.place);
  if (::rename(p.fresh.c_str(), p.place.c_str()) != 0) fail_file("rename to", p.place, errno);
}

// Each of the two still has one of its names at any moment, by which they are known.
void take_name_back(const placing& p) {
  const auto waiting = directory_of(p.fresh), again = p.fresh + "-before";
  std::error_code there_already;
  fs::create_directories(waiting, there_already);
  if (p.previous.empty()) return rename_new(p.place, p.fresh);
  if (inode_of(p.fresh) != p.inode) link_new(p.place, p.fresh);
  remove_file(again);
  link_new(p.previous, again);
  sync_directory(waiting);
  if (::rename(again.c_str(), p.place.c_str()) != 0) fail_file("rename to", p.place, errno);
}

void take_database_back(const restore_plan& plan) {
  const auto& p = plan.database;
  if (exchanges_names(p)) {
    if (inode_of(p.place) != p.inode) return;
    const auto log = p.previous + "-wal";
    if (inode_of(log_at(p)) && !inode_of(log)) rename_new(log_at(p), log);
    return swap_names(p.place, p.previous);
  }
  if (inode_of(p.place) == p.inode) {
    remove_file(log_at(p));  // empty, or was_used would have told
    take_name_back(p);
  }
  if (inode_of(p.place) != inode_of(p.previous)) return;  // another's, or it was all taken back
  if (inode_of(plan.log)) rename_new(plan.log, log_at(p));
  if (!p.previous.empty()) remove_file(p.previous);  // another name of the same
}

// ---- the note

std::string note_of(const std::string& database_file) { return database_file + ".restoring"; }

std::string text_of(const restore_plan& plan) {
  std::string text(note_head);
  auto add = [&text](const std::string& field) { text += '\0', text += field; };
  auto add_path = [&add](const std::string& path) {
    add(path.empty() ? path : fs::absolute(path).string());
  };
  for (const auto& p : {plan.database, plan.files}) {
    add_path(p.fresh), add_path(p.place), add_path(p.previous), add(std::to_string(p.inode));
  }
  add_path(plan.log);
  add(std::to_string(plan.newest_file));
  return text;
}

std::optional<restore_plan> plan_in(const std::string& text) {
  std::vector<std::string> fields{""};
  for (const char c : text) {
    if (c == '\0') fields.emplace_back();
    else fields.back() += c;
  }
  if (fields.size() != 11 || fields[0] != note_head) return {};
  auto next = fields.begin() + 1;
  const auto read_number = [&next](auto& to) {
    const auto* end = next->data() + next->size();
    return std::from_chars(next++->data(), end, to).ptr == end;
  };
  restore_plan plan;
  for (auto* p : {&plan.database, &plan.files}) {
    p->fresh = *next++, p->place = *next++, p->previous = *next++;
    if (!read_number(p->inode)) return {};
  }
  plan.log = *next++;
  if (!read_number(plan.newest_file)) return {};
  return plan;
}

// What was there is gone.
bool was_moved(const placing& p) { return !p.previous.empty() && !inode_of(p.place); }

// What was there is so again, and what was to come is gone, as after a failure.
bool is_back(const placing& p) {
  if (exchanges_names(p)) return false;
  if (p.previous.empty()) return !inode_of(p.place);
  return !inode_of(p.previous) || inode_of(p.previous) == inode_of(p.place);
}

// Whether the plan, or taking it back, can have left it so.
bool is_of_plan(const placing& p) {
  if (p.place.empty()) return true;
  if (inode_of(p.place) == p.inode) return p.previous.empty() || inode_of(p.previous);
  if (was_moved(p)) return false;
  return inode_of(p.fresh) == p.inode || inode_of(p.previous) == p.inode || is_back(p);
}

bool is_of_plan(const restore_plan& plan) {
  const auto& p = plan.database;
  // To take it back brings the log first.
  const bool without_log = !p.previous.empty() && !inode_of(p.previous) && inode_of(plan.log);
  return is_of_plan(p) && is_of_plan(plan.files) && !without_log;
}

bool is_same_place(const std::string& one, const std::string& other) {
  std::error_code gone;
  return fs::path(one).filename() == fs::path(other).filename() &&
         fs::equivalent(directory_of(one), directory_of(other), gone);
}

bool has_bytes(const std::string& path) {
  std::error_code gone;
  const auto size = fs::file_size(path, gone);
  return !gone && size > 0;
}

// Nanoseconds since 1970, by the clock of its file system; 0: nothing is there.
std::int64_t written_at(const std::string& path) {
  struct stat about {};
  if (::lstat(path.c_str(), &about) != 0) return 0;
  return about.st_mtim.tv_sec * 1'000'000'000 + about.st_mtim.tv_nsec;
}

std::int64_t newest_below(const std::string& directory) {
  std::int64_t newest = 0;
  try {
    for (const auto& file : fs::recursive_directory_iterator(directory)) {
      newest = std::max(newest, written_at(file.path().string()));
    }
  } catch (const fs::filesystem_error& e) {
    fail_file("look through", directory, e.code().value());
  }
  return newest;
}

// By a program that does not know notes, after something was placed: to take it back would destroy
// what that has written.
bool was_used(const restore_plan& plan, std::int64_t noted) {
  const auto& database = plan.database;
  const auto& files = plan.files;
  const bool is_placed = inode_of(database.place) == database.inode;
  const bool has_files = !files.place.empty() && inode_of(files.place) == files.inode;
  if (!is_placed && !has_files) return false;
  if (written_at(database.place) > noted) return true;
  const auto log = log_at(database);
  const bool may_have_log = !is_placed || exchanges_names(database);
  if (has_bytes(log) && (!may_have_log || written_at(log) > noted)) return true;
  return has_files && newest_below(files.place) > std::max(noted, plan.newest_file);
}

// Locked as long as the restore is at work.
durable_file write_note(const restore_plan& plan) {
  const auto& file = plan.database.place;
  const scratch_directory draft(beside(file));
  const auto fresh = draft.path() + "/note";
  auto note = durable_file::create(fresh);
  note.write(text_of(plan));
  note.sync();
  note.lock();
  rename_new(fresh, note_of(file));
  try {
    sync_directory(directory_of(file));
  } catch (...) {
    ::unlink(note_of(file).c_str());  // nothing was done yet
    throw;
  }
  return note;
}

void sync_places(const restore_plan& plan) {
  for (const auto* p : {&plan.database, &plan.files}) {
    if (!p->place.empty()) sync_directory(directory_of(p->place));
  }
}

void remove_note(const restore_plan& plan) {
  remove_file(note_of(plan.database.place));
  sync_directory(directory_of(plan.database.place));
}

// Of a restore that has ended. It does no harm where it cannot be removed.
void remove_done(const std::string& path) { ::unlink(path.c_str()); }

// As root leaves it: nobody else may open it, but that it is empty can be seen.
bool is_anothers_and_done(const std::string& path) {
  return inode_of(path) && ::access(path.c_str(), R_OK | W_OK) != 0 && !has_bytes(path);
}

durable_file open_note(const std::string& path) {
  try {
    return durable_file::open_to_write(path);
  } catch (const storage_error&) {
    if (inode_of(path)) throw;
    return {};  // it has just been done
  }
}

// Nothing: there is none, or not any more.
std::optional<durable_file> lock_note(const std::string& path, const std::string& database_file,
                                      duration wait) {
  using steady = std::chrono::steady_clock;
  const auto end = steady::now() + std::chrono::microseconds(wait.in_microseconds());
  while (inode_of(path)) {
    auto note = open_note(path);
    if (!note) continue;
    if (note.lock()) {
      if (note.inode() == inode_of(path)) return note;
      continue;  // it was another restore's, which has ended
    }
    if (errno != EWOULDBLOCK) fail_file("lock", path, errno);
    if (steady::now() >= end) {
      throw storage_error(storage_fault::busy,
                          fmt::format("the database {} is being restored", database_file));
    }
    std::this_thread::sleep_for(asked_every);
  }
  return {};
}

void take_back(const restore_plan& plan) {
  take_database_back(plan);
  take_files_back(plan.files);
  sync_places(plan);
  remove_note(plan);
}

}  // namespace

void carry_out(restore_plan plan) {
  for (const auto* p : {&plan.database, &plan.files}) {
    if (p->place.empty()) continue;
    if (!p->inode) fail_file("find", p->fresh, ENOENT);
    if (was_moved(*p)) fail_file("find", p->place, ENOENT);
  }
  if (!plan.files.place.empty()) plan.newest_file = newest_below(plan.files.fresh);
  auto note = write_note(plan);
  try {
    place_files(plan.files);
    place_database(plan);
    sync_places(plan);
    note.cut(0);
    note.sync();  // from now on it is done
  } catch (...) {
    try {
      take_back(plan);
    } catch (const std::exception&) {  // the note stays; what went wrong before is what is told
    }
    throw;
  }
  try {
    remove_note(plan);
  } catch (const storage_error&) {  // nothing is taken back by an empty one
  }
}

void take_back_restore(const std::string& database_file, duration wait) {
  const auto file = resolved(database_file), path = note_of(file);
  if (is_anothers_and_done(path)) return remove_done(path);
  auto note = lock_note(path, database_file, wait);
  if (!note) return;
  const auto text = note->read_whole(most_note_bytes);
  if (text.empty()) return remove_done(path);
  const auto refuse = [&](const char* why) {
    throw storage_error(
        storage_fault::corrupt,
        fmt::format("a restore of {} has broken off and cannot be taken back, as {} since; see to "
                    "it that the right ones are in their places, and remove {}",
                    database_file, why, path));
  };
  const auto plan = plan_in(text);
  if (!plan || !is_same_place(plan->database.place, file) || !is_of_plan(*plan)) {
    refuse("files were moved");
  }
  std::optional<raw_file> lock;
  if (inode_of(plan->database.place)) {
    lock.emplace(plan->database.place, raw_access::write, secret(), seconds(0));
    if (!lock->lock_out_others()) {
      throw storage_error(storage_fault::busy,
                          fmt::format("a restore of {} has broken off and is to be taken back; "
                                      "close the programs that use it first",
                                      database_file));
    }
  }
  if (was_used(*plan, written_at(path))) refuse("something was written");
  take_back(*plan);
  remove_left_over(beside(plan->database.place));
  if (!plan->files.place.empty()) remove_left_over(beside(plan->files.place));
}

std::string beside(const std::string& place) { return resolved(place) + ".restoring-"; }

std::uint64_t inode_of(const std::string& path) {
  struct stat about {};
  return ::lstat(path.c_str(), &about) == 0 ? std::uint64_t(about.st_ino) : 0;
}

}  // namespace aft::storage

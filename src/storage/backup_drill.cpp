#include "backup_drill.hpp"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

#include <aft/ground/error.hpp>

#include "../ground/quiet_thread.hpp"
#include "backup_set.hpp"
#include "database.hpp"

namespace aft::storage {
namespace {

// How often the clock is looked at, which may be moved.
constexpr auto drill_poll = std::chrono::milliseconds(500);

}  // namespace

backup_drill::backup_drill(database& db, const drill_options& options, const logger& log)
    : db_(db), options_(options), log_(log) {
  if (!db.inside().engine().file()) {
    throw configuration_error(
        "backups by the clock are SQLite's; PostgreSQL is backed up with its own tools");
  }
  if (options.every <= duration() || options.verify_every <= duration() ||
      options.retry <= duration()) {
    throw configuration_error("the spans between backups must be longer than nothing");
  }
  if (!options.backup.name.empty()) {
    throw configuration_error("backups by the clock are named by their times");
  }
  static_cast<void>(begin_encryption(options.backup.key));
  for (const auto& b : list_backups(options.directory)) {
    if (b.verified) next_verified_ = std::max(next_verified_, *b.verified + options.verify_every);
  }
  look();
  if (last_backup_) next_backup_ = *last_backup_ + options.every;
}

// What there is, for those who ask.
void backup_drill::look() {
  std::optional<time_point> newest, verified;
  for (const auto& b : list_backups(options_.directory)) {
    if (!newest) newest = b.manifest.time;
    if (!verified && b.verified) verified = b.manifest.time;
  }
  std::lock_guard lock(mutex_);
  last_backup_ = newest;
  last_verified_ = verified;
}

void backup_drill::fail(const std::string& what) {
  {
    std::lock_guard lock(mutex_);
    failure_ = what;
  }
  log_.write(log_level::error, "storage", what);
  if (!options_.failed) return;
  try {
    options_.failed(what);
  } catch (...) {  // a host's exception ends nothing
  }
}

// Whether it was due.
template <class F>
bool backup_drill::attempt(const char* doing, time_point& next, duration every, F&& step) {
  const auto now = db_.time().now();
  if (now < next || stopping_) return false;
  next = now + every;
  try {
    step();
    std::lock_guard lock(mutex_);
    failure_.clear();
  } catch (const std::exception& e) {
    if (stopping_) return false;
    next = now + options_.retry;
    fail(fmt::format("{} failed: {}", doing, e.what()));
  }
  return true;
}

void backup_drill::verify() {
  const auto backups = list_backups(options_.directory);
  if (backups.empty()) throw storage_error(storage_fault::other, "there is none");
  const auto check = verify_backup(backups[0].path, options_.backup.key, db_.time(),
                                   options_.scratch, db_.inside().engine().key());
  if (check.sound()) return;
  throw storage_error(storage_fault::corrupt,
                      fmt::format("{} cannot be relied upon: {}", backups[0].path, check.wrong[0]));
}

std::size_t backup_drill::run_due() {
  std::lock_guard lock(turn_);
  std::size_t done = 0;
  done += attempt("a backup", next_backup_, options_.every, [this] {
    backup_until(db_, options_.directory, options_.backup, stopping_);
    prune_backups(options_.directory, options_.keep);
  });
  done += attempt("the verification of a backup", next_verified_, options_.verify_every,
                  [this] { verify(); });
  if (done) look();
  return done;
}

drill_status backup_drill::status() const {
  std::lock_guard lock(mutex_);
  drill_status now{last_backup_, {}, failure_};
  if (last_verified_) now.verified_age = db_.time().now() - *last_verified_;
  return now;
}

void backup_drill::start() {
  stopping_ = false;
  thread_ = detail::quiet_thread("aft backup", [this] { work(); });
}

void backup_drill::stop() {
  {
    std::lock_guard lock(sleep_mutex_);
    stopping_ = true;
  }
  woken_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void backup_drill::work() {
  while (!stopping_) {
    run_due();
    std::unique_lock lock(sleep_mutex_);
    woken_.wait_for(lock, drill_poll, [this] { return stopping_.load(); });
  }
}

}  // namespace aft::storage

#include "log_archive.hpp"

#include <algorithm>
#include <exception>
#include <filesystem>
#include <optional>
#include <system_error>

#include <fmt/format.h>

#include <aft/ground/error.hpp>
#include <aft/ground/json.hpp>
#include <aft/storage/errors.hpp>

#include "../../ground/quiet_thread.hpp"
#include "../archive_set.hpp"
#include "../backup_stream.hpp"
#include "log_scan.hpp"
#include "raw_file.hpp"

namespace aft::storage {
namespace {

using archive_clock = std::chrono::steady_clock;

constexpr std::chrono::seconds longest_pause_after_failure{60};

// While nothing is written, marks say so this often. A shorter time between two is not worth it.
constexpr auto marked_every = seconds(1);

[[noreturn]] void fail_to_use(const std::string& directory, const storage_error& why) {
  throw configuration_error(
      fmt::format("the archive's directory {} cannot be used: {}", directory, why.what()));
}

durable_file open_archive(const std::string& directory) {
  std::error_code failed;
  std::filesystem::create_directories(directory, failed);
  const auto path = directory + "/lock";
  try {
    if (!std::filesystem::exists(path, failed)) static_cast<void>(durable_file::create(path));
  } catch (const storage_error&) {  // another has just made it, or the next says why not
  }
  try {
    auto lock = durable_file::open(path);
    if (lock.lock()) return lock;
  } catch (const storage_error& e) {
    fail_to_use(directory, e);
  }
  throw configuration_error(
      fmt::format("another database is archived in {}; give each its own directory", directory));
}

std::string name_for_generation(time_point now) {
  auto text = to_rfc3339(now);
  std::replace(text.begin(), text.end(), ':', '-');
  return text + "-";
}

}  // namespace

// A base copy, and the logs since.
//
// The copy is made within a read transaction. As long as that lasts, the log does not begin anew,
// unless all of it was in the file when it began; and a checkpoint changes only pages that are in
// the log up to there. So the file's bytes, however they were come by, are right when that log has
// been replayed over them, up to the first mark at least.
class log_archive::generation {
 public:
  generation(const std::string& database, const secret& key, const archive_options& options,
             const clock& time, time_point after)
      : place_(options.directory + "/" + name_for_generation(time.now())), path_(place_.path()),
        time_(time), interval_(options.interval.in_microseconds()),
        source_(new raw_file(database, raw_access::read, key)), keyed_by_(source_->keyed_by()),
        scan_(source_->log_path()), base_(path_ + "/" + base_file, {.compress = true}),
        marks_(durable_file::create(path_ + "/" + marks_file)), made_at_(time.now()),
        seen_at_(after) {
    source_->run("begin");
    source_->rows("select count(*) from sqlite_schema");
    look();
    ship();
  }

  // Or the clock was set back since.
  bool is_older_than(duration most) const {
    const auto age = time_.now() - made_at_;
    return age >= most || age < duration();
  }
  time_point last_mark() const { return last_.time; }
  time_point shipped() const { return unchanged_until_; }

  // What is committed; and ships that.
  void look() {
    looked_at_ = std::max(time_.now(), seen_at_);
    scan_.advance();
    seen_at_ = std::max(time_.now(), looked_at_);
  }
  void ship() {
    if (scan_.has_log()) follow();
    const archive_mark now{number_, scan_.frames(), seen_at_};
    if (marked_ && now.is_same_state(last_)) {
      if (looked_at_ - last_.time >= marked_every) say_unchanged(looked_at_);
    } else {
      if (number_) log_file_.sync();
      if (marked_ && unchanged_until_ - last_.time > marked_every) say_unchanged(unchanged_until_);
      mark(now);
      marks_.sync();
      if (!marked_) began_ = seen_at_;
      marked_ = true;
    }
    unchanged_until_ = looked_at_;
  }

  // Nobody writes the database any more, and all was shipped.
  void close() {
    last_.is_closed = true;
    say_unchanged(std::max(unchanged_until_, last_.time));
    marks_.sync();
  }

  // Bytes of the database; 0: that was all, and it can be used from now on.
  std::size_t copy_some() {
    buffer_.resize(copy_step);
    const auto n = source_->read(buffer_.data(), buffer_.size(), copied_base_);
    if (!n) {
      finish_base();
      return 0;
    }
    base_.write({buffer_.data(), n});
    base_.start_writing_back();
    copied_base_ += std::int64_t(n);
    return n;
  }

 private:
  void follow() {
    if (number_ && scan_.salt() == salt_) return copy_log();
    if (number_ && scan_.salt() != salt_ + 1) {
      throw storage_error(storage_fault::other,
                          "another process has written the database and its log");
    }
    if (number_) log_file_.sync();
    log_file_ = durable_file::create(path_ + "/" + log_file_name(++number_));
    sync_directory(path_);
    salt_ = scan_.salt();
    copied_ = 0;
    copy_log();
  }

  void copy_log() {
    if (copied_ == scan_.bytes()) return;  // the log may begin anew right now
    buffer_.resize(copy_step);
    while (copied_ < scan_.bytes()) {
      const auto want = std::min(std::int64_t(buffer_.size()), scan_.bytes() - copied_);
      const auto n = scan_.read(buffer_.data(), std::size_t(want), copied_);
      if (!n) throw storage_error(storage_fault::io, "the log became shorter");
      log_file_.write({buffer_.data(), n});
      copied_ += std::int64_t(n);
    }
    if (!scan_.still_there()) {
      throw storage_error(storage_fault::other, "the log began anew before it was shipped");
    }
  }

  void mark(const archive_mark& m) {
    marks_.write(mark_line(m));
    last_ = m;
  }
  void say_unchanged(time_point until) {
    auto same = last_;
    same.time = until;
    mark(same);
  }

  void finish_base() {
    const auto written = base_.finish();
    const archive_base about{
        1,         began_,    written.size, written.stored_size, written.sha256,
        keyed_by_, interval_, made_at_};
    replace_file(path_ + "/" + base_about_file, json::write(about));
    sync_directory(directory_of(path_));
    source_->run("commit");
    source_.reset();
    place_.keep();
  }

  scratch_directory place_;
  const std::string path_;
  const clock& time_;
  const std::int64_t interval_;
  std::unique_ptr<raw_file> source_;
  const std::optional<std::string> keyed_by_;
  log_scan scan_;
  backup_writer base_;
  durable_file marks_;
  durable_file log_file_{};
  std::uint32_t number_ = 0;  // of that
  std::uint32_t salt_ = 0;
  std::int64_t copied_ = 0;       // of the log
  std::int64_t copied_base_ = 0;  // of the file
  const time_point made_at_;
  time_point looked_at_{}, seen_at_;  // before and after what is committed was last looked for
  time_point unchanged_until_{};      // the last mark was right, at least
  archive_mark last_{};
  bool marked_ = false;
  time_point began_{};
  std::string buffer_{};
};

log_archive::log_archive(std::string database, const secret& key, const archive_options& options,
                         const logger& log, const clock& time)
    : database_(std::move(database)), key_(key), options_(options), log_(log), time_(time),
      lock_(open_archive(options.directory)), pace_(options.bytes_per_second) {
  static_cast<void>(
      raw_file(database_, raw_access::read, key_).keyed_by());  // or it cannot be done
  try {
    remove_unfinished_generations(options_.directory);
    marked_until_ = reopen_archive(options_.directory, time_.now());
  } catch (const storage_error& e) {
    fail_to_use(options_.directory, e);
  }
  thread_ = detail::quiet_thread("aft archive", [this] { work(); });
}

log_archive::~log_archive() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void log_archive::catch_up() noexcept {
  std::unique_lock lock(mutex_);
  if (nobody_waits_) return;
  const auto mine = ++asked_;
  wake_.notify_one();
  const auto patience = std::chrono::microseconds(options_.patience.in_microseconds());
  if (served_now_.wait_for(lock, patience, [&] { return served_ >= mine || nobody_waits_; })) {
    return;
  }
  lost_ = true;  // the log begins anew without it
}

void log_archive::hurry() noexcept {
  {
    std::lock_guard lock(mutex_);
    hurried_ = true;
  }
  wake_.notify_one();
}

void log_archive::lost_track() noexcept {
  {
    std::lock_guard lock(mutex_);
    lost_ = true;
  }
  wake_.notify_one();
}

archive_status log_archive::status() const {
  std::lock_guard lock(mutex_);
  return status_;
}

void log_archive::work() {
  for (;;) {
    bool lost, hurried, stopping;
    std::uint64_t asked;
    {
      std::unique_lock lock(mutex_);
      wake_.wait_for(lock, pause_, [this] {
        return stopping_ || lost_ || hurried_ || (asked_ != served_ && !nobody_waits_);
      });
      stopping = stopping_;
      lost = std::exchange(lost_, false);
      hurried = std::exchange(hurried_, false) || asked_ != served_;
      asked = asked_;
    }
    try {
      take_turn(lost, hurried, stopping);
    } catch (const std::exception& e) {
      fail(e.what());
    }
    std::lock_guard lock(mutex_);
    served_ = asked;
    nobody_waits_ = failed_;
    if (!failed_) status_.failure.clear();
    status_.working = current_ != nullptr;
    served_now_.notify_all();
    if (stopping) return;
  }
}

void log_archive::take_turn(bool lost, bool hurried, bool stopping) {
  if (lost) {
    throw storage_error(storage_fault::other,
                        "the archive did not keep up with the database, or a commit failed");
  }
  const auto now = archive_clock::now();
  if (failed_ && now < retry_at_ && !stopping) return;
  if (failed_ && stopping) return;
  failed_ = false;
  pause_ = std::chrono::microseconds(options_.interval.in_microseconds());
  if (!next_ && (!current_ || current_->is_older_than(options_.base_every))) begin_copy();
  if (hurried || stopping || now >= ship_at_) ship();
  if (next_) copy_base(stopping);
  if (stopping && current_) current_->close();
  const auto left = std::chrono::ceil<std::chrono::microseconds>(ship_at_ - archive_clock::now());
  pause_ = std::clamp(left, std::chrono::microseconds(0), pause_);
}

void log_archive::begin_copy() {
  next_ = std::make_unique<generation>(database_, key_, options_, time_,
                                       marked_until_ + microseconds(1));
  copy_at_ = {};
  marked_until_ = next_->last_mark();
}

void log_archive::ship() {
  if (current_) current_->look();
  if (next_) next_->look();
  {
    // Where the log began anew without the archive, this was said before.
    std::lock_guard lock(mutex_);
    if (lost_) return;
  }
  for (const auto* one : {&current_, &next_}) {
    if (!*one) continue;
    (*one)->ship();
    marked_until_ = std::max(marked_until_, (*one)->last_mark());
  }
  ship_at_ = archive_clock::now() + std::chrono::microseconds(options_.interval.in_microseconds());
  if (!current_) return;
  std::lock_guard lock(mutex_);
  status_.shipped = current_->shipped();
}

void log_archive::copy_base(bool all) {
  const auto left = [this] {
    return std::chrono::ceil<std::chrono::microseconds>(copy_at_ - archive_clock::now());
  };
  if (all || left().count() <= 0) {
    std::size_t n;
    do {
      n = next_->copy_some();
      copy_at_ = archive_clock::now() + pace_.after(std::int64_t(n));
    } while (n && all);
    if (!n) return use_copy();
  }
  pause_ = std::min(pause_, std::max(left(), std::chrono::microseconds(0)));
}

void log_archive::use_copy() {
  current_ = std::move(next_);
  {
    std::lock_guard lock(mutex_);
    status_.shipped = current_->shipped();
  }
  patience_with_failure_ = std::chrono::seconds(1);
  remove_old_generations(options_.directory, time_.now(), options_.keep);
}

void log_archive::fail(const char* why) noexcept {
  log_.write(
      log_level::error, "storage",
      fmt::format("the archive in {} has failed, and begins anew with a copy of the database: "
                  "{}",
                  options_.directory, why));
  current_.reset();
  next_.reset();
  failed_ = true;
  retry_at_ = archive_clock::now() + patience_with_failure_;
  pause_ = patience_with_failure_;
  patience_with_failure_ = std::min(patience_with_failure_ * 2, longest_pause_after_failure);
  std::lock_guard lock(mutex_);
  status_.failure = why;
}

}  // namespace aft::storage

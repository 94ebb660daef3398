#include "writer.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include <fmt/format.h>

#include "../../ground/may_wait.hpp"
#include "../../ground/quiet_thread.hpp"

namespace aft::storage {
namespace {

using steady = std::chrono::steady_clock;

// A round is committed at the latest when it has run this long, so that the first of it need not
// wait for all that came behind.
constexpr auto longest_round = std::chrono::milliseconds(5);
constexpr auto idle_time = std::chrono::seconds(1);
constexpr int rounds_after_failure = 64;  // so that many failures cost little
constexpr auto longest_wait_for_more = std::chrono::microseconds(100);
constexpr auto longest_wait_awake = std::chrono::microseconds(50);
constexpr auto short_turn = std::chrono::microseconds(30);  // of another thread
constexpr auto long_turn = std::chrono::microseconds(300);  // of one that brought the next
constexpr auto sleeps_beside_others = std::chrono::milliseconds(250);
constexpr auto slow_unit = std::chrono::milliseconds(100);

// How long to wait for those in the middle of a query, before a long log is copied.
std::chrono::microseconds patience_with_readers(int pages) {
  return std::chrono::microseconds(std::min(std::int64_t(pages) * pages / 1000, 10'000L));
}

// By "insert or rollback", raise(rollback, ...) in a trigger, or a statement that wrote for too
// long: not for lack of space and the like, which others lack, too.
bool undone_by_its_own(const sqlite_connection& c) {
  if (!c.undone()) return false;
  try {
    std::rethrow_exception(c.undone());
  } catch (const storage_error& e) {
    return e.fault() == storage_fault::constraint || e.fault() == storage_fault::late ||
           e.fault() == storage_fault::cancelled;
  } catch (...) {
    return false;
  }
}

}  // namespace

sqlite_writer::sqlite_writer(sqlite_connection& connection, readers& all_readers,
                             topics& all_topics, write_counters& counters,
                             const storage_options& options, const logger& log, const void* whose,
                             log_archive* archive)
    : connection_(connection), readers_(all_readers), topics_(all_topics), counters_(counters),
      options_(options), log_(log), whose_(whose), archive_(archive),
      thread_(detail::quiet_thread("aft write", [this] { work(); })) {}

sqlite_writer::~sqlite_writer() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

unit* sqlite_writer::submit(unit* first) noexcept {
  const auto now = steady::now();
  bool wake;
  {
    std::lock_guard lock(mutex_);
    while (first && waiting_.load(std::memory_order_relaxed) < options_.max_queue) {
      auto& u = *std::exchange(first, first->next);
      u.entered = now;
      u.begun = u.settled = false;
      queue_.add(u);
      waiting_.fetch_add(1, std::memory_order_relaxed);
    }
    wake = asleep_;
  }
  if (wake) wake_.notify_one();
  std::uint64_t refused = 0;
  for (const auto* u = first; u; u = u->next) ++refused;
  if (refused) counters_.refused(refused);
  return first;
}

void sqlite_writer::work() {
  detail::no_waiting guard("inside a transaction");
  detail::serving_for serving(whose_);
  while (true) {
    unit* batch;
    const auto ready = stay_awake();
    {
      std::unique_lock lock(mutex_);
      while (queue_.empty() && !stopping_) {
        asleep_ = true;
        const bool is_idle = wake_.wait_for(lock, idle_time) == std::cv_status::timeout;
        asleep_ = false;
        if (is_idle) {  // other processes cannot begin the log anew while a reader keeps it
          lock.unlock();
          readers_.let_go(std::chrono::microseconds(0));
          lock.lock();
        }
      }
      batch = queue_.take_all();
      if (!batch) batch = queue_.take_patient(steady::now());
      if (!batch) return;
    }
    comes_soon_ = batch->entered - ready < longest_wait_awake;
    while (batch) batch = run_some(batch);
  }
}

// Whoever has seen his commit and comes again would have to wake this thread, which takes long
// where its processor has nothing else to do. So where the last came soon, the next are waited for
// without sleep, for a little. Not so where another thread took the processor meanwhile: it would
// lose to this one what it gains, and lets one that is woken go first, but not one that yields.
// Returns when there was time for the next.
steady::time_point sqlite_writer::stay_awake() {
  const auto ready = steady::now();
  if (!comes_soon_ || ready < sleeps_until_) return ready;
  for (auto now = ready; !waiting() && now - ready < longest_wait_awake;) {
    const auto left = now;
    std::this_thread::yield();
    now = steady::now();
    if (now - left > (waiting() ? long_turn : short_turn)) {
      sleeps_until_ = now + sleeps_beside_others;
      break;
    }
  }
  return ready;
}

// What has come since the round began, behind the last of it. Those who were in the last commit
// come again soon, and one commit for all costs less than two: so they are waited for, but for less
// than a commit takes; and where they do not come, not the next time.
unit* sqlite_writer::take_more(unit& last, std::size_t ran) {
  const auto limit = now_ + std::min<steady::duration>(commit_took_ / 2, longest_wait_for_more);
  while (2 * (ran + waiting()) < units_before_ && now_ < limit) {
    std::this_thread::yield();
    now_ = steady::now();
  }
  if (!waiting()) return nullptr;
  std::lock_guard lock(mutex_);
  now_ = steady::now();  // not before they have come
  auto* const patient = queue_.take_patient(now_);
  return last.next = patient ? patient : queue_.take_all();
}

// One of low priority, behind the last of a commit. Null: none waits, or others go first.
unit* sqlite_writer::take_patient(unit& last) {
  std::lock_guard lock(mutex_);
  now_ = steady::now();
  return last.next = queue_.take_patient(now_);
}

// Between transactions.
void sqlite_writer::run_on_connection(unit& u) {
  auto* const next = u.next;
  leave_queue(u);
  try {
    u.run_on(connection_);
  } catch (...) {
    u.thrown = std::current_exception();
    if (archive_) archive_->lost_track();  // a commit of its own may have failed
  }
  finish(&u, next, nullptr);
}

void sqlite_writer::begin() {
  connection_.forget_undone();
  connection_.begin_shared();
}

void sqlite_writer::roll_back() {
  if (connection_.in_transaction()) connection_.run("rollback");
}

// Runs units into one commit; returns the first that is left for the next.
unit* sqlite_writer::run_some(unit* first) {
  if (first->wants_connection()) {
    auto* const next = first->next;
    run_on_connection(*first);
    return next;
  }
  std::exception_ptr failure;  // of all of them
  unit* end = first;
  try {
    begin();
    run_round(first, end);
    commit(first, end);
  } catch (...) {
    drop_notes();
    failure = std::current_exception();
    if (end == first) {  // no transaction could be begun: at least this one fails
      leave_queue(*first);
      if (!first->thrown) first->thrown = std::exchange(failure, nullptr);  // and no longer ours
      end = first->next;
    }
    try {
      roll_back();
    } catch (const std::exception& e) {
      log_.write(log_level::error, "storage", e.what());
    }
  }
  connection_.end_shared();
  effects_.commit();
  for (const auto& note : noted_) topics_.tell(note);
  noted_.clear();
  finish(first, end, failure);
  try {
    keep_log_short();
  } catch (const std::exception& e) {
    log_.write(log_level::error, "storage", e.what());
  }
  return end;
}

// Moves `end` behind the last that has run. Throws where none of them can be kept.
void sqlite_writer::run_round(unit* first, unit*& end) {
  auto began = now_ = steady::now();
  // A savepoint costs as much as a short transaction. So while all goes well there are none.
  bool together = !rounds_with_savepoints_;
  bool took_patient = false;
  bool some_may_not_run_again = false;
  std::size_t ran = 0;
  while (end) {
    const auto how = end == first ? undo::alone : together ? undo::together : undo::to_savepoint;
    if (!end->settled && !run_one(*end, how)) {
      end->settled = true;
      if (connection_.undone() && some_may_not_run_again) {
        end = end->next;
        fail_round();
      }
      roll_back();
      drop_notes();
      together = false;
      rounds_with_savepoints_ = rounds_after_failure;
      end = first;
      begin();
      began = now_ = steady::now();
      ran = 0;
      continue;
    }
    if (++ran == 2 && rounds_with_savepoints_) --rounds_with_savepoints_;
    if (!end->may_run_again()) some_may_not_run_again = true, together = false;
    auto* last = std::exchange(end, end->next);
    if (!connection_.in_transaction()) fail_round();
    const auto took = now_ - began;
    const bool has_time = took < longest_round;
    if (end && !has_time) return;
    if (!end && has_time && took < commit_took_) end = take_more(*last, ran);
    if (!end && (has_time || !took_patient)) {
      end = take_patient(*last);
      took_patient = true;
    }
    if (end && end->wants_connection()) return;
  }
}

// SQLite has undone everything, also what went well before.
void sqlite_writer::fail_round() const {
  if (undone_by_its_own(connection_)) {  // which is another transaction's
    throw storage_error(storage_fault::busy, "another transaction of the same commit was undone");
  }
  if (connection_.undone()) std::rethrow_exception(connection_.undone());  // a full disk
  throw storage_error(storage_fault::other, "the transaction was undone by the engine");
}

void sqlite_writer::commit(const unit* first, const unit* end) {
  std::uint64_t kept = 0;
  units_before_ = 0;
  for (const auto* u = first; u != end; u = u->next, ++units_before_) kept += u->kept;
  connection_.watch_syncs();
  const auto synced_before = connection_.sync_time();
  const auto began = steady::now();
  try {
    connection_.run("commit");
  } catch (...) {
    if (archive_) archive_->lost_track();
    throw;
  }
  connection_.job_ids.keep();
  commit_took_ = steady::now() - began;
  if (!kept) return;
  counters_.committed(kept, commit_took_);
  if (const auto synced = connection_.sync_time() - synced_before; synced.count()) {
    counters_.synced(synced);
  }
}

// The log begins anew at a commit that finds all of it in the database file and no reader in it. So
// readers let go twice: to let the checkpoint come to its end, and to let the log begin anew.
void sqlite_writer::keep_log_short() {
  const int pages = connection_.wal_pages();
  counters_.log_is(pages);
  if (pages < pages_before_) {  // it has begun anew
    next_checkpoint_at_ = long_log;
    checkpoint_step_ = long_log / 8;
  }
  pages_before_ = pages;
  if (archive_ && !archive_hurries_ && pages >= next_checkpoint_at_ - long_log / 2) {
    archive_hurries_ = true;  // little is left for catch_up
    archive_->hurry();
  }
  if (pages < next_checkpoint_at_) return;
  if (archive_) archive_->catch_up();
  archive_hurries_ = false;
  const auto patience = patience_with_readers(pages);
  bool done = readers_.let_go(patience);
  const auto began = steady::now();
  done &= connection_.checkpoint();
  counters_.checkpointed(steady::now() - began);
  done &= readers_.let_go(patience);
  // Where it does not begin anew now, most readers are gone soon, and some take long.
  if (!done) checkpoint_step_ = std::min(2 * checkpoint_step_, long_log);
  next_checkpoint_at_ = pages + checkpoint_step_;
}

bool sqlite_writer::leave_queue(unit& u) {
  if (std::exchange(u.begun, true)) return false;
  waiting_.fetch_sub(1, std::memory_order_relaxed);
  return true;
}

bool sqlite_writer::run_one(unit& u, undo how) {
  const bool is_first_run = leave_queue(u);
  const auto began = now_;
  u.kept = false;
  u.thrown = nullptr;
  if (is_first_run && u.late()) {
    u.settled = true;
    u.turn_away();
    counters_.gave_up();
    return true;
  }
  const auto changes = connection_.changes_begun();
  run_unit(u, how);
  now_ = steady::now();
  const auto took = now_ - began;
  if (is_first_run) counters_.ran(began - u.entered, took, u.kept);
  if (took > slow_unit) {
    log_.write(log_level::warning, "storage",
               fmt::format("a transaction held the writer for {} ms",
                           std::chrono::duration_cast<std::chrono::milliseconds>(took).count()));
  }
  if (undone_by_its_own(connection_)) {
    if (how != undo::alone) return false;
  } else {
    if (u.kept || how == undo::to_savepoint) return true;
    u.settled = connection_.changes_begun() == changes;
    if (u.settled || !connection_.in_transaction()) return true;
    if (how == undo::together) return false;
  }
  u.settled = true;
  roll_back();
  begin();  // so that the commit has something to end
  now_ = steady::now();
  return true;
}

void sqlite_writer::run_unit(unit& u, undo how) {
  storage_access::plain_transaction t(connection_);
  if (how == undo::to_savepoint) connection_.run("savepoint unit");
  try {
    connection_.limit = u.limit;
    u.kept = u.run(t.tx);
    connection_.limit = {};
    if (u.kept && connection_.undone()) std::rethrow_exception(connection_.undone());
    if (u.kept && connection_.has_unmet_foreign_keys()) {
      throw constraint_error(constraint_kind::foreign_key,
                             "a transaction ended with a deferred foreign key that is not met");
    }
    if (u.kept) {
      keep_notes(t.notes());
      connection_.effects.move_to(effects_);
    }
  } catch (...) {
    u.kept = false;
    u.thrown = std::current_exception();
  }
  connection_.limit = {};
  connection_.effects.clear();
  if (!connection_.in_transaction()) return;
  if (how == undo::to_savepoint) {
    if (!u.kept) {
      connection_.run("rollback to unit");
      connection_.forget_undone();
    }
    connection_.run("release unit");
  }
}

void sqlite_writer::keep_notes(const std::vector<std::string>& notes) {
  for (const auto& note : notes) {
    if (std::find(noted_.begin(), noted_.end(), note) == noted_.end()) noted_.push_back(note);
  }
}

void sqlite_writer::drop_notes() {
  noted_.clear();
  effects_.clear();
}

void sqlite_writer::finish(unit* first, const unit* end, const std::exception_ptr& failure) {
  std::array<waker*, 16> wakers{};
  std::size_t count = 0;
  for (auto* u = first; u != end;) {
    auto* next = u->next;  // after done() the unit is no more
    auto why = std::move(u->thrown);
    if (!why && u->kept) why = failure;
    auto* w = u->done(std::move(why));
    if (w) {
      std::size_t i = 0;
      while (i < count && wakers[i] != w) ++i;
      if (i == wakers.size()) w->wake();
      else if (i == count) wakers[count++] = w;
      else w->skip();
    }
    u = next;
  }
  for (std::size_t i = 0; i < count; ++i) wakers[i]->wake();
}

}  // namespace aft::storage

#include "writers.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/format.h>

#include <aft/ground/random.hpp>

#include "../../ground/may_wait.hpp"
#include "../../ground/quiet_thread.hpp"

namespace aft::storage::postgres {
namespace {

using steady = std::chrono::steady_clock;

constexpr auto slow_transaction = std::chrono::seconds(1);

// Those who were in each other's way must not meet again.
void step_aside(unsigned attempt) {
  const auto longest = 1'000u << std::min(attempt, 6u);  // microseconds
  std::this_thread::sleep_for(std::chrono::microseconds(std::int64_t(random_number(longest))));
}

bool is_of(const std::exception_ptr& thrown, storage_fault fault) {
  if (!thrown) return false;
  try {
    std::rethrow_exception(thrown);
  } catch (const storage_error& e) {
    return e.fault() == fault;
  } catch (...) {
    return false;
  }
}

}  // namespace

writers::writers(const server_address& address, topics& all_topics, write_counters& counters,
                 jobs_here& here, std::string own_name, const storage_options& options,
                 const logger& log, const clock& time, const void* whose)
    : address_(address), topics_(all_topics), counters_(counters), here_(here),
      own_name_(std::move(own_name)), options_(options), log_(log), time_(time), whose_(whose) {
  for (std::size_t i = 0; i < options_.max_writers; ++i) {
    threads_.push_back(detail::quiet_thread("aft write", [this] { work(); }));
  }
}

writers::~writers() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (auto& thread : threads_) thread.join();
}

unit* writers::submit(unit* first) noexcept {
  const auto now = steady::now();
  std::size_t taken = 0, refused = 0;
  {
    std::lock_guard lock(mutex_);
    for (; first && waiting_ < options_.max_queue; ++waiting_, ++taken) {
      auto& u = *std::exchange(first, first->next);
      u.entered = now;
      queue_.add(u);
    }
  }
  if (taken == 1) wake_.notify_one();
  else if (taken) wake_.notify_all();
  for (const auto* u = first; u; u = u->next) ++refused;
  if (refused) counters_.refused(refused);
  return first;
}

std::size_t writers::waiting() const {
  std::lock_guard lock(mutex_);
  return waiting_;
}

void writers::work() {
  detail::no_waiting guard("inside a transaction");
  detail::serving_for serving(whose_);
  session own(address_, session_use::write, options_, time_);
  own.here = &here_;
  while (true) {
    unit* u;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return !queue_.empty() || stopping_; });
      u = queue_.take(steady::now());
      if (!u) return;
      --waiting_;
    }
    run(*u, own);
    if (auto* w = u->done(std::move(u->thrown))) w->wake();
  }
}

void writers::run(unit& u, session& s) {
  u.thrown = nullptr;
  if (u.wants_connection()) {
    try {
      u.run_on(s);
    } catch (...) {
      u.thrown = std::current_exception();
    }
    return;
  }
  const auto began = steady::now();
  if (u.late()) {
    u.turn_away();
    return counters_.gave_up();
  }
  for (unsigned attempt = 1; run_once(u, s); ++attempt) {
    if (attempt >= options_.max_attempts || !u.may_run_again()) break;
    step_aside(attempt);
  }
  const auto took = steady::now() - began;
  counters_.ran(began - u.entered, took, u.kept);
  if (took > slow_transaction) {
    log_.write(log_level::warning, "storage",
               fmt::format("a transaction took {} ms",
                           std::chrono::duration_cast<std::chrono::milliseconds>(took).count()));
  }
}

void writers::commit(session& s, std::span<const std::string> notes) {
  const auto began = steady::now();
  s.commit(notes, own_name_);
  counters_.committed(1, steady::now() - began);
}

// True where it was undone because of others; why stands in `thrown` then.
bool writers::run_once(unit& u, session& s) {
  storage_access::plain_transaction t(s);
  u.thrown = nullptr;
  s.effects.clear();
  s.begin(u.isolated);
  s.limit = u.limit;
  try {
    u.kept = u.run(t.tx);
    if (u.kept) commit(s, t.notes());
    else s.rollback();
  } catch (...) {
    u.kept = false;
    u.thrown = std::current_exception();
    s.rollback();
  }
  const bool is_in_doubt = is_of(u.thrown, storage_fault::in_doubt);
  s.limit = {};
  if (s.undone()) {  // whatever the unit made of it
    s.effects.clear();
    u.kept = false;
    u.thrown = s.undone();
    return true;
  }
  if (u.kept) s.effects.commit();
  else if (is_in_doubt) s.effects.doubt();
  else s.effects.clear();
  if (u.kept || is_in_doubt) {
    for (const auto& note : t.notes()) topics_.tell(note);
  }
  return false;
}

}  // namespace aft::storage::postgres

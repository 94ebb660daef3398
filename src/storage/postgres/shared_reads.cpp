#include "shared_reads.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "../../ground/may_wait.hpp"
#include "../../ground/quiet_thread.hpp"
#include "../wake_askers.hpp"
#include "columns.hpp"

namespace aft::storage::postgres {
namespace {

// A connection of the pool, for as long as this lives.
class lent_session {
 public:
  explicit lent_session(session_pool& pool) : pool_(pool), session_(pool.take({})) {}
  lent_session(const lent_session&) = delete;
  lent_session& operator=(const lent_session&) = delete;
  ~lent_session() { pool_.give_back(std::move(session_)); }
  session* operator->() { return session_.get(); }
  session& operator*() { return *session_; }

 private:
  session_pool& pool_;
  std::unique_ptr<session> session_;
};

std::size_t rounds_at_once(const storage_options& options) {
  const std::size_t for_machine = std::thread::hardware_concurrency() / 2;
  return std::min(options.max_readers, std::max<std::size_t>(2, for_machine));
}

}  // namespace

// ---- those who ask

// For a thread that waits.
class shared_reads::waited final : public lone_query {
 public:
  using lone_query::lone_query;

  bool leads_itself() noexcept override {
    tell(turn::leads);
    return true;
  }
  std::unique_ptr<asked_query> finish() noexcept override {
    tell(turn::finished);
    return nullptr;
  }
  bool waits_until_it_leads() {  // false: it is finished
    std::unique_lock lock(mutex_);
    told_.wait(lock, [this] { return turn_ != turn::none; });
    return turn_ == turn::leads;
  }
  void take_answer(result rows) noexcept override { answer_ = std::move(rows); }
  std::size_t read(const row_target& to) {
    if (failure) std::rethrow_exception(failure);
    return read_rows(answer_.get(), *plan, to);
  }

 private:
  enum class turn { none, leads, finished };

  void tell(turn t) noexcept {
    std::lock_guard lock(mutex_);  // while it is told, it does not go
    turn_ = t;
    told_.notify_one();
  }

  std::mutex mutex_;
  std::condition_variable told_;
  turn turn_ = turn::none;
  result answer_{};
};

// For somebody who does not. Destroys itself.
class shared_reads::unwaited final : public lone_query {
 public:
  unwaited(shared_reads& all, std::unique_ptr<asked_query> q)
      : lone_query(q->text(), q->values(), q->rows().type), all_(all), asked_(std::move(q)) {}

  bool leads_itself() noexcept override { return false; }
  void take_answer(result found) noexcept override {
    try {
      read_rows(found.get(), *plan, asked_->rows());
    } catch (...) {
      failure = std::current_exception();
    }
  }
  std::unique_ptr<asked_query> finish() noexcept override {
    --all_.unfinished_;
    asked_->tell(std::move(failure));
    auto asked = std::move(asked_);
    delete this;
    return asked;
  }
  void run_alone() noexcept {
    try {
      all_.query_alone(text, values, asked_->rows());
    } catch (...) {
      failure = std::current_exception();
    }
    const auto asked = finish();
    wake_askers({&asked, 1});
  }

 private:
  shared_reads& all_;
  std::unique_ptr<asked_query> asked_;
};

shared_reads::shared_reads(session_pool& pool, const storage_options& options)
    : pool_(pool), most_rounds_(rounds_at_once(options)), most_threads_(options.max_readers),
      most_unfinished_(options.max_queue) {
  leaders_.reserve(most_rounds_);
}

shared_reads::~shared_reads() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    wake_all();
  }
  for (auto& t : threads_) t->runs.join();
}

std::size_t shared_reads::query(std::string_view text, std::span<const detail::parameter> values,
                                const row_target& rows) {
  waited q(text, values, rows.type);
  bool leads;
  thread* listening;
  {
    std::unique_lock lock(mutex_);
    if (!quick_.contains(text)) {
      lock.unlock();
      return query_alone(text, values, rows);
    }
    leads = begins_round(q, a_half);
    listening = find_listening();
  }
  if (listening) listening->more.ring();
  if (leads || q.waits_until_it_leads()) lead(q);
  return q.read(rows);
}

void shared_reads::ask(std::unique_ptr<asked_query> asked) {
  auto q = std::make_unique<unwaited>(*this, std::move(asked));
  std::unique_lock lock(mutex_);
  if (unfinished_ >= most_unfinished_) {
    throw storage_error(storage_fault::busy, "more queries wait than the queue takes");
  }
  if (threads_.size() < most_threads_) start_threads();
  bool for_a_thread = true;
  if (!quick_.contains(q->text)) alone_.push_back(q.get());
  else if (begins_round(*q, as_many)) leaders_.push_back(q.get());
  else for_a_thread = false;  // somebody else takes it along
  ++unfinished_;
  static_cast<void>(q.release());  // its own from here on
  auto* idle = for_a_thread ? find_idle() : nullptr;
  auto* listening = find_listening();
  lock.unlock();  // or they would wake only to wait for it
  if (idle) idle->woken.notify_one();
  if (listening) listening->more.ring();
}

// ---- rounds

// Otherwise it is in the queue. With the mutex held.
bool shared_reads::begins_round(lone_query& q, std::size_t part) {
  if (rounds_ < most_rounds_ && is_worth_it(waiting_.size() + 1, rounds_, part)) {
    ++rounds_;
    ++in_rounds_;
    return true;
  }
  waiting_.push_back(&q);
  return false;
}

// Beside others a round is worth it once this part of what went into each of those waits: a small
// one costs the server nearly as much as a large one.
bool shared_reads::is_worth_it(std::size_t size, std::size_t others, std::size_t part) const {
  return part * others * size >= in_rounds_;
}

// On the thread of the first, which is not finished here.
void shared_reads::lead(lone_query& first) {
  round taken;
  {
    std::lock_guard lock(mutex_);
    take_along(first, taken, most_rounds_);
  }
  run(taken);
  std::unique_lock lock(mutex_);
  auto* next = end_round(taken.size(), any);
  thread* idle = nullptr;
  if (next && !next->leads_itself()) {
    leaders_.push_back(next);  // it has room for all that may be
    idle = find_idle();
  }
  lock.unlock();
  if (idle) idle->woken.notify_one();
  taken.finish(1);
}

// On a thread of our own, with the mutex held. It goes on with those who came meanwhile, as to wake
// another costs more than a query.
void shared_reads::lead_ours(thread& me, lone_query& first, std::unique_lock<std::mutex>& lock) {
  for (auto* next = &first; next && !next->leads_itself();) {
    round taken;
    take_along(*next, taken, most_rounds_ * rounds_ahead);
    lock.unlock();
    const auto finished = run_ahead(me, taken);
    lock.lock();
    next = end_round(finished, as_many);
  }
}

// While others wait, they go to the server before the answer to those before them is there: so that
// it has something to do meanwhile. Returns how many of those who are finished are to be taken off
// in_rounds_.
std::size_t shared_reads::run_ahead(thread& me, round& first) {
  std::optional<lent_session> connection;
  try {
    connection.emplace(pool_);
  } catch (...) {
    first.fail(std::current_exception());
    return first.finish();
  }
  auto& server = **connection;
  round second;
  auto* now = &first;
  auto* next = &second;
  now->is_sent = server.begin_round(now->queries());
  for (std::size_t finished = 0;; std::swap(now, next)) {
    if (now->is_sent) send_ahead(me, server, *next, std::exchange(finished, 0));
    if (!now->is_sent || !server.end_round(now->queries())) {
      return finished + settle(server, *now, *next);
    }
    note_slow(*now);
    finished = now->finish();
    if (!next->size()) return finished;
    next->begin_now();
  }
}

// Returns with the answer to those under way, or with the next under way, too.
void shared_reads::send_ahead(thread& me, session& server, round& next, std::size_t finished) {
  std::unique_lock lock(mutex_);
  in_rounds_ -= finished;
  me.listens_since = steady::now();
  for (bool comes = false; waiting_.size() < small_round;) {
    if (comes) return;
    listening_.push_back(&me);
    lock.unlock();
    comes = server.await_round(me.more.descriptor());
    lock.lock();
    if (!std::erase(listening_, &me) || !comes) me.more.silence();
  }
  take_along(*take_waiting(), next, most_rounds_ * rounds_ahead);
  lock.unlock();
  next.is_sent = server.follow_round(next.queries());
}

// Where one of them failed, or the connection.
std::size_t shared_reads::settle(session& server, round& now, round& next) {
  if (next.is_sent) server.end_round(next.queries());
  std::size_t finished = 0;
  for (auto* r : {&now, &next}) {
    if (!r->size()) continue;
    server.ask_all(r->queries());
    note_slow(*r);
    finished += r->finish();
  }
  return finished;
}

// Gives all of it an answer or a failure.
void shared_reads::run(round& taken) {
  try {
    lent_session(pool_)->ask_all(taken.queries());
  } catch (...) {  // there was no connection
    taken.fail(std::current_exception());
  }
  note_slow(taken);
}

void shared_reads::note_slow(const round& taken) {
  const bool was_slow = taken.took() > slow_round;
  const auto is_quick = [&](const lone_query* q) { return !was_slow && !q->failure; };
  if (std::ranges::all_of(taken.queries(), is_quick)) return;
  std::lock_guard lock(mutex_);
  for (const auto* q : taken.queries()) {
    if (!is_quick(q)) quick_.erase(q->text);
  }
}

// With the mutex held, as the next ones. One of so many equal shares of all that are asked, so that
// no connection waits for what another has to do; and what would be left and is not worth sharing.
void shared_reads::take_along(lone_query& first, round& to, std::size_t shares) {
  to.add(first);
  const auto share = (in_rounds_ + waiting_.size()) / shares;
  auto others = std::min(waiting_.size(), std::clamp(share, small_round, round::largest) - 1);
  if (waiting_.size() - others < small_round) {
    others = std::min(waiting_.size(), round::largest - 1);
  }
  for (std::size_t i = 0; i < others; ++i) to.add(*take_waiting());
}

lone_query* shared_reads::take_waiting() {
  auto* q = waiting_.front();
  waiting_.pop_front();
  ++in_rounds_;
  return q;
}

// Who leads the next one, if it is worth one.
lone_query* shared_reads::end_round(std::size_t size, std::size_t part) {
  in_rounds_ -= size;
  if (!waiting_.empty() && is_worth_it(waiting_.size(), rounds_ - 1, part)) return take_waiting();
  --rounds_;
  return nullptr;
}

std::size_t shared_reads::query_alone(std::string_view text,
                                      std::span<const detail::parameter> values,
                                      const row_target& rows) {
  lent_session own(pool_);
  const auto began = steady::now();
  const auto count = own->query(text, values, rows);
  if (steady::now() - began < quick) {
    std::lock_guard lock(mutex_);
    quick_.insert(text);
  }
  return count;
}

// ---- threads for those who do not wait

void shared_reads::start_threads() {
  while (threads_.size() < most_threads_) {
    auto made = std::make_unique<thread>();
    threads_.reserve(most_threads_);
    made->runs = detail::quiet_thread("aft read", [this, &me = *made] { work(me); });
    threads_.push_back(std::move(made));
  }
}

// Who is to be woken, after the mutex was let go; null: all work. The one that has rested least
// goes first: its memory is at hand.
shared_reads::thread* shared_reads::find_idle() {
  if (idle_.empty()) return nullptr;
  auto* found = idle_.back();
  idle_.pop_back();
  return found;
}

// Whose bell is to be rung, the same way; null: nobody's. What is slow is not to hold up more.
shared_reads::thread* shared_reads::find_listening() {
  if (waiting_.size() < small_round || listening_.empty()) return nullptr;
  auto* found = listening_.back();
  if (steady::now() - found->listens_since > quick) return nullptr;
  listening_.pop_back();
  return found;
}

void shared_reads::wake_all() {
  while (auto* idle = find_idle()) idle->woken.notify_one();
}

void shared_reads::rest(thread& me, std::unique_lock<std::mutex>& lock) {
  idle_.push_back(&me);
  me.woken.wait(lock, [&] { return std::ranges::find(idle_, &me) == idle_.end(); });
}

void shared_reads::work(thread& me) {
  detail::no_waiting guard("where the end of a query is told");
  std::unique_lock lock(mutex_);
  while (true) {
    // One thread is left for rounds, which others may wait for.
    const bool may_be_alone = !alone_.empty() && (busy_alone_ + 1 < most_threads_ || !busy_alone_);
    if (!leaders_.empty()) {
      auto* q = leaders_.back();
      leaders_.pop_back();
      lead_ours(me, *q, lock);
    } else if (may_be_alone) {
      auto* q = alone_.front();
      alone_.pop_front();
      ++busy_alone_;
      lock.unlock();
      q->run_alone();
      lock.lock();
      --busy_alone_;
      if (auto* idle = alone_.empty() ? nullptr : find_idle()) idle->woken.notify_one();
    } else if (stopping_ && alone_.empty()) {
      wake_all();  // those who rested because too many were alone
      return;
    } else {
      rest(me, lock);
    }
  }
}

}  // namespace aft::storage::postgres

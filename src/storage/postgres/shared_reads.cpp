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
  explicit lent_session(session_pool& pool) : pool_(pool), session_(pool.take(0)) {}
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

// Those that go together, the first of which leads.
class shared_reads::round {
 public:
  void add(lone_query& q) {
    if (!size_) began_ = steady::now();
    queries_[size_++] = &q;
  }
  std::size_t size() const { return size_; }
  std::span<lone_query* const> queries() const { return {queries_.data(), size_}; }
  void fail(const std::exception_ptr& why) {
    for (auto* q : queries()) q->failure = why;
  }
  auto took() const { return steady::now() - began_; }
  // All are read before any is told, and all are told before any who asked is woken: so that he
  // wakes once for all. Returns how many they were.
  std::size_t finish(std::size_t from = 0) noexcept {
    const auto all = queries().subspan(from);
    for (auto* q : all) q->read();
    std::array<std::unique_ptr<asked_query>, largest_round> told;
    std::size_t count = 0;
    for (auto* q : all) {
      if (auto asked = q->finish()) told[count++] = std::move(asked);
    }
    wake_askers({told.data(), count});
    is_sent = false;
    return std::exchange(size_, 0);
  }

  bool is_sent = false;  // to the server, and not answered

 private:
  std::array<lone_query*, largest_round> queries_;
  std::size_t size_ = 0;
  steady::time_point began_{};
};

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
};

// For somebody who does not. Destroys itself.
class shared_reads::unwaited final : public lone_query {
 public:
  unwaited(shared_reads& all, std::unique_ptr<asked_query> q)
      : lone_query(q->text(), q->values(), q->rows().type), all_(all), asked_(std::move(q)) {}

  bool leads_itself() noexcept override { return false; }
  void read() noexcept override {
    if (!answer) return;
    try {
      read_rows(answer.get(), *plan, asked_->rows());
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
  {
    std::unique_lock lock(mutex_);
    if (!quick_.contains(text)) {
      lock.unlock();
      return query_alone(text, values, rows);
    }
    leads = begins_round(q, a_half);
  }
  if (leads || q.waits_until_it_leads()) lead(q);
  if (q.failure) std::rethrow_exception(q.failure);
  return read_rows(q.answer.get(), *q.plan, rows);
}

void shared_reads::ask(std::unique_ptr<asked_query> asked) {
  auto q = std::make_unique<unwaited>(*this, std::move(asked));
  std::unique_lock lock(mutex_);
  if (unfinished_ >= most_unfinished_) {
    throw storage_error(storage_fault::busy, "more queries wait than the queue takes");
  }
  while (threads_.size() < most_threads_) {
    auto& made = *threads_.emplace_back(std::make_unique<thread>());
    made.runs = detail::quiet_thread("aft read", [this, &made] { work(made); });
  }
  bool for_a_thread = true;
  if (!quick_.contains(q->text)) alone_.push_back(q.get());
  else if (begins_round(*q, as_many)) leaders_.push_back(q.get());
  else for_a_thread = false;  // somebody else takes it along
  ++unfinished_;
  static_cast<void>(q.release());  // its own from here on
  auto* idle = for_a_thread ? find_idle() : nullptr;
  lock.unlock();  // or it would wake only to wait for it
  if (idle) idle->woken.notify_one();
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
void shared_reads::lead_ours(lone_query* first, std::unique_lock<std::mutex>& lock) {
  while (first) {
    round taken;
    take_along(*first, taken, 2 * most_rounds_);
    lock.unlock();
    const auto of_the_last = run_ahead(taken, lock);
    lock.lock();
    first = end_round(of_the_last, as_many);
    if (first && first->leads_itself()) return;
  }
}

// Without the mutex. While others wait, they go to the server before the answer to those before
// them is read: so that it has something to do meanwhile. Returns how many are to be taken off
// in_rounds_.
std::size_t shared_reads::run_ahead(round& first, std::unique_lock<std::mutex>& lock) {
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
  for (std::size_t finished = 0;; std::swap(now, next)) {
    if (!now->is_sent) now->is_sent = server.ask_ahead(now->queries());
    // Otherwise another connection may be made for the next, whose answers are not for these.
    const bool comes = now->is_sent && server.await_answer();
    lock.lock();
    in_rounds_ -= std::exchange(finished, 0);
    if (comes && waiting_.size() >= small_round) take_next(*next);
    lock.unlock();
    if (next->size()) next->is_sent = server.ask_ahead(next->queries());
    if (!comes || !server.answer(now->queries())) {
      if (std::exchange(next->is_sent, false)) server.answer(next->queries());
      server.ask_all(now->queries());
      server.ask_all(next->queries());
    }
    note_slow(*now);
    finished = now->finish();
    if (!next->size()) return finished;
  }
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
  auto others = std::min(waiting_.size(), std::clamp(share, small_round, largest_round) - 1);
  if (waiting_.size() - others < small_round) others = std::min(waiting_.size(), largest_round - 1);
  in_rounds_ += others;
  for (std::size_t i = 0; i < others; ++i) {
    to.add(*waiting_.front());
    waiting_.pop_front();
  }
}

void shared_reads::take_next(round& to) {
  auto* first = waiting_.front();
  waiting_.pop_front();
  ++in_rounds_;
  take_along(*first, to, 2 * most_rounds_);
}

// Who leads the next one, if it is worth one.
lone_query* shared_reads::end_round(std::size_t size, std::size_t part) {
  in_rounds_ -= size;
  if (waiting_.empty() || !is_worth_it(waiting_.size(), rounds_ - 1, part)) {
    --rounds_;
    return nullptr;
  }
  auto* next = waiting_.front();
  waiting_.pop_front();
  ++in_rounds_;
  return next;
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

// Who is to be woken, after the mutex was let go; null: all work. The one that has rested least
// goes first: its memory is at hand.
shared_reads::thread* shared_reads::find_idle() {
  if (idle_.empty()) return nullptr;
  auto* found = idle_.back();
  idle_.pop_back();
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
      lead_ours(q, lock);
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

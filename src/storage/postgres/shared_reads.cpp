#include "shared_reads.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "../../ground/may_wait.hpp"
#include "../../ground/quiet_thread.hpp"
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
  void add(lone_query& q) { queries_[size_++] = &q; }
  std::size_t size() const { return size_; }
  std::span<lone_query* const> queries() const { return {queries_.data(), size_}; }
  void finish(std::size_t from = 0) noexcept {
    const auto all = queries().subspan(from);
    for (auto* q : all) q->read();  // before any is told: so that who asked wakes once for all
    for (auto* q : all) q->finish();
    size_ = 0;
  }

 private:
  std::array<lone_query*, largest_round> queries_;
  std::size_t size_ = 0;
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
  void finish() noexcept override { tell(turn::finished); }
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

struct shared_reads::kept_query {
  explicit kept_query(asked_query&& q) : asked(std::move(q)), bound(asked.bound()) {}
  const asked_query asked;
  const std::vector<detail::parameter> bound;
};

// For somebody who does not. Destroys itself.
class shared_reads::unwaited final : private kept_query, public lone_query {
 public:
  unwaited(shared_reads& all, asked_query&& q)
      : kept_query(std::move(q)), lone_query(asked.text, bound, asked.rows.type), all_(all) {}

  bool leads_itself() noexcept override { return false; }
  void read() noexcept override {
    if (!answer) return;
    try {
      read_rows(answer.get(), *plan, asked.rows);
    } catch (...) {
      failure = std::current_exception();
    }
  }
  void finish() noexcept override { end(); }
  void run_alone() noexcept {
    try {
      all_.query_alone(text, values, asked.rows);
    } catch (...) {
      failure = std::current_exception();
    }
    end();
  }

 private:
  void end() noexcept {
    --all_.unfinished_;
    asked.done(std::move(failure));
    delete this;
  }

  shared_reads& all_;
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
  }
  something_to_do_.notify_all();
  for (auto& thread : threads_) thread.join();
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
    leads = begins_round(q);
  }
  if (leads || q.waits_until_it_leads()) lead(q);
  if (q.failure) std::rethrow_exception(q.failure);
  return read_rows(q.answer.get(), *q.plan, rows);
}

void shared_reads::ask(asked_query asked) {
  auto q = std::make_unique<unwaited>(*this, std::move(asked));
  std::lock_guard lock(mutex_);
  if (unfinished_ >= most_unfinished_) {
    throw storage_error(storage_fault::busy, "more queries wait than the queue takes");
  }
  while (threads_.size() < most_threads_) {
    threads_.push_back(detail::quiet_thread("aft read", [this] { work(); }));
  }
  bool for_a_thread = true;
  if (!quick_.contains(q->text)) alone_.push_back(q.get());
  else if (begins_round(*q)) leaders_.push_back(q.get());
  else for_a_thread = false;  // somebody else takes it along
  ++unfinished_;
  static_cast<void>(q.release());  // its own from here on
  if (for_a_thread) something_to_do_.notify_one();
}

// ---- rounds

// Otherwise it is in the queue. With the mutex held. Beside others a round begins once half as many
// wait as went into each of those: a small one costs the server nearly as much as a large one.
bool shared_reads::begins_round(lone_query& q) {
  const bool is_worth_it = 2 * rounds_ * (waiting_.size() + 1) >= in_rounds_;
  if (rounds_ < most_rounds_ && is_worth_it) {
    ++rounds_;
    ++in_rounds_;
    return true;
  }
  waiting_.push_back(&q);
  return false;
}

// On the thread of the first, which is not finished here.
void shared_reads::lead(lone_query& first) {
  round taken;
  run(taken, first);
  if (auto* next = end_round(taken.size()); next && !next->leads_itself()) {
    std::lock_guard lock(mutex_);
    leaders_.push_back(next);  // it has room for all that may be
    something_to_do_.notify_one();
  }
  taken.finish(1);
}

// On a thread of our own. It goes on with those who came meanwhile, as to wake another costs more
// than a query; what is asked when the others are told goes along.
void shared_reads::lead_ours(lone_query* first) {
  while (first) {
    round taken;
    run(taken, *first);
    const auto size = taken.size();
    taken.finish();
    first = end_round(size);
    if (first && first->leads_itself()) return;
  }
}

// Gives all of it an answer or a failure.
void shared_reads::run(round& taken, lone_query& first) {
  take_along(first, taken);
  const auto began = steady::now();
  try {
    lent_session(pool_)->ask_all(taken.queries());
  } catch (...) {  // there was no connection
    for (auto* q : taken.queries()) q->failure = std::current_exception();
  }
  const bool was_slow = steady::now() - began > slow_round;
  std::lock_guard lock(mutex_);
  for (const auto* q : taken.queries()) {
    if (was_slow || q->failure) quick_.erase(q->text);
  }
}

void shared_reads::take_along(lone_query& first, round& to) {
  to.add(first);
  std::lock_guard lock(mutex_);
  const auto others = std::min(waiting_.size(), largest_round - 1);
  in_rounds_ += others;
  for (std::size_t i = 0; i < others; ++i) {
    to.add(*waiting_.front());
    waiting_.pop_front();
  }
}

// Who leads the next one, if anybody waits.
lone_query* shared_reads::end_round(std::size_t size) {
  std::lock_guard lock(mutex_);
  in_rounds_ -= size;
  if (waiting_.empty()) {
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

void shared_reads::work() {
  detail::no_waiting guard("where the end of a query is told");
  std::unique_lock lock(mutex_);
  while (true) {
    // One thread is left for rounds, which others may wait for.
    const auto may_be_alone = [this] {
      return !alone_.empty() && (busy_alone_ + 1 < most_threads_ || !busy_alone_);
    };
    const auto may_end = [this] { return stopping_ && alone_.empty(); };
    something_to_do_.wait(lock, [&] { return !leaders_.empty() || may_be_alone() || may_end(); });
    if (!leaders_.empty()) {
      auto* q = leaders_.back();
      leaders_.pop_back();
      lock.unlock();
      lead_ours(q);
      lock.lock();
    } else if (may_be_alone()) {
      auto* q = alone_.front();
      alone_.pop_front();
      ++busy_alone_;
      lock.unlock();
      q->run_alone();
      lock.lock();
      --busy_alone_;
      something_to_do_.notify_one();
    } else {
      something_to_do_.notify_all();
      return;
    }
  }
}

}  // namespace aft::storage::postgres

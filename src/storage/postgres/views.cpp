#include "views.hpp"

#include <algorithm>
#include <chrono>

#include "shared_reads.hpp"

namespace aft::storage::postgres {
std::unique_ptr<session> session_pool::take(const time_limit& limit) {
  using steady = std::chrono::steady_clock;
  std::unique_lock lock(mutex_);
  const auto may_go_on = [this] { return !free_.empty() || taken_ < options_.max_readers; };
  const auto give_up =
      steady::now() + std::chrono::milliseconds(options_.busy_timeout.in_milliseconds());
  while (!may_go_on()) {
    auto look = give_up;
    if (limit)
      look = std::min(look, steady::now() + std::chrono::milliseconds(time_limit::between_looks));
    given_back_.wait_until(lock, look, may_go_on);
    if (may_go_on()) break;
    if (limit.is_cancelled()) {
      throw storage_error(storage_fault::cancelled, "cancelled before a connection was free");
    }
    if (limit.is_over()) {
      throw storage_error(storage_fault::late,
                          "the deadline has passed before a connection was free");
    }
    if (steady::now() >= give_up) {
      throw storage_error(storage_fault::busy,
                          "all connections to the PostgreSQL server are in use (max_readers)");
    }
  }
  std::unique_ptr<session> s;
  if (!free_.empty()) {  // the last, so that few are used where few are needed
    s = std::move(free_.back());
    free_.pop_back();
  } else {
    s = std::make_unique<session>(address_, session_use::read, options_, time_);
  }
  ++taken_;
  return s;
}

void session_pool::give_back(std::unique_ptr<session> s) {
  {
    std::lock_guard lock(mutex_);
    --taken_;
    free_.push_back(std::move(s));
  }
  given_back_.notify_one();
}

reader& view::begin(const time_limit& until) {
  limit = until;
  return reader_;
}

reader& view::begin_alone() {
  alone_ = true;
  return begin({});
}

void view::end() {
  limit = {};
  alone_ = false;
  if (!session_) return;
  session_->limit = {};
  session_->end_view();
  pool_.give_back(std::move(session_));
}

session& view::begun() {
  if (!session_) {
    session_ = pool_.take(limit);
    session_->begin();
  }
  session_->limit = limit;
  return *session_;
}

std::size_t view::query(std::string_view text, std::span<const detail::parameter> values,
                        const row_target& rows) {
  if (alone_) return shared_.query(text, values, rows);
  return begun().query(text, values, rows);
}

std::string view::explain(std::string_view text) { return begun().explain(text); }

std::int64_t view::execute(std::string_view text, std::span<const detail::parameter> values) {
  return begun().execute(text, values);
}

}  // namespace aft::storage::postgres

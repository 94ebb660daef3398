#include "views.hpp"

#include <algorithm>
#include <chrono>

#include "../../ground/coarse_clock.hpp"
#include "shared_reads.hpp"

namespace aft::storage::postgres {

std::unique_ptr<session> session_pool::take(std::int64_t deadline) {
  std::unique_lock lock(mutex_);
  const bool soon = deadline != 0;
  auto at_most = options_.busy_timeout.in_milliseconds();
  if (soon) at_most = std::min(at_most, deadline - aft::detail::coarse_milliseconds());
  const auto may_go_on = [this] { return !free_.empty() || taken_ < options_.max_readers; };
  if (!given_back_.wait_for(lock, std::chrono::milliseconds(at_most), may_go_on)) {
    if (soon && aft::detail::coarse_milliseconds() > deadline) {
      throw storage_error(storage_fault::late,
                          "the deadline of the request has passed before a connection was free");
    }
    throw storage_error(storage_fault::busy,
                        "all connections to the PostgreSQL server are in use (max_readers)");
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

reader& view::begin(std::int64_t until) {
  deadline = until;
  return reader_;
}

reader& view::begin_alone() {
  alone_ = true;
  return begin(0);
}

void view::end() {
  deadline = 0;
  alone_ = false;
  if (!session_) return;
  session_->deadline = 0;
  session_->end_view();
  pool_.give_back(std::move(session_));
}

session& view::begun() {
  if (!session_) {
    session_ = pool_.take(deadline);
    session_->begin();
  }
  session_->deadline = deadline;
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

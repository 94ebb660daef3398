#include <aft/http/events.hpp>

#include <algorithm>
#include <atomic>
#include <deque>
#include <mutex>
#include <vector>

#include <fmt/format.h>

#include <aft/ground/encoding.hpp>
#include <aft/ground/error.hpp>
#include <aft/ground/random.hpp>

#include "body_source.hpp"
#include "call.hpp"

namespace aft {
namespace {

constexpr std::size_t enough_for_one_part = 32 * 1024;

}  // namespace

class event_feed::log {
 public:
  explicit log(const event_feed_options& options)
      : options_(options), name_(to_hex(random_bytes(4))) {}

  class follower;

  void hold() { holders_.fetch_add(1, std::memory_order_relaxed); }
  void let_go() {
    if (holders_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }

  void publish(std::string_view data, std::string_view type) {
    if (type.find_first_of("\r\n") != type.npos) {
      throw error("the type of an event holds a line break");
    }
    std::string text;
    if (!type.empty()) text.append("event: ").append(type) += '\n';
    while (true) {  // any line break begins a new line of data
      const auto end = data.find_first_of("\r\n");
      text.append("data: ").append(data.substr(0, end)) += '\n';
      if (end == data.npos) break;
      data.remove_prefix(end + (data.substr(end, 2) == "\r\n" ? 2 : 1));
    }
    std::lock_guard lock(mutex_);
    bytes_ += text.size();
    events_.push_back(std::move(text));
    while (events_.size() > options_.kept_events ||
           (bytes_ > options_.kept_bytes && events_.size() > 1)) {
      bytes_ -= events_.front().size();
      events_.pop_front();
      ++first_;
    }
    wake_all();
  }

  void end() {
    std::lock_guard lock(mutex_);
    ended_ = true;
    wake_all();
  }

  std::size_t listeners() const {
    std::lock_guard lock(mutex_);
    return waiting_.size();
  }

 private:
  void wake_all() {
    for (const auto& f : waiting_) f.second();
  }

  ~log() = default;

  std::atomic<unsigned> holders_{1};
  const event_feed_options options_;
  const std::string name_;  // of this log, so that the numbers of another are not taken for its own
  mutable std::mutex mutex_;
  std::deque<std::string> events_{};  // guarded by mutex_, as is all below
  std::uint64_t first_ = 1;           // the number of the first one
  std::size_t bytes_ = 0;
  bool ended_ = false;
  std::vector<std::pair<follower*, http::more_signal>> waiting_{};
};

// One client's place in the log.
class event_feed::log::follower final : public http::body_source {
 public:
  // Takes over what its stream holds.
  follower(log* held, std::string_view last_seen) : log_(held) {
    std::lock_guard lock(log_->mutex_);
    next_ = log_->first_ + log_->events_.size();
    if (last_seen.empty()) return;
    const auto dash = last_seen.rfind('-');
    const auto digits =
        last_seen.substr(std::min(dash, last_seen.size()) + (dash != last_seen.npos));
    std::uint64_t number = 0;
    bool ours = dash != last_seen.npos && last_seen.substr(0, dash) == log_->name_ &&
                !digits.empty() && digits.size() < 19;
    for (const char c : digits) {
      ours = ours && c >= '0' && c <= '9';
      number = number * 10 + std::uint64_t(c - '0');
    }
    if (ours && number + 1 >= log_->first_ && number < next_) next_ = number + 1;
    else resync_ = true;
  }
  ~follower() override {
    leave();
    log_->let_go();
  }

  void begin(http::more_signal signal) override {
    std::lock_guard lock(log_->mutex_);
    log_->waiting_.emplace_back(this, signal);
  }

  step next(buffer& out) override {
    std::lock_guard lock(log_->mutex_);
    if (!begun_) {
      begun_ = true;
      out.append(fmt::format("retry: {}\n\n", log_->options_.retry.in_milliseconds()));
    }
    const auto end = log_->first_ + log_->events_.size();
    if (next_ < log_->first_) {  // the log has moved on
      resync_ = true;
      next_ = end;
    }
    if (resync_) {
      resync_ = false;
      out.append(fmt::format("event: resync\ndata: \nid: {}-{}\n\n", log_->name_, end - 1));
      next_ = end;
    }
    while (next_ < end && out.size() < enough_for_one_part) {
      out.append(log_->events_[std::size_t(next_ - log_->first_)]);
      out.append(fmt::format("id: {}-{}\n\n", log_->name_, next_));
      ++next_;
    }
    if (next_ < end) return step::more;
    return log_->ended_ ? step::end : step::wait;
  }

  duration heartbeat() const override { return log_->options_.heartbeat; }
  void beat(buffer& out) override { out.append(":\n\n"); }

 private:
  void leave() {
    std::lock_guard lock(log_->mutex_);
    auto& all = log_->waiting_;
    const auto at = std::find_if(all.begin(), all.end(), [&](auto& w) { return w.first == this; });
    if (at == all.end()) return;
    *at = all.back();
    all.pop_back();
  }

  log* log_;
  std::uint64_t next_;
  bool resync_ = false;
  bool begun_ = false;
};

event_feed::event_feed(event_feed_options options) : log_(new log(std::move(options))) {}
event_feed::~event_feed() {
  log_->end();
  log_->let_go();
}
void event_feed::publish(std::string_view data, std::string_view type) {
  log_->publish(data, type);
}
std::size_t event_feed::listeners() const { return log_->listeners(); }

event_stream::event_stream(event_feed& feed) : log_(feed.log_) { log_->hold(); }
event_stream::~event_stream() {
  if (log_) log_->let_go();
}

void event_stream::answer(http::call& c) && {
  http::reply_with(c, {200, {}, "text/event-stream", {{"Cache-Control", "no-store"}}});
  const auto last_seen = c.incoming.header("Last-Event-ID").value_or("");
  c.answer.source =
      std::make_unique<event_feed::log::follower>(std::exchange(log_, nullptr), last_seen);
}

}  // namespace aft

#include "open_streams.hpp"

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>

#include <aft/auth/api_key.hpp>

#include "../ground/quiet_thread.hpp"
#include "account_id.hpp"

namespace aft::guarding {
namespace {

constexpr std::uint16_t policy_violation = 1008;  // RFC 6455 section 7.4.1

}  // namespace

// One of them. Shared by what sends it and, while it looks, by the thread that may end it.
class open_stream {
 public:
  open_stream(open_streams& all, way_in with) : by(std::move(with)), all_(all) {}
  open_stream(const open_stream&) = delete;
  open_stream& operator=(const open_stream&) = delete;
  ~open_stream() { all_.remove(*this); }

  const way_in by;

  bool is_over() const { return over_.load(std::memory_order_acquire); }

  void end() {
    std::lock_guard lock(mutex_);
    if (over_.exchange(true)) return;
    more_();
    if (peer_) peer_->close(policy_violation, "the session is over");
  }

  // On its event loop: of a body, and of a WebSocket.
  void sends(http::more_signal signal) {
    std::lock_guard lock(mutex_);
    more_ = signal;
  }
  void speaks_with(const peer& p) {
    std::lock_guard lock(mutex_);
    if (over_) return p.close(policy_violation, "the session is over");
    peer_ = p;
  }
  void leave() {
    std::lock_guard lock(mutex_);
    more_ = {};
    peer_.reset();
  }

 private:
  open_streams& all_;
  std::atomic<bool> over_{false};
  std::mutex mutex_;
  http::more_signal more_{};  // guarded by mutex_, as is the next
  std::optional<peer> peer_{};
};

namespace {

using held_stream = std::shared_ptr<open_stream>;

class held_source final : public http::body_source {
 public:
  held_source(std::unique_ptr<body_source> inside, held_stream held, step last)
      : inside_(std::move(inside)), held_(std::move(held)), last_(last) {}
  ~held_source() override { held_->leave(); }

  void begin(http::more_signal signal) override {
    held_->sends(signal);
    inside_->begin(signal);
  }
  step next(buffer& out) override { return held_->is_over() ? last_ : inside_->next(out); }
  duration heartbeat() const override { return inside_->heartbeat(); }
  void beat(buffer& out) override { inside_->beat(out); }

 private:
  const std::unique_ptr<body_source> inside_;
  const held_stream held_;
  const step last_;
};

void hold_socket(websocket_options& o, const held_stream& held) {
  o.on_open = [held, next = std::move(o.on_open)](const peer& p) {
    held->speaks_with(p);
    if (next) next(p);
  };
  o.on_close = [held, next = std::move(o.on_close)](const peer& p, std::uint16_t code,
                                                    std::string_view reason) {
    held->leave();
    if (next) next(p, code, reason);
  };
}

}  // namespace

namespace {

// Whether it and its owner are still let in.
bool is_live(reader& db, std::int64_t api_key) {
  const auto key = api_keys::find_live(db, api_key);
  if (!key) return false;
  const auto owner = auth::find_account(db, account_of(key->subject));
  return owner && !owner->disabled;
}

}  // namespace

open_streams::open_streams(database& db, const logger& log, const auth::session_limits& limits,
                           duration look_every)
    : db_(db), log_(log), limits_(limits), look_every_(look_every),
      listener_(db.listen(auth::sessions_topic, [this] { hear(); })),
      thread_(detail::quiet_thread("aft sessions", [this] { work(); })) {}

open_streams::~open_streams() {
  db_.unlisten(listener_);
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void open_streams::hold(http::call& c, way_in by, std::uint64_t as_of) {
  auto& answer = c.answer;
  if (answer.upgrade) {
    hold_socket(answer.upgrade->options, add(std::move(by), as_of));
  } else if (answer.source && !answer.source_size) {
    // A browser that lost its events asks for more, and learns why it gets none. Of all else the
    // client must see that it has not got all.
    const bool events = answer.content_type.starts_with("text/event-stream");
    using step = http::body_source::step;
    answer.source = std::make_unique<held_source>(
        std::move(answer.source), add(std::move(by), as_of), events ? step::end : step::cut);
  }
}

std::shared_ptr<open_stream> open_streams::add(way_in by, std::uint64_t as_of) {
  auto made = std::make_shared<open_stream>(*this, std::move(by));
  {
    std::lock_guard lock(mutex_);
    open_.emplace(made.get(), made);
    must_look_ |= as_of != heard_;
  }
  changed_.notify_one();
  return made;
}

void open_streams::remove(const open_stream& gone) {
  std::lock_guard lock(mutex_);
  open_.erase(&gone);
}

void open_streams::hear() {
  {
    std::lock_guard lock(mutex_);
    ++heard_;
    must_look_ = true;
  }
  changed_.notify_one();
}

void open_streams::work() {
  const std::chrono::microseconds wait(look_every_.in_microseconds());
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (open_.empty()) {
      must_look_ = false;
      changed_.wait(lock, [this] { return stopping_ || !open_.empty(); });
      continue;
    }
    changed_.wait_for(lock, wait, [this] { return stopping_ || must_look_; });
    must_look_ = false;
    streams all;
    for (const auto& [at, stream] : open_) {
      if (auto held = stream.lock()) all.push_back(std::move(held));
    }
    lock.unlock();
    end_those_over(all);
    all.clear();  // without the lock, which the last of each takes
    lock.lock();
  }
}

void open_streams::end_those_over(const streams& all) {
  try {
    db_.read([&](reader& db) { end_those_over(db, all); });
  } catch (const std::exception& e) {  // the next look tries again
    log_.write(log_level::error, "guard",
               std::string("open streams were not looked at: ") + e.what());
  }
}

void open_streams::end_those_over(reader& db, const streams& all) const {
  std::vector<std::string> sessions;
  std::map<std::int64_t, bool> live;  // API keys
  for (const auto& stream : all) {
    if (!stream->by.session.empty()) sessions.push_back(stream->by.session);
    const auto key = stream->by.api_key;
    if (key && !live.count(key)) live[key] = is_live(db, key);
  }
  std::sort(sessions.begin(), sessions.end());
  sessions.erase(std::unique(sessions.begin(), sessions.end()), sessions.end());
  const auto over = auth::ended_sessions(db, sessions, limits_);  // in order
  for (const auto& stream : all) {
    const auto& by = stream->by;
    const bool goes_on =
        by.api_key ? live[by.api_key] : !std::binary_search(over.begin(), over.end(), by.session);
    if (!goes_on) stream->end();
  }
}

}  // namespace aft::guarding

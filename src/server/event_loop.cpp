#include "event_loop_impl.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <time.h>

#include <algorithm>
#include <string>
#include <utility>

#include <boost/asio/post.hpp>

#include <aft/ground/error.hpp>

#include "../ground/may_wait.hpp"
#include "../ground/reserved_heap.hpp"
#include "../http/parser.hpp"

namespace aft::server {
namespace {

namespace asio = boost::asio;

constexpr int busy_batch = 8;                // events that promise more
constexpr int max_batches = 16;              // before timers have their turn
constexpr int crowd_at_once = 16;            // of the crowd, before others are looked for
constexpr int max_prompt = 64;               // of those at once
constexpr int helped_at_once = 5;            // milliseconds
constexpr std::size_t heap_bytes = 8 << 20;  // for a thousand requests that come at once
constexpr int patience = 1000;  // milliseconds, until a context is taken for one that nobody runs

// What a client must move within a time, so that it gets as much again.
std::int64_t least_bytes(std::size_t rate, duration within) {
  return std::int64_t(
      std::clamp(double(rate) * double(within.in_milliseconds()) / 1000, 1.0, 1e12));
}

}  // namespace

event_loop::impl::impl(server_state& state, std::vector<listener> listeners, asio::io_context* host)
    : state_(state), listeners_(std::move(listeners)), own_(host ? nullptr : new own_context),
      io_(host ? host : &own_->io),
      executor_(host ? asio::any_io_executor(turn_executor(host->get_executor(), turn_))
                     : asio::any_io_executor(own_->io.get_executor())),
      watch_(std::in_place, executor_), timer_(std::in_place, executor_),
      host_(state.routes, state.options.limits),
      websockets_(executor_, state.log, state.connections),
      least_of_body_(least_bytes(state.options.timeouts.body_rate, state.options.timeouts.body)),
      least_of_answer_(least_bytes(state.options.timeouts.send_rate, state.options.timeouts.send)),
      read_buffer_(new char[read_buffer_size + http::parser_slack]),
      max_lag_(state.options.max_lag > duration() ? state.options.max_lag.in_milliseconds()
                                                  : std::int64_t(1) << 40) {
  epoll_ = descriptor(::epoll_create1(EPOLL_CLOEXEC));
  crowd_ = descriptor(::epoll_create1(EPOLL_CLOEXEC));
  if (epoll_.get() < 0 || crowd_.get() < 0) throw error("the system gives no epoll instance");
  watched_epoll_ = copy_of(epoll_);
  wake_ = descriptor(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (wake_.get() < 0) throw error("the system gives no eventfd");
  // Some are shared with the other loops; one of them is woken for a connection.
  for (auto& l : listeners_) control(epoll_, EPOLL_CTL_ADD, l.get(), EPOLLIN | EPOLLEXCLUSIVE, &l);
  control(epoll_, EPOLL_CTL_ADD, wake_.get(), EPOLLIN, &wake_);
  control(epoll_, EPOLL_CTL_ADD, crowd_.get(), EPOLLIN, &crowd_);
  host_.upgrades = true;
  host_.coroutines = this;
  const auto& tls = state_.options.tls;
  if (!tls.certificates.empty() && tls.hsts >= seconds(1)) {
    host_.hsts = "max-age=" + std::to_string(tls.hsts.in_seconds());
  }
  host_.on_more = [](void* s) {
    auto& c = *static_cast<connection*>(static_cast<http::session*>(s)->connection);
    c.loop.has_more(c);
  };
  host_.on_done = [](http::call& c) -> waker* {
    auto& session = *static_cast<http::session*>(c.session);
    return static_cast<connection*>(session.connection)->loop.call_is_done(c);
  };
  if (!host) return;
  context_guests::of(*host).add(*this);
  asio::post(executor_, [this, t = turn_] {
    if (!t->over) take_turn();
  });
}

event_loop::impl::~impl() {
  std::lock_guard lock(*turn_);
  turn_->over = true;
  leave_host();
  unwatch();
  for (auto* c = newest_; c;) {
    auto* older = c->older;
    c->http.abandon(host_);
    delete c;
    c = older;
  }
}

void event_loop::impl::run() {
  detail::no_waiting not_here("on an event loop");
  detail::serving_for serving(&state_.routes);
  thread_ = std::this_thread::get_id();
  detail::reserve_heap(heap_bytes);
  while (!stopped_) {
    if (needs_asio()) {
      watch_through_asio();
      io_->run_one();
    } else {
      if (watched_ || timed_) leave_asio();
      handle_events(time_to_tick());
    }
    tick_if_due();
    stop_if_done();
  }
  wait_for_wakers();
}

bool event_loop::impl::help() {
  ::pollfd ready{epoll_.get(), POLLIN, 0};
  ::poll(&ready, 1, helped_at_once);
  {
    std::lock_guard lock(*turn_);
    take_turn();
    if (stopped_) {
      wait_for_wakers();
      leave_host();
      return false;
    }
    if (!coroutines_ && websockets_.empty()) return true;
  }
  help_asio();
  return true;
}

// ---- events

void event_loop::impl::control(const descriptor& set, int operation, int fd, std::uint32_t events,
                               void* what) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = what;
  ::epoll_ctl(set.get(), operation, fd, &event);
}

void event_loop::impl::watch_through_asio() {
  if (!watched_) {
    watched_ = true;
    boost::system::error_code ignored;  // without a place in its set, it says that it is ready
    if (!watch_->is_open()) watch_->assign(watched_epoll_.get(), ignored);
    watch_->async_wait(asio::posix::stream_descriptor::wait_read,
                       [this, t = turn_](const boost::system::error_code& failed) {
                         if (t->over) return;
                         watched_ = false;
                         if (!own_) take_turn();
                         else if (failed != asio::error::operation_aborted) handle_events(0);
                       });
  }
  if (!timed_ && needs_ticks()) {
    timed_ = true;
    timer_->expires_after(std::chrono::milliseconds(time_to_tick() + 1));
    timer_->async_wait([this, t = turn_](const boost::system::error_code&) {
      if (t->over) return;
      timed_ = false;
      if (!own_) take_turn();
    });
  }
}

// What Asio still has to say is heard, so that nothing is left for when it waits again. A set that
// lies in another would cost each event of the sockets more.
void event_loop::impl::leave_asio() {
  unwatch();
  timer_->cancel();
  io_->poll();
}

// ---- on a context of the host's

// One round of what run() does for ever.
void event_loop::impl::take_turn() {
  // A handler may have the context run others, such as this; then it goes on afterwards.
  if (stopped_ || in_turn_) return;
  in_turn_ = true;
  one_turn();
  in_turn_ = false;
  if (io_ && !stopped_) watch_through_asio();
}

void event_loop::impl::one_turn() {
  detail::no_waiting not_here("on an event loop");
  detail::serving_for serving(&state_.routes);
  handle_events(0);
  tick_if_due();
  stop_if_done();
}

void event_loop::impl::leave_host() {
  if (own_ || !io_) return;
  context_guests::of(*io_).remove(*this);
  forget_host();
}

void event_loop::impl::forget_host() {
  unwatch();
  watch_.reset();
  timer_.reset();
  io_ = nullptr;
}

// The host destroys it. What runs on it is lost; the rest is for help().
void event_loop::impl::context_is_gone() {
  std::lock_guard lock(*turn_);
  host_.upgrades = false;
  websockets_.abort();
  forget_host();
}

// What was begun on Asio ends there alone. If its context is run by nobody else, then here.
void event_loop::impl::help_asio() {
  if (!io_) return;
  const auto now = detail::coarse_milliseconds();
  if (!asked_ || *asked_) {
    asked_ = std::make_shared<std::atomic<bool>>(false);
    asked_at_ = now;
    asio::post(*io_, [asked = asked_] { *asked = true; });
  }
  alone_ = alone_ || now - asked_at_ > patience;
  const bool was_stopped = io_->stopped();
  if (!alone_ && !was_stopped && !io_->get_executor().running_in_this_thread()) return;
  if (was_stopped) io_->restart();
  io_->poll();
  if (was_stopped) io_->stop();
}

void event_loop::impl::handle_events(int timeout) {
  // Under load there is more by the time a batch is done, and asking costs less than going back.
  for (int batch = 0; batch < max_batches; ++batch) {
    if (handle_batch(timeout) < busy_batch) break;
    timeout = 0;
  }
}

int event_loop::impl::handle_batch(int timeout) {
  int count = ::epoll_wait(epoll_.get(), events_.data(), max_events, timeout);
  timespec now;
  ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
  host_.set_date(now.tv_sec);
  host_.now = turn_began_ = detail::coarse_milliseconds();
  host_.counted.look();
  const bool minds = minds_lag();
  in_batch_ = host_.context.gathers = true;
  handshakes_ = 0;
  bool crowded = false;
  for (int i = 0; i < count; ++i) {
    const auto& event = events_[std::size_t(i)];
    auto* what = event.data.ptr;
    if (minds) host_.late = turn_is_long();
    if (what == &wake_) take_what_others_left();
    else if (what == &crowd_) crowded = true;
    else if (is_listener(what)) accept(*static_cast<listener*>(what));
    else handle(*static_cast<connection*>(what), event.events);
  }
  if (crowded) count += handle_crowd();
  answer_crowd();
  if (count >= busy_batch && turn_is_long())
    late_until_ = detail::coarse_milliseconds() + 2 * max_lag_;
  host_.late = in_batch_ = host_.context.gathers = false;
  host_.routes.hand_over_gathered(host_.context);
  bury();
  return count;
}

int event_loop::impl::handle_crowd() {
  const int count = ::epoll_wait(crowd_.get(), events_.data(), max_events, 0);
  const bool minds = minds_lag();
  for (int i = 0; i < count; ++i) {
    if (i % crowd_at_once == crowd_at_once - 1) handle_prompt();
    const auto& event = events_[std::size_t(i)];
    if (minds) host_.late = turn_is_long();
    handle(*static_cast<connection*>(event.data.ptr), event.events);
  }
  return count;
}

// Those who waited for a thread; a full lane refuses many at once.
void event_loop::impl::answer_crowd() {
  for (int i = 1; crowd_first_; ++i) {
    answer(*std::exchange(crowd_first_, crowd_first_->next));
    if (i % crowd_at_once == 0) handle_prompt();
  }
}

// Those who have become ready while the crowd has its turn. They are not late.
void event_loop::impl::handle_prompt() {
  std::array<epoll_event, max_prompt> events;
  const int count = ::epoll_wait(epoll_.get(), events.data(), max_prompt, 0);
  host_.late = false;
  for (int i = 0; i < count; ++i) {
    auto* what = events[std::size_t(i)].data.ptr;
    if (what == &wake_) take_what_others_left();
    else if (what != &crowd_ && !is_listener(what)) {
      handle(*static_cast<connection*>(what), events[std::size_t(i)].events);
    }
  }
  host_.routes.hand_over_gathered(host_.context);
}

// ---- time

void event_loop::impl::tick_if_due() {
  if (!needs_ticks()) return;
  const auto now = detail::coarse_milliseconds();
  if (now < next_tick_) return;
  next_tick_ = now + tick_length;
  tick();
}

void event_loop::impl::tick() {
  if (std::exchange(accepting_paused_, false)) {
    for (auto& l : listeners_)
      control(epoll_, EPOLL_CTL_ADD, l.get(), EPOLLIN | EPOLLEXCLUSIVE, &l);
  }
  websockets_.tick();
  wheel_.tick([this](timed& t) {
    auto& c = static_cast<connection&>(t);
    if (c.lingering || c.shaking) return close(c);
    if (c.pace == paced::answer) return check_taken(c);
    if (c.http.closing()) return close(c);
    if (c.http.sending() && c.http.starved()) {
      c.http.beat(host_, output_);
      send_output(c);
      if (c.fd.get() < 0) return;
      return c.out.empty() ? await_more(c) : settle(c);
    }
    if (c.http.waiting()) {
      if (c.http.can_cancel()) c.http.cancel();
      return settle(c);
    }
    c.http.time_out(host_, output_);
    send_output(c);
    if (c.fd.get() >= 0) settle(c);
  });
}

event_loop::event_loop(server_state& state, std::vector<listener> listeners,
                       boost::asio::io_context* host)
    : impl_(new impl(state, std::move(listeners), host)) {}
event_loop::~event_loop() = default;
void event_loop::run() { impl_->run(); }
void event_loop::drain() { impl_->drain(); }
void event_loop::abort() { impl_->abort(); }
bool event_loop::help() { return impl_->help(); }

}  // namespace aft::server

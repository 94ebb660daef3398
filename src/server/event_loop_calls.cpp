#include "event_loop_impl.hpp"

#include <algorithm>
#include <cerrno>
#include <exception>
#include <utility>

#include <aft/ground/error.hpp>

namespace aft::server {
namespace {

constexpr std::size_t max_lingering = 16 * 1024 * 1024;
constexpr duration linger_time = seconds(5);
constexpr duration first_request_grace = seconds(1);  // of a connection, where the server drains

}  // namespace

// On the thread of the lane.
waker* event_loop::impl::call_is_done(http::call& c) {
  c.next = nullptr;
  std::lock_guard lock(done_mutex_);
  (done_first_ ? done_last_->next : done_first_) = &c;
  done_last_ = &c;
  wakes_owed_.fetch_add(1, std::memory_order_relaxed);
  return this;
}

void event_loop::impl::wake() noexcept {
  ring();
  skip();
}

void event_loop::impl::wait_for_wakers() {
  // A lane may have handed back its last call, but not woken us for it yet.
  while (wakes_owed_.load(std::memory_order_acquire)) std::this_thread::yield();
}

void event_loop::impl::take_what_others_left() {
  std::uint64_t count;
  [[maybe_unused]] const auto size = ::read(wake_.get(), &count, sizeof count);
  start_coroutines();
  take_done_calls();
  take_more();
  const auto commands = commands_.exchange(0);
  if (commands & drain_command) begin_drain();
  if (commands & abort_command) {
    websockets_.abort();
    for_each([this](connection& c) {
      if (!c.dead) close(c);
    });
  }
}

void event_loop::impl::take_done_calls() {
  http::call* call;
  {
    std::lock_guard lock(done_mutex_);
    call = std::exchange(done_first_, nullptr);
  }
  while (call) {
    auto& done = *std::exchange(call, call->next);
    auto& session = *static_cast<http::session*>(done.session);
    if (static_cast<connection*>(session.connection)->prompt) {
      answer(done);
      continue;
    }
    done.next = nullptr;
    (crowd_first_ ? crowd_last_->next : crowd_first_) = &done;
    crowd_last_ = &done;
  }
}

void event_loop::impl::answer(http::call& done) {
  auto& session = *static_cast<http::session*>(done.session);
  auto& c = *static_cast<connection*>(session.connection);
  if (c.dead) {
    session.drop(host_, done);
    forget(c);
    return;
  }
  session.finish(host_, done, output_);
  if (c.in.empty() && !c.read_closed) {
    send_output(c);
    if (c.fd.get() >= 0) settle(c);
  } else {
    if (send_output(c)) go_on(c);
    else if (c.fd.get() >= 0) settle(c);
  }
}

// ---- coroutines

void event_loop::impl::begin(http::call& c) noexcept {
  if (own_ ? thread_ == std::this_thread::get_id() : turn_->is_mine()) return start(c);
  {
    std::lock_guard lock(done_mutex_);
    c.next = std::exchange(to_start_, &c);
  }
  ring();
}

void event_loop::impl::start_coroutines() {
  http::call* call;
  {
    std::lock_guard lock(done_mutex_);
    call = std::exchange(to_start_, nullptr);
  }
  while (call) start(*std::exchange(call, call->next));
}

void event_loop::impl::start(http::call& c) noexcept {
  ++coroutines_;
  if (!io_) return lose(c);
  c.in_coroutine = true;
  try {
    c.later->start(*this, c);
  } catch (...) {  // it is lost, which has been told
    return;
  }
  if (c.cancelled) c.later->cancel();
}

void event_loop::impl::end(http::call& c, std::exception_ptr thrown) noexcept {
  state_.routes.end_later(c, std::move(thrown));
  --coroutines_;
  call_is_done(c)->wake();  // its answer waits for its turn: this may be within start()
}

void event_loop::impl::lose(http::call& c) noexcept {
  end(c, std::make_exception_ptr(error("the io_context ended before the coroutine")));
}

// ---- closing

void event_loop::impl::command(unsigned what) {
  commands_.fetch_or(what);
  ring();
}

void event_loop::impl::begin_drain() {
  draining_ = host_.draining = true;
  for (auto& l : listeners_) l.close();
  accepting_paused_ = false;
  websockets_.drain();
  for_each([this](connection& c) {
    const bool listens = c.http.sending() && c.http.starved();
    if (listens) close(c);
    else if (c.http.idle() && c.in.empty() && c.out.empty()) leave_or_read(c);
  });
}

// Everything is answered and sent, and the connection ends.
void event_loop::impl::finish(connection& c) {
  if (c.tls && c.tls->shutdown().status == tls_status::wants_write) {
    watch(c, EPOLLOUT);
    return put_off(c, state_.options.timeouts.send);
  }
  if (c.read_closed || !c.http.lost_framing()) return close(c);
  linger(c);
}

// Closing with unread bytes would reset the connection and may take the answer with it.
void event_loop::impl::linger(connection& c) {
  ::shutdown(c.fd.get(), SHUT_WR);
  c.lingering = true;
  c.shaking = false;
  c.in.release();
  watch(c, EPOLLIN);
  put_off(c, linger_time);
}

void event_loop::impl::drop_input(connection& c) {
  const auto received = ::recv(c.fd.get(), read_buffer_.get(), read_buffer_size, MSG_DONTWAIT);
  if (received < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (received > 0) c.lingered += std::size_t(received);
  if (received <= 0 || c.lingered > max_lingering) close(c);
}

// A request that has come already is answered.
void event_loop::impl::leave_or_read(connection& c) {
  char byte;
  const bool has_come = ::recv(c.fd.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
  if (!has_come || c.proxied || c.shaking) return leave(c);
  read(c);
}

// Between two requests, so that nothing is cut off; its client may ask again elsewhere. One that
// has just connected would not: it has a moment for its first request.
void event_loop::impl::leave(connection& c) {
  if (c.received == 0) return put_off(c, first_request_grace);
  if (c.tls) c.tls->shutdown();
  close(c);
}

void event_loop::impl::close(connection& c) {
  wheel_.remove(c);
  c.fd.close();  // epoll forgets it
  c.place.reset();
  state_.connections.fetch_sub(1, std::memory_order_relaxed);
  if (c.http.abandon(host_)) c.dead = true;
  else forget(c);
}

void event_loop::impl::forget(connection& c) {
  {
    std::lock_guard lock(done_mutex_);
    if (c.has_more) with_more_.erase(std::find(with_more_.begin(), with_more_.end(), &c));
    c.has_more = false;
  }
  (c.newer ? c.newer->older : newest_) = c.older;
  if (c.older) c.older->newer = c.newer;
  c.older = graveyard_;
  graveyard_ = &c;  // somebody up the stack may still look at it
}

void event_loop::impl::bury() {
  if (in_batch_) return;  // which may hold events of theirs
  while (graveyard_) delete std::exchange(graveyard_, graveyard_->older);
}

void event_loop::impl::stop_if_done() {
  bury();
  stopped_ = draining_ && !newest_ && websockets_.empty();
}

}  // namespace aft::server

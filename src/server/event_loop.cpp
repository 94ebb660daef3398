#include "event_loop.hpp"

#include <linux/sockios.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <aft/ground/error.hpp>

#include "../ground/coarse_clock.hpp"
#include "../ground/may_wait.hpp"
#include "../http/parser.hpp"
#include "../http/session.hpp"
#include "context_guests.hpp"
#include "coroutines.hpp"
#include "proxy_protocol.hpp"
#include "timer_wheel.hpp"
#include "tls_stream.hpp"
#include "turn.hpp"
#include "websocket_connection.hpp"

namespace aft::server {
namespace {

namespace asio = boost::asio;

constexpr std::size_t read_buffer_size = 256 * 1024;
constexpr int max_events = 4096;  // all of a busy turn, so that its length is the lag of the last
constexpr int busy_batch = 8;     // events that promise more
constexpr int max_batches = 16;   // before timers have their turn
constexpr unsigned drain_command = 1, abort_command = 2;
constexpr int accepted_at_once = 64;  // so that loops which share a listener share its clients
constexpr int max_accepted_at_once = 4096;  // where more are waiting: they should not wait unseen
constexpr int max_handshakes = 16;          // in a batch; they cost more than all else
constexpr int max_parts_at_once = 16;
constexpr std::size_t max_sent_of_a_file = 256 * 1024;
constexpr std::size_t max_kept_bytes = 16 * 1024;  // of a buffer that is not needed now
constexpr std::size_t max_lingering = 16 * 1024 * 1024;
constexpr duration linger_time = seconds(5);
constexpr duration first_request_grace = seconds(1);  // of a connection, where the server drains
constexpr int helped_at_once = 5;                     // milliseconds
constexpr int patience = 1000;  // milliseconds, until a context is taken for one that nobody runs

// What a client must move within a time, so that it gets as much again.
std::int64_t least_bytes(std::size_t rate, duration within) {
  return std::int64_t(
      std::clamp(double(rate) * double(within.in_milliseconds()) / 1000, 1.0, 1e12));
}

constexpr std::string_view too_many_connections =
    "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\n"
    "Connection: close\r\n\r\n";
constexpr std::string_view https_here =
    "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 42\r\n"
    "Connection: close\r\n\r\nThis port speaks HTTPS; use https:// here.";

}  // namespace

// The sockets of a loop lie in one level-triggered epoll set of its own. A connection is registered
// once, and costs no operation per read. The loop waits for that set alone, as long as nobody uses
// Asio on it; else Asio waits, and watches the set among its other work, which costs a few calls
// more per turn. On a context of the host's Asio always waits.
class event_loop::impl final : private waker, private coroutine_executor, private context_guest {
 public:
  impl(server_state& state, std::vector<listener> listeners, asio::io_context* host)
      : state_(state), listeners_(std::move(listeners)), own_(host ? nullptr : new own_context),
        io_(host ? host : &own_->io),
        executor_(host ? asio::any_io_executor(turn_executor(host->get_executor(), turn_))
                       : asio::any_io_executor(own_->io.get_executor())),
        watch_(std::in_place, executor_), timer_(std::in_place, executor_),
        host_(state.routes, state.options.limits),
        websockets_(executor_, state.log, state.connections),
        least_of_body_(least_bytes(state.options.timeouts.body_rate, state.options.timeouts.body)),
        least_of_answer_(
            least_bytes(state.options.timeouts.send_rate, state.options.timeouts.send)),
        read_buffer_(new char[read_buffer_size + http::parser_slack]),
        max_lag_(state.options.max_lag > duration() ? state.options.max_lag.in_milliseconds()
                                                    : std::int64_t(1) << 40) {
    epoll_ = descriptor(::epoll_create1(EPOLL_CLOEXEC));
    if (epoll_.get() < 0) throw error("the system gives no epoll instance");
    watched_epoll_ = copy_of(epoll_);
    wake_ = descriptor(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
    if (wake_.get() < 0) throw error("the system gives no eventfd");
    // Some are shared with the other loops; one of them is woken for a connection.
    for (auto& l : listeners_) control(EPOLL_CTL_ADD, l.get(), EPOLLIN | EPOLLEXCLUSIVE, &l);
    control(EPOLL_CTL_ADD, wake_.get(), EPOLLIN, &wake_);
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

  ~impl() {
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

  void run() {
    detail::no_waiting not_here("on an event loop");
    detail::serving_for serving(&state_.routes);
    thread_ = std::this_thread::get_id();
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

  bool help() {
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

  void drain() { command(drain_command); }
  void abort() { command(abort_command); }

 private:
  enum class paced : std::uint8_t { no, body, answer };  // whether its deadline is one of bytes

  struct connection : timed {
    connection(impl& owner, int socket) : loop(owner), fd(socket) { http.connection = this; }

    impl& loop;
    descriptor fd;
    std::unique_ptr<tls_stream> tls{};  // null: plain
    http::session http;
    buffer in;                            // bytes that came and are not used yet
    buffer out;                           // bytes that wait for the client to read
    std::int64_t received = 0, sent = 0;  // bytes in all
    // What it must have sent, or taken, at its deadline; and sent to it, so that that is put off.
    std::int64_t goal = 0, further = 0;
    paced pace = paced::no;
    std::shared_ptr<void> place;  // among those of its client; null where they are not counted
    std::size_t lingered = 0;     // bytes dropped after the answer
    std::uint32_t events = 0;     // that epoll watches for
    bool proxied = false;         // its proxy has not said yet whose it is
    bool shaking = false;         // hands: TLS is not agreed on yet
    bool read_closed = false;     // the client sends no more
    bool lingering = false;       // answered and closed for writing; what still comes is dropped
    bool dead = false;            // closed, but another lane still has its call
    bool has_more = false;        // stands in with_more_; guarded by done_mutex_
    connection* older = nullptr;
    connection* newer = nullptr;
  };

  template <class F>
  void for_each(F&& f) {
    for (auto* c = newest_; c;) {
      auto* older = c->older;
      f(*c);
      c = older;
    }
  }

  // ---- events

  void control(int operation, int fd, std::uint32_t events, void* what) {
    epoll_event event{};
    event.events = events;
    event.data.ptr = what;
    ::epoll_ctl(epoll_.get(), operation, fd, &event);
  }
  void watch(connection& c, std::uint32_t events) {
    if (c.events == events) return;
    control(c.events ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, c.fd.get(), events, &c);
    c.events = events;
  }

  bool needs_asio() const { return state_.through_asio || !websockets_.empty(); }

  void watch_through_asio() {
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
  void leave_asio() {
    unwatch();
    timer_->cancel();
    io_->poll();
  }

  void unwatch() {
    if (watch_ && watch_->is_open()) watch_->release();
  }

  // ---- on a context of the host's

  // One round of what run() does for ever.
  void take_turn() {
    // A handler may have the context run others, such as this; then it goes on afterwards.
    if (stopped_ || in_turn_) return;
    in_turn_ = true;
    one_turn();
    in_turn_ = false;
    if (io_ && !stopped_) watch_through_asio();
  }
  void one_turn() {
    detail::no_waiting not_here("on an event loop");
    detail::serving_for serving(&state_.routes);
    handle_events(0);
    tick_if_due();
    stop_if_done();
  }

  void leave_host() {
    if (own_ || !io_) return;
    context_guests::of(*io_).remove(*this);
    forget_host();
  }
  void forget_host() {
    unwatch();
    watch_.reset();
    timer_.reset();
    io_ = nullptr;
  }
  // The host destroys it. What runs on it is lost; the rest is for help().
  void context_is_gone() override {
    std::lock_guard lock(*turn_);
    host_.upgrades = false;
    websockets_.abort();
    forget_host();
  }

  // What was begun on Asio ends there alone. If its context is run by nobody else, then here.
  void help_asio() {
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

  void handle_events(int timeout) {
    // Under load there is more by the time a batch is done, and asking costs less than going back.
    for (int batch = 0; batch < max_batches; ++batch) {
      if (handle_batch(timeout) < busy_batch) break;
      timeout = 0;
    }
  }

  int handle_batch(int timeout) {
    const int count = ::epoll_wait(epoll_.get(), events_.data(), max_events, timeout);
    timespec now;
    ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
    host_.set_date(now.tv_sec);
    host_.now = turn_began_ = detail::coarse_milliseconds();
    host_.counted.look();
    const bool minds = minds_lag();
    in_batch_ = host_.context.gathers = true;
    handshakes_ = 0;
    for (int i = 0; i < count; ++i) {
      const auto& event = events_[std::size_t(i)];
      auto* what = event.data.ptr;
      if (minds) host_.late = turn_is_long();
      if (what == &wake_) take_what_others_left();
      else if (is_listener(what)) accept(*static_cast<listener*>(what));
      else handle(*static_cast<connection*>(what), event.events);
    }
    if (count >= busy_batch && turn_is_long())
      late_until_ = detail::coarse_milliseconds() + 2 * max_lag_;
    host_.late = in_batch_ = host_.context.gathers = false;
    host_.routes.hand_over_gathered(host_.context);
    bury();
    return count;
  }

  // A request waits for the rest of the turn in which it comes, and for its place in the next.
  bool minds_lag() const { return turn_began_ < late_until_; }
  bool turn_is_long() const { return detail::coarse_milliseconds() - turn_began_ > max_lag_ / 2; }

  void handle(connection& c, std::uint32_t events) {
    if (c.fd.get() < 0) return;  // closed by an earlier event of this batch
    if (events & (EPOLLERR | EPOLLHUP)) return close(c);
    if (events & EPOLLRDHUP && c.http.sending()) return close(c);  // of one who only listens
    if (c.proxied) return read_proxy(c);
    if (c.shaking) return shake_hands(c);
    if (events & EPOLLRDHUP && c.http.can_cancel()) {
      c.http.cancel();
      return settle(c);
    }
    if (events & EPOLLOUT || (c.tls && !c.out.empty())) return write_on(c);
    if (c.lingering) return drop_input(c);
    if (c.http.waiting()) return settle(c);  // more requests can wait in the kernel
    read(c);
  }

  // ---- accepting

  bool is_listener(const void* what) const {
    return what >= listeners_.data() && what < listeners_.data() + listeners_.size();
  }

  void accept(const listener& from) {
    const int most = std::exchange(accept_, accepted_at_once);
    for (int i = 0; i < most && from.get() >= 0; ++i) {
      sockaddr_storage peer;
      socklen_t size = sizeof peer;
      const int fd = ::accept4(from.get(), reinterpret_cast<sockaddr*>(&peer), &size,
                               SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
          pause_accepting();
        }
        return;
      }
      const auto client = address_of(peer);
      std::shared_ptr<void> place;
      if (!has_room(client, place)) {
        state_.refused.fetch_add(1, std::memory_order_relaxed);
        if (from.over != transport::tls) refuse_connection(fd);
        ::close(fd);
        continue;
      }
      auto& c = *new connection(*this, fd);
      c.http.client = {client, &state_.proxies};
      c.place = std::move(place);
      c.proxied = state_.options.proxy_protocol && state_.proxies.trusts(client);
      if (from.over == transport::moved) c.http.client.https_port = &state_.https_port;
      if (from.over == transport::tls) begin_tls(c);
      add(c);
      if (minds_lag()) {  // its request should not wait for one more turn
        host_.late = turn_is_long();
        handle(c, EPOLLIN);
      }
    }
    accept_ = std::min(2 * most, max_accepted_at_once);
  }

  // What it has asked already is taken, because closing before would reset the connection, and may
  // take the answer with it.
  void refuse_connection(int fd) {
    ::recv(fd, read_buffer_.get(), read_buffer_size, MSG_DONTWAIT);
    send_raw(fd, too_many_connections);
  }

  // For one more connection, which is counted then.
  bool has_room(const http::ip_address& client, std::shared_ptr<void>& place) {
    const auto& options = state_.options;
    const bool counts = options.max_connections_per_client && client != http::ip_address() &&
                        !state_.proxies.trusts(client);
    if (counts) place = state_.places.take(client);
    if (counts && !place) return false;
    if (state_.connections.fetch_add(1, std::memory_order_relaxed) < options.max_connections) {
      return true;
    }
    state_.connections.fetch_sub(1, std::memory_order_relaxed);
    return false;
  }

  // Out of descriptors: the connection stays in the kernel's queue, and is tried at the next tick.
  void pause_accepting() {
    state_.log.write(log_level::error, "server",
                     "no more descriptors or memory for connections; accepting waits");
    for (auto& l : listeners_) control(EPOLL_CTL_DEL, l.get(), 0, nullptr);
    accepting_paused_ = true;
  }

  void add(connection& c) {
    c.older = newest_;
    if (newest_) newest_->newer = &c;
    newest_ = &c;
    wheel_.add(c, wheel_.now() + in_ticks(state_.options.timeouts.head));
    watch(c, EPOLLIN);
  }

  // ---- reading

  // Byte for byte, because what comes behind it may be TLS.
  void read_proxy(connection& c) {
    while (c.proxied) {
      const auto header = read_proxy_header(c.in.view());
      if (header.verdict == proxy_verdict::refused) return close(c);
      if (header.verdict == proxy_verdict::whole) {
        if (header.client) c.http.client.peer = *header.client;
        if (header.is_unknown) c.http.client.proxies = nullptr;  // it may claim to be anybody
        c.proxied = false;
        c.in.release();
        return c.shaking ? shake_hands(c) : read(c);
      }
      char part[max_proxy_header];
      const auto received = ::recv(c.fd.get(), part, header.size - c.in.size(), MSG_DONTWAIT);
      if (received < 0 && (errno == EAGAIN || errno == EINTR)) return;
      if (received <= 0) return close(c);
      c.in.append({part, std::size_t(received)});
    }
  }

  void read(connection& c) {
    std::size_t have = c.in.size();
    if (have) std::memcpy(read_buffer_.get(), c.in.data(), have);
    if (have == read_buffer_size) return use(c, have);
    if (c.tls) {
      if (decrypt(c, have)) use(c, have);
      return;
    }
    const auto received =
        receive_now(c.fd.get(), read_buffer_.get() + have, read_buffer_size - have);
    if (received < 0) {
      if (errno != EAGAIN && errno != EINTR) close(c);
      return;
    }
    if (received == 0) c.read_closed = true;
    c.received += received;
    have += std::size_t(received);
    use(c, have);
  }

  // Gives the first bytes of the read buffer to the connection's session, and sends its answers.
  void use(connection& c, std::size_t have) {
    std::size_t used = 0;
    while (true) {
      const auto taken = c.http.receive(host_, read_buffer_.get() + used, have - used, output_);
      used += taken;
      if (!output_.empty() && c.pace == paced::body) c.pace = paced::no;  // what comes is another
      const bool blocked = !send_output(c);
      if (c.fd.get() < 0) return;  // closed on the way
      if (blocked || !taken || used == have || c.http.waiting() || c.http.sending() ||
          c.http.closing() || c.http.decoding()) {
        break;
      }
    }
    c.in.clear();
    if (used < have) c.in.append({read_buffer_.get() + used, have - used});
    else if (c.in.capacity()) c.in.release();
    if (c.read_closed && !c.http.waiting() && !c.http.sending() && c.out.empty()) {
      c.http.receive_end(host_, output_);
      send_output(c);
      if (c.fd.get() < 0) return;
    }
    settle(c);
  }

  // What the connection waits for now, and how long.
  void settle(connection& c) {
    const auto& times = state_.options.timeouts;
    if (!c.out.empty()) {
      watch(c, to_write(c));
      return pace_answer(c);
    }
    if (c.http.upgrading()) return upgrade(c);
    if (c.http.sending()) return send_more(c);
    if (c.http.closing()) return finish(c);
    if (c.http.waiting()) {  // nothing to be read or written for now
      watch(c, c.http.can_cancel() ? EPOLLERR | EPOLLRDHUP : EPOLLERR);
      return put_off(c, c.http.can_cancel() ? c.http.time_left(host_) : hours(24 * 365));
    }
    if (c.http.decoding()) {  // after the others have had their turn
      watch(c, EPOLLOUT);
      return put_off(c, times.body);
    }
    watch(c, to_read(c));
    if (c.http.idle()) {
      if (draining_) return leave(c);
      put_off(c, times.idle);
    } else if (c.http.reading_body()) {
      pace_body(c);
    } else if (c.http.head_is_new()) {  // counts from its first byte
      put_off(c, times.head);
    }
  }
  // The socket goes on as a WebSocket; what stays behind is closed without it.
  void upgrade(connection& c) {
    control(EPOLL_CTL_DEL, c.fd.get(), 0, nullptr);
    auto start = c.http.take_upgrade();
    start->place = std::move(c.place);
    websockets_.add(std::move(c.fd), std::move(c.tls), std::move(start), c.in.view());
    close(c);
  }
  void put_off(connection& c, duration d) {
    c.pace = paced::no;
    wheel_.set(c, wheel_.now() + in_ticks(d));
  }

  // Its deadline is put off by enough bytes, not by any.
  void pace_body(connection& c) {
    if (c.pace == paced::body && c.received < c.goal) return;
    put_off(c, state_.options.timeouts.body);
    c.pace = paced::body;
    c.goal = c.received + least_of_body_;
  }
  void pace_answer(connection& c) {
    if (c.pace == paced::answer && c.sent < c.further) return;
    pace_answer_from(c, waiting_in_socket(c));
  }
  void pace_answer_from(connection& c, std::int64_t waiting) {
    put_off(c, state_.options.timeouts.send);
    c.pace = paced::answer;
    c.goal = c.sent - waiting + std::min(least_of_answer_, waiting + std::int64_t(c.out.size()));
    c.further = c.sent + least_of_answer_;
  }
  // How much the client has taken says the socket, which may hold megabytes: those of a slow reader
  // may last for longer than it has for a part of them.
  void check_taken(connection& c) {
    const auto waiting = waiting_in_socket(c);
    if (c.sent - waiting < c.goal) return close(c);
    pace_answer_from(c, waiting);
  }
  static std::int64_t waiting_in_socket(const connection& c) {
    int bytes = 0;
    ::ioctl(c.fd.get(), SIOCOUTQ, &bytes);
    return bytes;
  }

  // ---- TLS

  void begin_tls(connection& c) {
    c.tls = std::make_unique<tls_stream>(state_.tls.get(), c.fd.get());
    c.shaking = c.http.client.secure = true;
  }

  void shake_hands(connection& c) {
    if (++handshakes_ > max_handshakes) return;  // epoll says it again
    switch (c.tls->handshake().status) {
      case tls_status::done: break;
      case tls_status::wants_read: return watch(c, EPOLLIN);
      case tls_status::wants_write: return watch(c, EPOLLOUT);
      default:
        state_.log.write(log_level::debug, "server",
                         "a TLS handshake failed: " + std::string(c.tls->why()));
        if (c.tls->met_http()) send_raw(c.fd.get(), https_here);
        return linger(c);
    }
    c.shaking = false;
    c.http.client.certificate = c.tls->certificate();
    put_off(c, state_.options.timeouts.head);
    watch(c, EPOLLIN);
    read(c);  // what came with the last of it
  }

  // Reads behind the first bytes of the read buffer. False where nothing came.
  bool decrypt(connection& c, std::size_t& have) {
    const auto before = have;
    do {
      const auto got = c.tls->read(read_buffer_.get() + have, read_buffer_size - have);
      have += got.size;
      c.received += std::int64_t(got.size);
      if (got.status == tls_status::failed) return linger(c), false;
      if (got.status == tls_status::closed) c.read_closed = true;
    } while (c.tls->pending() && have < read_buffer_size);
    if (have > before || c.read_closed) return true;
    watch(c, to_read(c));
    return false;
  }

  // What OpenSSL holds, epoll does not know of; but the socket can mostly be written to.
  static std::uint32_t to_read(const connection& c) {
    return c.tls && (c.tls->pending() || c.tls->reads_when_writable()) ? EPOLLOUT : EPOLLIN;
  }
  static std::uint32_t to_write(const connection& c) {
    return c.tls && c.tls->writes_when_readable() ? EPOLLIN : EPOLLOUT;
  }

  // ---- writing

  static void send_raw(int fd, std::string_view text) {
    ::send(fd, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  }

  // Sends what stands in output_; what does not go now moves to the connection. False if it did.
  bool send_output(connection& c) {
    host_.counted.flush();
    if (!c.out.empty()) {  // answers keep their order
      c.out.append(output_.view());
      output_.clear();
      return false;
    }
    std::size_t sent = 0;
    const bool all = send(c, output_, sent);
    if (c.fd.get() >= 0 && !all) c.out.append(output_.view().substr(sent));
    output_.clear();
    if (output_.capacity() > 4 * state_.options.limits.max_unsent) output_.release();
    return all;
  }
  bool send(connection& c, const buffer& bytes, std::size_t& sent) {
    if (c.tls) return encrypt(c, bytes, sent);
    while (sent < bytes.size()) {
      const auto count = send_now(c.fd.get(), bytes.data() + sent, bytes.size() - sent);
      if (count < 0) {
        if (errno == EINTR) continue;
        if (errno != EAGAIN) close(c);
        return false;
      }
      sent += std::size_t(count);
      c.sent += count;
    }
    return true;
  }
  bool encrypt(connection& c, const buffer& bytes, std::size_t& sent) {
    while (sent < bytes.size()) {
      const auto put = c.tls->write(bytes.data() + sent, bytes.size() - sent);
      if (put.status == tls_status::failed) close(c);
      if (put.status != tls_status::done) return false;
      sent += put.size;
      c.sent += std::int64_t(put.size);
    }
    return true;
  }

  // What an answer is made of while it is sent, until the socket or its source has had enough.
  void send_more(connection& c) {
    for (int i = 0; i < max_parts_at_once && c.http.sending(); ++i) {
      if (auto* part = c.tls ? nullptr : c.http.file()) {
        if (!send_file(c, *part)) break;
        if (c.fd.get() < 0) return;
        continue;
      }
      c.http.send_more(host_, output_);
      if (c.http.broken()) return close(c);
      const bool all = send_output(c);
      if (c.fd.get() < 0) return;
      if (!all) break;
      if (c.http.starved()) return await_more(c);
    }
    if (!c.http.sending() && c.out.empty() && c.in.empty() && !c.read_closed) return settle(c);
    watch(c, to_write(c));  // the other connections have their turn before what comes next
    pace_answer(c);
  }

  // False where the socket has had enough.
  bool send_file(connection& c, http::file_part& part) {
    auto offset = off_t(part.offset);
    const auto size = std::size_t(std::min<std::uint64_t>(part.left, max_sent_of_a_file));
    const auto sent = ::sendfile(c.fd.get(), part.fd, &offset, size);
    if (sent < 0) {
      if (errno == EAGAIN || errno == EINTR) return errno == EINTR;
      close(c);
      return true;
    }
    if (sent == 0) {  // it became shorter
      close(c);
      return true;
    }
    part.offset = offset;
    part.left -= std::uint64_t(sent);
    c.sent += sent;
    c.http.sent_by_kernel(std::uint64_t(sent));
    return true;
  }

  void await_more(connection& c) {
    if (draining_) return close(c);
    watch(c, EPOLLRDHUP);
    const auto beat = c.http.heartbeat();
    put_off(c, beat > duration() ? beat : hours(24 * 365));
  }

  // Any thread.
  void has_more(connection& c) {
    {
      std::lock_guard lock(done_mutex_);
      if (c.has_more) return;
      c.has_more = true;
      with_more_.push_back(&c);
      if (with_more_.size() > 1) return;  // the first one rang
    }
    ring();
  }

  void take_more() {
    {
      std::lock_guard lock(done_mutex_);
      more_now_.swap(with_more_);
      for (auto* c : more_now_) c->has_more = false;
    }
    for (auto* c : more_now_) {
      if (c->fd.get() >= 0 && c->http.sending() && c->out.empty()) send_more(*c);
    }
    more_now_.clear();
  }

  void write_on(connection& c) {
    if (c.out.empty()) return c.http.sending() ? send_more(c) : go_on(c);
    std::size_t sent = 0;
    const bool all = send(c, c.out, sent);
    if (c.fd.get() < 0) return;
    c.out.erase_front(sent);
    if (!all) {
      watch(c, to_write(c));
      return pace_answer(c);
    }
    if (c.out.capacity() > max_kept_bytes) c.out.release();
    go_on(c);
  }

  // Requests that waited behind an answer.
  void go_on(connection& c) {
    std::size_t have = c.in.size();
    if (have) std::memcpy(read_buffer_.get(), c.in.data(), have);
    const bool takes = !c.http.waiting() && !c.http.sending() && !c.http.closing();
    if (takes && to_read(c) == EPOLLOUT && have < read_buffer_size) {
      decrypt(c, have);
      if (c.lingering) return;
    }
    use(c, have);
  }

  // ---- calls on other lanes

  // On the thread of the lane.
  waker* call_is_done(http::call& c) {
    c.next = nullptr;
    std::lock_guard lock(done_mutex_);
    (done_first_ ? done_last_->next : done_first_) = &c;
    done_last_ = &c;
    wakes_owed_.fetch_add(1, std::memory_order_relaxed);
    return this;
  }
  void wake() noexcept override {
    ring();
    skip();
  }
  void skip() noexcept override { wakes_owed_.fetch_sub(1, std::memory_order_release); }
  void ring() {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(wake_.get(), &one, sizeof one);
  }

  void wait_for_wakers() {
    // A lane may have handed back its last call, but not woken us for it yet.
    while (wakes_owed_.load(std::memory_order_acquire)) std::this_thread::yield();
  }

  void take_what_others_left() {
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

  void take_done_calls() {
    http::call* call;
    {
      std::lock_guard lock(done_mutex_);
      call = std::exchange(done_first_, nullptr);
    }
    while (call) {
      auto& done = *std::exchange(call, call->next);
      auto& session = *static_cast<http::session*>(done.session);
      auto& c = *static_cast<connection*>(session.connection);
      if (c.dead) {
        session.drop(host_, done);
        forget(c);
        continue;
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
  }

  // ---- coroutines

  asio::any_io_executor executor() override { return executor_; }

  void begin(http::call& c) noexcept override {
    if (own_ ? thread_ == std::this_thread::get_id() : turn_->is_mine()) return start(c);
    {
      std::lock_guard lock(done_mutex_);
      c.next = std::exchange(to_start_, &c);
    }
    ring();
  }
  void start_coroutines() {
    http::call* call;
    {
      std::lock_guard lock(done_mutex_);
      call = std::exchange(to_start_, nullptr);
    }
    while (call) start(*std::exchange(call, call->next));
  }
  void start(http::call& c) noexcept {
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
  void end(http::call& c, std::exception_ptr thrown) noexcept override {
    state_.routes.end_later(c, std::move(thrown));
    --coroutines_;
    call_is_done(c)->wake();  // its answer waits for its turn: this may be within start()
  }
  void lose(http::call& c) noexcept override {
    end(c, std::make_exception_ptr(error("the io_context ended before the coroutine")));
  }

  // ---- closing

  void command(unsigned what) {
    commands_.fetch_or(what);
    ring();
  }

  void begin_drain() {
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
  void finish(connection& c) {
    if (c.tls && c.tls->shutdown().status == tls_status::wants_write) {
      watch(c, EPOLLOUT);
      return put_off(c, state_.options.timeouts.send);
    }
    if (c.read_closed || !c.http.lost_framing()) return close(c);
    linger(c);
  }

  // Closing with unread bytes would reset the connection and may take the answer with it.
  void linger(connection& c) {
    ::shutdown(c.fd.get(), SHUT_WR);
    c.lingering = true;
    c.shaking = false;
    c.in.release();
    watch(c, EPOLLIN);
    put_off(c, linger_time);
  }

  void drop_input(connection& c) {
    const auto received = ::recv(c.fd.get(), read_buffer_.get(), read_buffer_size, MSG_DONTWAIT);
    if (received < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (received > 0) c.lingered += std::size_t(received);
    if (received <= 0 || c.lingered > max_lingering) close(c);
  }

  // A request that has come already is answered.
  void leave_or_read(connection& c) {
    char byte;
    const bool has_come = ::recv(c.fd.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
    if (!has_come || c.proxied || c.shaking) return leave(c);
    read(c);
  }

  // Between two requests, so that nothing is cut off; its client may ask again elsewhere. One that
  // has just connected would not: it has a moment for its first request.
  void leave(connection& c) {
    if (c.received == 0) return put_off(c, first_request_grace);
    if (c.tls) c.tls->shutdown();
    close(c);
  }

  void close(connection& c) {
    wheel_.remove(c);
    c.fd.close();  // epoll forgets it
    c.place.reset();
    state_.connections.fetch_sub(1, std::memory_order_relaxed);
    if (c.http.abandon(host_)) c.dead = true;
    else forget(c);
  }

  void forget(connection& c) {
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
  void bury() {
    if (in_batch_) return;  // which may hold events of theirs
    while (graveyard_) delete std::exchange(graveyard_, graveyard_->older);
  }

  void stop_if_done() {
    bury();
    stopped_ = draining_ && !newest_ && websockets_.empty();
  }

  // ---- time

  bool needs_ticks() const { return newest_ || accepting_paused_ || !websockets_.empty(); }

  int time_to_tick() const {
    if (!needs_ticks()) return -1;
    return int(
        std::clamp<std::int64_t>(next_tick_ - detail::coarse_milliseconds(), 0, tick_length));
  }

  void tick_if_due() {
    if (!needs_ticks()) return;
    const auto now = detail::coarse_milliseconds();
    if (now < next_tick_) return;
    next_tick_ = now + tick_length;
    tick();
  }

  void tick() {
    if (std::exchange(accepting_paused_, false)) {
      for (auto& l : listeners_) control(EPOLL_CTL_ADD, l.get(), EPOLLIN | EPOLLEXCLUSIVE, &l);
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

  server_state& state_;
  std::vector<listener> listeners_;
  descriptor epoll_, wake_, watched_epoll_;  // the last is the first, as Asio has it
  struct own_context {
    asio::io_context io{1};
    asio::executor_work_guard<asio::io_context::executor_type> open{io.get_executor()};
  };
  const std::unique_ptr<own_context> own_;  // null: the host has one
  asio::io_context* io_;                    // null: it is gone
  const std::shared_ptr<turn> turn_ = std::make_shared<turn>(&state_.routes);
  asio::any_io_executor executor_;
  std::optional<asio::posix::stream_descriptor> watch_;  // of the epoll set
  std::optional<asio::steady_timer> timer_;
  std::atomic<std::thread::id> thread_{};       // of run()
  std::shared_ptr<std::atomic<bool>> asked_{};  // whether anybody runs the host's context
  std::int64_t asked_at_ = 0;
  bool alone_ = false;    // nobody runs it
  bool in_turn_ = false;  // on the host's
  http::session_host host_;
  websocket_connections websockets_;
  timer_wheel wheel_;
  const std::int64_t least_of_body_, least_of_answer_;  // bytes, until a deadline
  std::unique_ptr<char[]> read_buffer_;
  buffer output_;
  std::array<epoll_event, max_events> events_;
  const std::int64_t max_lag_;  // milliseconds
  std::int64_t turn_began_ = 0;
  std::int64_t late_until_ = 0;  // the next turns are watched
  bool in_batch_ = false;
  int accept_ = accepted_at_once;
  int handshakes_ = 0;  // of this batch
  connection* newest_ = nullptr;
  connection* graveyard_ = nullptr;
  std::int64_t next_tick_ = 0;  // milliseconds
  std::atomic<unsigned> commands_{0};
  std::atomic<unsigned> wakes_owed_{0};
  std::atomic<int> coroutines_{0};  // that run
  bool draining_ = false, stopped_ = false, accepting_paused_ = false;
  bool watched_ = false, timed_ = false;  // by Asio

  std::mutex done_mutex_;
  http::call* done_first_ = nullptr;  // guarded by done_mutex_, as is the next
  http::call* done_last_ = nullptr;
  http::call* to_start_ = nullptr;  // coroutines
  std::vector<connection*> with_more_;
  std::vector<connection*> more_now_;  // of this thread alone
};

event_loop::event_loop(server_state& state, std::vector<listener> listeners,
                       boost::asio::io_context* host)
    : impl_(new impl(state, std::move(listeners), host)) {}
event_loop::~event_loop() = default;
void event_loop::run() { impl_->run(); }
void event_loop::drain() { impl_->drain(); }
void event_loop::abort() { impl_->abort(); }
bool event_loop::help() { return impl_->help(); }

}  // namespace aft::server

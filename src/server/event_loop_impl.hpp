#pragma once
// What an event loop is made of. Its parts: event_loop.cpp has its turns and its life,
// event_loop_accept.cpp the beginning of connections, event_loop_io.cpp reading and writing,
// event_loop_calls.cpp what comes back from other lanes, and the end of connections.

#include <linux/sockios.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "../ground/coarse_clock.hpp"
#include "../http/session.hpp"
#include "context_guests.hpp"
#include "coroutines.hpp"
#include "event_loop.hpp"
#include "timer_wheel.hpp"
#include "tls_stream.hpp"
#include "turn.hpp"
#include "websocket_connection.hpp"

namespace aft::server {

// The sockets of a loop lie in one level-triggered epoll set of its own. A connection is registered
// once, and costs no operation per read. The loop waits for that set alone, as long as nobody uses
// Asio on it; else Asio waits, and watches the set among its other work, which costs a few calls
// more per turn. On a context of the host's Asio always waits.
//
// In that set are the prompt connections, whose requests are answered at once. All others are the
// crowd, in a set of its own that lies in the first: those who are new, and those whose last
// request was for a thread that may wait. A crowd that comes at once, to log in, takes milliseconds
// to be taken in; the prompt ones need not wait for its end, but for a few of it.
class event_loop::impl final : private waker, private coroutine_executor, private context_guest {
 public:
  impl(server_state& state, std::vector<listener> listeners, boost::asio::io_context* host);
  ~impl();
  void run();
  bool help();

  void drain() { command(drain_command); }
  void abort() { command(abort_command); }

 private:
  static constexpr std::size_t read_buffer_size = 256 * 1024;
  static constexpr int max_events = 4096;  // all of a busy turn: its length is the lag of the last
  static constexpr unsigned drain_command = 1, abort_command = 2;
  static constexpr int accepted_at_once = 64;  // so that loops with one listener share its clients

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
    bool prompt = false;          // see above
    bool calm = false;            // its last request was answered, and waited for no thread
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

  static void control(const descriptor& set, int operation, int fd, std::uint32_t events,
                      void* what);
  const descriptor& set_of(const connection& c) const { return c.prompt ? epoll_ : crowd_; }
  void watch(connection& c, std::uint32_t events) {
    if (c.events == events) return;
    control(set_of(c), c.events ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, c.fd.get(), events, &c);
    c.events = events;
  }
  void unwatch(connection& c) {
    if (std::exchange(c.events, 0)) control(set_of(c), EPOLL_CTL_DEL, c.fd.get(), 0, nullptr);
  }
  // Before it is watched anew.
  void set_prompt(connection& c, bool is) {
    if (c.prompt == is) return;
    unwatch(c);
    c.prompt = is;
  }

  bool needs_asio() const { return state_.through_asio || !websockets_.empty(); }

  void watch_through_asio();
  void leave_asio();

  void unwatch() {
    if (watch_ && watch_->is_open()) watch_->release();
  }

  // ---- on a context of the host's

  void take_turn();
  void one_turn();
  void leave_host();
  void forget_host();
  void context_is_gone() override;
  void help_asio();
  void handle_events(int timeout);
  int handle_batch(int timeout);
  int handle_crowd();
  void answer_crowd();
  void handle_prompt();

  // A request waits for the rest of the turn in which it comes, and for its place in the next.
  bool minds_lag() const { return turn_began_ < late_until_; }
  bool turn_is_long() const { return detail::coarse_milliseconds() - turn_began_ > max_lag_ / 2; }

  void handle(connection& c, std::uint32_t events);

  // ---- accepting

  bool is_listener(const void* what) const {
    return what >= listeners_.data() && what < listeners_.data() + listeners_.size();
  }

  void accept(const listener& from);
  void refuse_connection(int fd);
  bool has_room(const http::ip_address& client, std::shared_ptr<void>& place);
  void pause_accepting();
  void add(connection& c);

  // ---- reading

  void read_proxy(connection& c);
  void read(connection& c);
  void use(connection& c, std::size_t have);
  void settle(connection& c);
  void upgrade(connection& c);
  void put_off(connection& c, duration d) {
    c.pace = paced::no;
    wheel_.set(c, wheel_.now() + in_ticks(d));
  }

  void pace_body(connection& c);
  void pace_answer(connection& c) {
    if (c.pace == paced::answer && c.sent < c.further) return;
    pace_answer_from(c, waiting_in_socket(c));
  }
  void pace_answer_from(connection& c, std::int64_t waiting);
  void check_taken(connection& c);
  static std::int64_t waiting_in_socket(const connection& c) {
    int bytes = 0;
    ::ioctl(c.fd.get(), SIOCOUTQ, &bytes);
    return bytes;
  }

  // ---- TLS

  void begin_tls(connection& c);
  void shake_hands(connection& c);
  bool decrypt(connection& c, std::size_t& have);

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

  bool send_output(connection& c);
  bool send(connection& c, const buffer& bytes, std::size_t& sent);
  bool encrypt(connection& c, const buffer& bytes, std::size_t& sent);
  void send_more(connection& c);
  bool send_file(connection& c, http::file_part& part);
  void await_more(connection& c);
  void has_more(connection& c);
  void take_more();
  void write_on(connection& c);
  void go_on(connection& c);

  // ---- calls on other lanes

  waker* call_is_done(http::call& c);
  void wake() noexcept override;
  void skip() noexcept override { wakes_owed_.fetch_sub(1, std::memory_order_release); }
  void ring() {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(wake_.get(), &one, sizeof one);
  }

  void wait_for_wakers();
  void take_what_others_left();
  void take_done_calls();
  void answer(http::call& done);

  // ---- coroutines

  boost::asio::any_io_executor executor() override { return executor_; }

  void begin(http::call& c) noexcept override;
  void start_coroutines();
  void start(http::call& c) noexcept;
  void end(http::call& c, std::exception_ptr thrown) noexcept override;
  void lose(http::call& c) noexcept override;

  // ---- closing

  void command(unsigned what);
  void begin_drain();
  void finish(connection& c);
  void linger(connection& c);
  void drop_input(connection& c);
  void leave_or_read(connection& c);
  void leave(connection& c);
  void close(connection& c);
  void forget(connection& c);
  void bury();
  void stop_if_done();

  // ---- time

  bool needs_ticks() const { return newest_ || accepting_paused_ || !websockets_.empty(); }

  int time_to_tick() const {
    if (!needs_ticks()) return -1;
    return int(
        std::clamp<std::int64_t>(next_tick_ - detail::coarse_milliseconds(), 0, tick_length));
  }

  void tick_if_due();
  void tick();

  server_state& state_;
  std::vector<listener> listeners_;
  descriptor epoll_, crowd_, wake_;
  descriptor watched_epoll_;  // the first, as Asio has it
  struct own_context {
    boost::asio::io_context io{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> open{
        io.get_executor()};
  };
  const std::unique_ptr<own_context> own_;  // null: the host has one
  boost::asio::io_context* io_;             // null: it is gone
  const std::shared_ptr<turn> turn_ = std::make_shared<turn>(&state_.routes);
  boost::asio::any_io_executor executor_;
  std::optional<boost::asio::posix::stream_descriptor> watch_;  // of the epoll set
  std::optional<boost::asio::steady_timer> timer_;
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
  int handshakes_ = 0;                 // of this batch
  http::call* crowd_first_ = nullptr;  // done, and to be answered in this batch
  http::call* crowd_last_ = nullptr;
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

}  // namespace aft::server

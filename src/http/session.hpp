#pragma once
// HTTP/1.1 over any stream of bytes: requests in, answers out, in order. Knows no socket, so the
// server and the in-process client are the same to it.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <aft/ground/buffer.hpp>
#include <aft/http/limits.hpp>

#include "call.hpp"
#include "chunked.hpp"
#include "compression.hpp"
#include "dispatcher.hpp"
#include "ip_address.hpp"
#include "parser.hpp"

namespace aft::http {

// Calls that are not in use. One thread at a time.
class call_pool {
 public:
  call_pool() = default;
  call_pool(const call_pool&) = delete;
  call_pool& operator=(const call_pool&) = delete;
  ~call_pool();
  call* take();
  void give_back(call* c);

 private:
  static constexpr std::size_t max_kept = 256;
  static constexpr std::size_t max_kept_bytes = 64 * 1024;
  std::vector<call*> free_;
};

// What the sessions of one event loop share. One thread at a time.
class session_host {
 public:
  session_host(const dispatcher& d, const http_limits& l) : routes(d), limits(l) {
    scratch = take_call();
    parsing.max_target = l.max_target;
    parsing.access = &d.access();
    counted.look();
    parsing.max_headers = std::min(l.max_headers, request_head::max_headers);
  }
  ~session_host() {
    calls.give_back(scratch);
    routes.counted().give_back(counted);
  }
  session_host(const session_host&) = delete;
  session_host& operator=(const session_host&) = delete;

  void set_date(std::int64_t unix_seconds);  // cheap where the second has not changed

  // Whether answers are sent as their handlers made them, and nobody hears of them.
  bool adds_nothing() const { return adds_nothing_ && !draining; }
  call* take_call();  // from `calls`, for a request of this host's

  const dispatcher& routes;
  const http_limits& limits;
  parse_limits parsing;
  last_head last;
  lane_context context;
  call_pool calls;
  call* scratch;                             // for the request that is being read
  coroutine_loop* coroutines = nullptr;      // null: there are none here
  waker* (*on_done)(call&) = nullptr;        // for calls that go to another lane
  void (*on_more)(void* session) = nullptr;  // a source has more; any thread
  buffer part;                               // of an answer that is made while it is sent
  buffer decoded;                            // part of a body, without its coding
  answer_compressor compressing{routes.compression()};
  tally& counted = routes.counted().take();
  std::int64_t now = detail::coarse_milliseconds();
  bool draining = false;  // every answer closes its connection
  bool late = false;      // the loop has more to do than it can: 503
  bool upgrades = false;  // a connection may go on as a WebSocket
  std::string hsts{};     // what answers over TLS say in Strict-Transport-Security; empty: nothing

  static constexpr std::size_t date_line_size = 37;
  char date_line[date_line_size + 1] = "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n";
  static constexpr std::size_t ok_line_size = 17;
  char ok_head[ok_line_size + date_line_size + 1] =
      "HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n";

 private:
  std::int64_t second_ = -1;
  bool adds_nothing_ = false;
};

// A body that has a content coding.
struct coded_body {
  coded_body(coding c, std::size_t max_body) : decoder(c, max_body) {}
  void pause(std::string_view bytes) {
    rest.append(bytes);
    is_paused = true;
  }

  body_decoder decoder;
  buffer rest{};           // that is not decoded yet
  bool is_paused = false;  // until the next turn
  bool has_come = false;   // all of it
};

// Appends the answer of a call as HTTP where it is the usual one: 200 with a short text or JSON and
// no lines of its own, on a connection that stays. False: it is another, and nothing was written.
bool write_usual_response(const session_host& host, const call& c, buffer& out);

class session {
 public:
  session() = default;
  session(const session&) = delete;
  session& operator=(const session&) = delete;

  // Bytes have come. Takes what it can use now and appends its answers to `out`. The bytes must be
  // followed by `parser_slack` bytes that may be written to; what was not taken must be offered
  // again, with more behind it.
  std::size_t receive(session_host& host, char* data, std::size_t size, buffer& out);

  // The client will send no more. What it sent in part is refused.
  void receive_end(session_host& host, buffer& out);

  // The call that another lane had is done.
  void finish(session_host& host, call& c, buffer& out);

  // The same when nobody is left to be answered.
  void drop(session_host& host, call& c);

  // The time for the part that is being read is up.
  void time_out(session_host& host, buffer& out);

  bool waiting() const { return in_flight_ != nullptr; }  // takes no bytes until finish()

  bool waits_for_thread() const {
    return in_flight_ && in_flight_->route->handler.least_lane == lane::work;
  }

  // Whether the call in flight can be cancelled; then it comes to its end soon.
  bool can_cancel() const {
    return in_flight_ && !in_flight_->cancelled &&
           in_flight_->route->handler.info().result.is_later;
  }
  void cancel();
  duration time_left(const session_host& host) const;  // until it is to be cancelled

  // The connection goes on as a WebSocket once all is sent; the bytes that are left are the
  // WebSocket's.
  bool upgrading() const { return upgrade_ != nullptr; }
  std::unique_ptr<websocket_start> take_upgrade() { return std::move(upgrade_); }

  // A body has a coding, and means more than a turn has time for: receive() is to be called in the
  // next one, with or without bytes. Until then the session takes none.
  bool decoding() const { return coded_ && coded_->is_paused; }

  // An answer that is made while it is sent: send_more() appends some of it. Until it has ended
  // the session takes no bytes either.
  bool sending() const { return source_ != nullptr; }
  void send_more(session_host& host, buffer& out);
  bool starved() const { return starved_; }  // until host.on_more
  bool broken() const { return broken_; }    // the rest never comes: the connection must end here
  file_part* file() { return source_ ? source_->file() : nullptr; }
  void sent_by_kernel(std::uint64_t bytes) { source_left_ -= bytes; }  // of that part
  duration heartbeat() const { return source_->heartbeat(); }
  void beat(session_host& host, buffer& out);
  bool closing() const { return closing_; }  // after what is in `out`
  bool idle() const {                        // between two requests
    return !in_flight_ && !source_ && !upgrade_ && !closing_ && place_ == place::head && seen_ == 0;
  }
  bool lost_framing() const { return refused_; }  // closing, and what still comes means nothing
  bool head_is_new() {  // whether the head that is being read was not asked about before
    const bool fresh = !head_noticed_;
    head_noticed_ = true;
    return fresh;
  }
  bool reading_body() const { return place_ == place::fixed_body || place_ == place::chunked_body; }

  // The connection is gone. A call in flight comes to nothing; true if there is one, which still
  // refers to this session until its on_done.
  bool abandon(session_host& host);

  void* connection = nullptr;  // whose session it is
  client_of client{};          // who sends

 private:
  enum class place : std::uint8_t { head, fixed_body, chunked_body, skip };

  std::size_t read_head(session_host& host, char* data, std::size_t size, buffer& out);
  bool head_ends(session_host& host, const char* data, std::size_t size);
  std::size_t end_head(session_host& host, const parse_result& parsed, std::size_t size,
                       buffer& out);
  std::size_t begin_body(session_host& host, call& c, char* data, std::size_t size,
                         std::size_t head_size, buffer& out);
  std::size_t read_fixed_body(session_host& host, const char* data, std::size_t size, buffer& out);
  std::size_t read_chunked_body(session_host& host, const char* data, std::size_t size,
                                buffer& out);
  void body_has_come(session_host& host, buffer& out);
  std::size_t begin_parts(session_host& host, call& c, const char* data, std::size_t head_size,
                          buffer& out);
  void read_parts(session_host& host, call& c, buffer& out);
  void take_part(session_host& host, std::string_view part, buffer& out);
  void decode_part(session_host& host, std::string_view part, buffer& out);
  void decode_on(session_host& host, buffer& out);
  void give_part(session_host& host, std::string_view part, buffer& out);
  void end_parts(session_host& host, call& c, buffer& out);
  void leave_body(call& c);
  void gather(session_host& host, call& c, const char* data, std::size_t head_size);
  bool waits_for_body(const call& c) const {
    return c.taker.taker && !c.body_is_whole && !c.failed;
  }
  void keep(session_host& host, call& c, const char* data, std::size_t size);
  outcome dispatch(session_host& host, call& c);
  void prepare_to_leave(session_host& host, call& c);
  void run(session_host& host, call& c, buffer& out);
  void answer(session_host& host, call& c, buffer& out) {
    if (!write_usual_response(host, c, out)) return answer_unusually(host, c, out);
    host.counted.answered(c);
    c.arguments.discard();
  }
  void answer_unusually(session_host& host, call& c, buffer& out);
  void begin_upgrade(session_host& host, call& c, buffer& out);
  void begin_sending(session_host& host, call& c);
  void write_part(std::string_view part, buffer& out);
  void refuse(session_host& host, int status, const char* why, buffer& out);

  call* in_flight_ = nullptr;  // on another lane
  call* reading_ = nullptr;    // whose body is being read
  std::unique_ptr<chunked_reader> chunks_{};
  std::unique_ptr<coded_body> coded_{};
  std::unique_ptr<body_source> source_{};
  std::unique_ptr<websocket_start> upgrade_{};
  std::uint64_t source_left_ = 0;  // where its size is known
  std::uint64_t body_left_ = 0;
  std::uint32_t seen_ = 0;  // bytes of an incomplete head
  std::uint32_t head_size_ = 0;
  place place_ = place::head;
  bool closing_ = false;
  bool refused_ = false;
  bool head_noticed_ = false;
  bool source_is_chunked_ = false, source_is_sized_ = false;
  bool closes_after_ = false;  // when the source has ended
  bool starved_ = false;
  bool broken_ = false;
};

constexpr bool has_content(int status) { return status >= 200 && status != 204 && status != 304; }

// Appends the answer of a call as HTTP.
void write_response(session_host& host, call& c, bool keep_alive, buffer& out);

}  // namespace aft::http

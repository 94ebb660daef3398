#include "session.hpp"

#include <charconv>
#include <cstring>

#include <aft/ground/error.hpp>

namespace aft::http {

call_pool::~call_pool() {
  for (auto* c : free_) delete c;
}

call* call_pool::take() {
  if (free_.empty()) return new call;
  auto* c = free_.back();
  free_.pop_back();
  return c;
}

void call_pool::give_back(call* c) {
  c->reset();
  if (free_.size() >= max_kept) {
    delete c;
    return;
  }
  if (c->kept.capacity() > max_kept_bytes) c->kept.release();
  if (c->answer.body.capacity() > max_kept_bytes) c->answer.body.release();
  free_.push_back(c);
}

namespace {

constexpr std::size_t enough_at_once = 64 * 1024;  // of an answer that is made while it is sent
constexpr std::size_t most_kept = 256 * 1024;      // of the memory for its parts

}  // namespace

call* session_host::take_call() {
  auto* c = calls.take();
  c->owner = &routes;
  c->context = &context;  // which another lane may have replaced by its own
  request_access::set_deadline(c->incoming, &c->deadline);
  return c;
}

std::size_t session::receive(session_host& host, char* data, std::size_t size, buffer& out) {
  std::size_t taken = 0;
  if (decoding()) decode_on(host, out);
  while (taken < size && !in_flight_ && !source_ && !upgrade_ && !closing_ && !decoding() &&
         out.size() < host.limits.max_unsent) {
    char* const from = data + taken;
    const std::size_t left = size - taken;
    std::size_t used = 0;
    switch (place_) {
      case place::head: used = read_head(host, from, left, out); break;
      case place::fixed_body: used = read_fixed_body(host, from, left, out); break;
      case place::chunked_body: used = read_chunked_body(host, from, left, out); break;
      case place::skip:
        used = std::size_t(std::min<std::uint64_t>(body_left_, left));
        body_left_ -= used;
        if (!body_left_) {
          place_ = place::head;
          head_noticed_ = false;
        }
        break;
    }
    if (!used) break;
    taken += used;
  }
  return taken;
}

std::size_t session::read_head(session_host& host, char* data, std::size_t size, buffer& out) {
  if (seen_ && !head_ends(host, data, size)) return 0;
  auto& c = *host.scratch;
  const auto parsed = parse_head(data, data + size, c.head, host.parsing, host.last);
  if (parsed.status != parse_status::complete || parsed.size > host.limits.max_head) {
    return end_head(host, parsed, size, out);
  }
  seen_ = 0;
  head_noticed_ = false;

  c.reset();
  c.began = host.counted.moment();
  c.max_body = host.limits.max_body;
  if (c.head.is_repeated) request_access::bind_again(c.incoming, c.head);
  else request_access::bind(c.incoming, c.head, {});
  request_access::set_client(c.incoming, &client);
  host.routes.find_route(c);
  if (c.route && c.route->runs_at_once && !c.head.has_body() && !host.late) {
    if (c.route->time_limit) c.deadline = host.now + c.route->time_limit;
    host.routes.run_at_once(c);
    answer(host, c, out);
    return parsed.size;
  }
  if (c.head.has_body()) return begin_body(host, c, data, size, parsed.size, out);
  if (c.route && c.route->outlives_buffer) keep(host, c, data, parsed.size);
  run(host, c, out);
  return parsed.size;
}

// Of one that had begun before: whether its end is there now, or never comes.
bool session::head_ends(session_host& host, const char* data, std::size_t size) {
  const std::size_t from = seen_ > 3 ? seen_ - 3 : 0;
  const bool whole = memmem(data + from, size - from, "\r\n\r\n", 4) != nullptr;
  if (whole || size > host.limits.max_head) return true;
  seen_ = std::uint32_t(size);
  return false;
}

// Of one that is not to be answered, at least not yet.
std::size_t session::end_head(session_host& host, const parse_result& parsed, std::size_t size,
                              buffer& out) {
  if (parsed.status == parse_status::refused) {
    refuse(host, parsed.refusal, parsed.why, out);
    return size;
  }
  if (parsed.status == parse_status::incomplete && size <= host.limits.max_head) {
    seen_ = std::uint32_t(size);
    return 0;
  }
  refuse(host, 431, "a longer head than allowed", out);
  return size;
}

// The call gets the bytes for itself, because it outlives the buffer they lie in.
void session::keep(session_host& host, call& c, const char* data, std::size_t size) {
  host.last.forget();
  const auto body_size = c.incoming.body().size();
  c.kept.clear();
  c.kept.reserve(size + parser_slack);
  c.kept.append({data, size});
  rebase(c.head, data, c.kept.data());
  request_access::bind(c.incoming, c.head, c.kept.view().substr(size - body_size));
  c.owner->find_route(c);
}

outcome session::dispatch(session_host& host, call& c) {
  if (!host.late || c.failed || c.answer.status) return host.routes.run(c);
  host.routes.refuse_as_busy(c);
  return outcome::answered;
}

// Another lane or a coroutine may have it for a while, and give it back on another thread.
void session::prepare_to_leave(session_host& host, call& c) {
  c.coroutines = host.coroutines;
  c.on_done = host.on_done;
  c.session = this;
  in_flight_ = &c;
}

void session::run(session_host& host, call& c, buffer& out) {
  if (c.route) {
    if (c.route->time_limit) c.deadline = host.now + c.route->time_limit;
    if (c.route->outlives_buffer) prepare_to_leave(host, c);
  }
  const bool is_scratch = &c == host.scratch;
  if (dispatch(host, c) == outcome::handed_over) {
    host.counted.handed_over();
    if (is_scratch) host.scratch = host.take_call();
    return;
  }
  in_flight_ = nullptr;
  if (c.route && c.route->takes_body_in_parts) {
    if (waits_for_body(c)) return read_parts(host, c, out);
    if (!c.body_is_whole) leave_body(c);
  }
  answer(host, c, out);
}

void session::answer_unusually(session_host& host, call& c, buffer& out) {
  if (c.visitor && (c.answer.upgrade || c.answer.source)) host.routes.hold(c);
  if (c.answer.upgrade) return begin_upgrade(host, c, out);
  auto& source = c.answer.source;
  if (source && !has_content(c.answer.status)) source.reset();
  if (host.compressing.concerns(c.answer)) host.compressing.compress(c);
  const bool ends_by_closing = source && !c.answer.source_size && c.head.minor_version == 0;
  const bool closes = !c.head.keep_alive || c.answer.closes || host.draining || ends_by_closing;
  if (host.routes.logs_access) c.origin.get();  // so that the client is told the id
  write_response(host, c, !closes, out);
  host.counted.answered(c);
  if (host.routes.notes_answers()) host.routes.note_answer(c);
  if (c.head.method == method::head) source.reset();
  if (source) {
    begin_sending(host, c);
    closes_after_ = closes;
  } else {
    closing_ = closes;
    if (c.held) c.held.reset();
  }
  c.arguments.discard();
}

void session::begin_upgrade(session_host& host, call& c, buffer& out) {
  auto upgrade = std::move(c.answer.upgrade);
  if (host.upgrades && !host.draining) {
    upgrade_ = std::move(upgrade);
    upgrade_->held = std::move(c.held);
    c.answer.status = 101;
    host.counted.answered(c);
    if (client.secure) upgrade_->hsts = host.hsts;
    return c.arguments.discard();
  }
  c.answer.clear();
  if (host.draining) c.fail(503, "the server is stopping");
  else c.fail(501, "a WebSocket needs a connection to a server that was started");
  host.routes.answer_failure(c);
  answer(host, c, out);
}

void session::begin_sending(session_host& host, call& c) {
  source_ = std::move(c.answer.source);
  source_->places = std::move(c.held);
  source_is_sized_ = c.answer.source_size.has_value();
  source_left_ = c.answer.source_size.value_or(0);
  source_is_chunked_ = !source_is_sized_ && c.head.minor_version != 0;
  starved_ = false;
  source_->begin({host.on_more, this});
}

void session::send_more(session_host& host, buffer& out) {
  auto& part = host.part;
  starved_ = false;
  while (source_ && !starved_ && out.size() < enough_at_once) {
    part.clear();
    auto step = body_source::step::end;
    try {
      step = source_->next(part);
      if (source_is_sized_ && part.size() > source_left_) {
        throw error("an answer is longer than its size said");
      }
      if (source_is_sized_) source_left_ -= part.size();
      if (step == body_source::step::end && source_left_) {
        throw error("an answer is shorter than its size said");
      }
    } catch (const std::exception& e) {
      host.routes.report_broken(std::string("an answer broke off: ") + e.what());
      broken_ = true;
    } catch (...) {
      host.routes.report_broken(
          "an answer broke off: it threw something that is no std::exception");
      broken_ = true;
    }
    broken_ |= step == body_source::step::cut;
    if (broken_) {
      source_.reset();
      closing_ = true;
      return;
    }
    write_part(part.view(), out);
    if (step == body_source::step::wait) starved_ = true;
    if (step == body_source::step::pause) break;
    if (step != body_source::step::end) continue;
    if (source_is_chunked_) out.append("0\r\n\r\n");
    source_.reset();
    closing_ = closes_after_;
  }
  if (part.capacity() > most_kept) part.release();
}

void session::beat(session_host& host, buffer& out) {
  host.part.clear();
  source_->beat(host.part);
  write_part(host.part.view(), out);
}

void session::write_part(std::string_view part, buffer& out) {
  if (part.empty()) return;
  if (source_is_chunked_) {
    char size[20];
    char* end = std::to_chars(size, size + 16, part.size(), 16).ptr;
    *end++ = '\r', *end++ = '\n';
    out.append({size, std::size_t(end - size)});
  }
  out.append(part);
  if (source_is_chunked_) out.append("\r\n");
}

void session::finish(session_host& host, call& c, buffer& out) {
  host.counted.came_back();
  in_flight_ = nullptr;
  if (waits_for_body(c)) {
    read_parts(host, c, out);
    if (in_flight_ != &c && reading_ != &c) host.calls.give_back(&c);
    return;
  }
  if (c.route && c.route->takes_body_in_parts && !c.body_is_whole) leave_body(c);
  answer(host, c, out);
  host.calls.give_back(&c);
}

void session::drop(session_host& host, call& c) {
  host.counted.came_back();
  in_flight_ = nullptr;
  host.calls.give_back(&c);
}

void session::refuse(session_host& host, int status, const char* why, buffer& out) {
  if (reading_) host.calls.give_back(reading_);
  reading_ = nullptr;
  chunks_.reset();
  coded_.reset();
  place_ = place::head;
  seen_ = 0;
  refused_ = true;
  host.last.forget();
  auto& c = *host.scratch;
  c.reset();
  c.began = host.counted.moment();
  c.head = request_head{};
  c.head.method = method::other;  // nobody knows
  c.head.keep_alive = false;
  request_access::bind(c.incoming, c.head, {});
  request_access::set_client(c.incoming, &client);
  c.fail(status, std::string("the request was refused: ") + why);
  host.routes.answer_failure(c);
  answer(host, c, out);
}

void session::receive_end(session_host& host, buffer& out) {
  if (in_flight_ || source_ || upgrade_ || closing_ || decoding()) return;
  if (seen_ || reading_) refuse(host, 400, "it ends in the middle", out);
  closing_ = true;
}

void session::time_out(session_host& host, buffer& out) {
  if (seen_ || reading_) refuse(host, 408, "it did not come in time", out);
  closing_ = true;
}

duration session::time_left(const session_host& host) const {
  if (!in_flight_->deadline) return days(365);
  return milliseconds(std::max<std::int64_t>(in_flight_->deadline - host.now, 0));
}

void session::cancel() {
  auto& c = *in_flight_;
  c.cancelled = true;
  if (c.in_coroutine) c.later->cancel();
}

bool session::abandon(session_host& host) {
  if (in_flight_) cancel();
  if (reading_) host.calls.give_back(reading_);
  reading_ = nullptr;
  source_.reset();
  upgrade_.reset();
  closing_ = true;
  return in_flight_ != nullptr;
}

}  // namespace aft::http

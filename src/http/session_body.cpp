#include "session.hpp"

#include <algorithm>

namespace aft::http {
namespace {

// A body that nobody wants is read and dropped up to this size, to keep the connection.
constexpr std::uint64_t max_skipped_body = 64 * 1024;

// Of a coded body in one turn: few bytes may mean many, and others wait.
constexpr std::size_t enough_decoded = 256 * 1024;

}  // namespace

std::size_t session::begin_body(session_host& host, call& c, char* data, std::size_t size,
                                std::size_t head_size, buffer& out) {
  const auto& head = c.head;
  const bool wanted = c.route && !c.failed;
  if (wanted && head.content_length > c.max_body) {
    c.fail(413, "the body is larger than " + std::to_string(c.max_body) + " bytes");
  } else if (wanted && head.has(known::content_encoding) && host.routes.compression().enabled) {
    read_content_encoding(c);
  }
  if (!wanted || c.failed) {
    const bool skips = head.keep_alive && !host.draining && !head.chunked &&
                       !head.expects_continue && head.content_length <= max_skipped_body &&
                       c.failure.status != 413;
    if (skips) {
      body_left_ = head.content_length;
      place_ = place::skip;
    } else {
      c.head.keep_alive = false;
      refused_ = true;
    }
    run(host, c, out);
    return head_size;
  }

  if (c.route->takes_body_in_parts) return begin_parts(host, c, data, head_size, out);
  const std::size_t here = size - head_size;
  if (!head.chunked && here >= head.content_length && c.body_coding == coding::identity) {
    const auto body_size = std::size_t(head.content_length);
    request_access::bind(c.incoming, c.head, {data + head_size, body_size});
    if (c.route->outlives_buffer) keep(host, c, data, head_size + body_size);
    run(host, c, out);
    return head_size + body_size;
  }
  if (head.expects_continue && here == 0) out.append("HTTP/1.1 100 Continue\r\n\r\n");
  gather(host, c, data, head_size);
  return head_size;
}

// The rest comes later: the call leaves the shared buffer, and gathers it.
void session::gather(session_host& host, call& c, const char* data, std::size_t head_size) {
  host.last.forget();
  reading_ = &c;
  host.scratch = host.take_call();
  head_size_ = std::uint32_t(head_size);
  c.kept.clear();
  c.kept.reserve(head_size + parser_slack);
  c.kept.append({data, head_size});
  rebase(c.head, data, c.kept.data());
  body_left_ = c.head.content_length;
  place_ = c.head.chunked ? place::chunked_body : place::fixed_body;
  if (c.head.chunked) chunks_ = std::make_unique<chunked_reader>(c.max_body);
  coded_.reset();
  if (c.body_coding == coding::identity) return;
  coded_ = std::make_unique<coded_body>(c.body_coding, c.max_body);
  remove_content_encoding(c.head);
}

// The arguments are made first, on whichever lane; then the body is read.
std::size_t session::begin_parts(session_host& host, call& c, const char* data,
                                 std::size_t head_size, buffer& out) {
  gather(host, c, data, head_size);
  reading_ = nullptr;
  request_access::bind(c.incoming, c.head, {});
  host.routes.find_route(c);  // again: the path has moved
  run(host, c, out);
  if (in_flight_ != &c && reading_ != &c) host.calls.give_back(&c);
  return head_size;
}

void session::read_parts(session_host& host, call& c, buffer& out) {
  reading_ = &c;
  c.deadline = 0;  // until the body is there
  if (c.head.expects_continue) out.append("HTTP/1.1 100 Continue\r\n\r\n");
  if (c.head.has_body()) return;
  reading_ = nullptr;
  place_ = place::head;
  end_parts(host, c, out);
}

void session::end_parts(session_host& host, call& c, buffer& out) {
  if (host.routes.end_body(c)) run(host, c, out);
  else answer(host, c, out);
}

void session::give_part(session_host& host, std::string_view part, buffer& out) {
  auto& c = *reading_;
  if (part.empty() || host.routes.give_part(c, part)) return;
  c.head.keep_alive = false;  // the rest of the body comes all the same
  refused_ = true;
  reading_ = nullptr;
  chunks_.reset();
  coded_.reset();
  place_ = place::head;
  answer(host, c, out);
  host.calls.give_back(&c);
}

std::size_t session::read_fixed_body(session_host& host, const char* data, std::size_t size,
                                     buffer& out) {
  const auto part = std::size_t(std::min<std::uint64_t>(body_left_, size));
  body_left_ -= part;
  take_part(host, {data, part}, out);
  if (reading_ && !body_left_) body_has_come(host, out);
  return part;
}

// A part of the body, as it was sent; `reading_` is null where it was refused.
void session::take_part(session_host& host, std::string_view part, buffer& out) {
  auto& c = *reading_;
  if (coded_) return decode_part(host, part, out);
  if (c.taker.taker) return give_part(host, part, out);
  const char* before = c.kept.data();
  c.kept.append(part);
  if (c.kept.data() != before) rebase(c.head, before, c.kept.data());
}

void session::decode_part(session_host& host, std::string_view part, buffer& out) {
  auto& c = *reading_;
  const bool in_parts = c.taker.taker != nullptr;
  std::size_t made = 0;
  auto status = body_decoder::status::more;
  while (status == body_decoder::status::more) {
    if (made >= enough_decoded) return coded_->pause(part);
    host.decoded.clear();
    auto& to = in_parts ? host.decoded : c.kept;
    const auto had = to.size();
    const char* before = c.kept.data();
    status = coded_->decoder.read(part, to);
    made += to.size() - had;
    if (c.kept.data() != before) rebase(c.head, before, c.kept.data());
    if (status == body_decoder::status::malformed) {
      return refuse(host, 400, "its body is not what its Content-Encoding says", out);
    }
    if (status == body_decoder::status::too_large) {
      return refuse(host, 413, "a larger body than allowed, without its coding", out);
    }
    if (in_parts) give_part(host, host.decoded.view(), out);
    if (!reading_) return;
  }
}

// The bytes of the last turn mean more than what it had time for.
void session::decode_on(session_host& host, buffer& out) {
  const buffer rest = std::move(coded_->rest);
  coded_->is_paused = false;
  decode_part(host, rest.view(), out);
  if (reading_ && coded_->has_come) body_has_come(host, out);
}

std::size_t session::read_chunked_body(session_host& host, const char* data, std::size_t size,
                                       buffer& out) {
  std::size_t used = 0;
  const char* before = reading_->kept.data();
  const bool in_parts = reading_->taker.taker || coded_;
  host.part.clear();
  const auto status = chunks_->read(data, size, in_parts ? host.part : reading_->kept, used);
  if (in_parts) {
    take_part(host, host.part.view(), out);
    if (!reading_) return size;
  } else if (reading_->kept.data() != before) {
    rebase(reading_->head, before, reading_->kept.data());
  }
  switch (status) {
    case chunked_reader::status::more: break;
    case chunked_reader::status::done: body_has_come(host, out); break;
    case chunked_reader::status::refused:
      refuse(host, 400, "a malformed chunked body", out);
      return size;
    case chunked_reader::status::too_large:
      refuse(host, 413, "a larger body than allowed", out);
      return size;
  }
  return used;
}

void session::body_has_come(session_host& host, buffer& out) {
  if (coded_) coded_->has_come = true;
  if (decoding()) return;
  if (coded_ && !coded_->decoder.whole()) return refuse(host, 400, "its body is not whole", out);
  auto& c = *reading_;
  reading_ = nullptr;
  chunks_.reset();
  coded_.reset();
  place_ = place::head;
  if (c.taker.taker) {
    end_parts(host, c, out);
  } else {
    request_access::bind(c.incoming, c.head, c.kept.view().substr(head_size_));
    host.routes.find_route(c);  // again: the path has moved
    run(host, c, out);
  }
  if (in_flight_ != &c) host.calls.give_back(&c);
}

// Refused before its body was read: what comes now means nothing.
void session::leave_body(call& c) {
  place_ = place::head;
  chunks_.reset();
  if (!c.head.has_body()) return;
  c.head.keep_alive = false;
  refused_ = true;
}

}  // namespace aft::http

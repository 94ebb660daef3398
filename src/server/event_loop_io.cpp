#include "event_loop_impl.hpp"

#include <sys/sendfile.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace aft::server {
namespace {

constexpr int max_parts_at_once = 16;
constexpr std::size_t max_sent_of_a_file = 256 * 1024;
constexpr std::size_t max_kept_bytes = 16 * 1024;  // of a buffer that is not needed now

}  // namespace

void event_loop::impl::handle(connection& c, std::uint32_t events) {
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

// ---- reading

void event_loop::impl::read(connection& c) {
  std::size_t have = c.in.size();
  if (have) std::memcpy(read_buffer_.get(), c.in.data(), have);
  if (have == read_buffer_size) return use(c, have);
  if (c.tls) {
    if (decrypt(c, have)) use(c, have);
    return;
  }
  const auto received = receive_now(c.fd.get(), read_buffer_.get() + have, read_buffer_size - have);
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
void event_loop::impl::use(connection& c, std::size_t have) {
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
void event_loop::impl::settle(connection& c) {
  const auto& times = state_.options.timeouts;
  if (!c.out.empty()) {
    watch(c, to_write(c));
    return pace_answer(c);
  }
  if (c.http.upgrading()) return upgrade(c);
  if (c.http.sending()) return send_more(c);
  if (c.http.closing()) return finish(c);
  if (c.http.waiting()) {  // nothing to be read or written for now
    if (c.http.waits_for_thread()) {
      c.calm = false;
      set_prompt(c, false);
    }
    watch(c, c.http.can_cancel() ? EPOLLERR | EPOLLRDHUP : EPOLLERR);
    return put_off(c, c.http.can_cancel() ? c.http.time_left(host_) : hours(24 * 365));
  }
  if (c.http.decoding()) {  // after the others have had their turn
    watch(c, EPOLLOUT);
    return put_off(c, times.body);
  }
  if (c.http.idle() && std::exchange(c.calm, true)) set_prompt(c, true);
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
void event_loop::impl::upgrade(connection& c) {
  unwatch(c);
  auto start = c.http.take_upgrade();
  start->place = std::move(c.place);
  websockets_.add(std::move(c.fd), std::move(c.tls), std::move(start), c.in.view());
  close(c);
}

// Its deadline is put off by enough bytes, not by any.
void event_loop::impl::pace_body(connection& c) {
  if (c.pace == paced::body && c.received < c.goal) return;
  put_off(c, state_.options.timeouts.body);
  c.pace = paced::body;
  c.goal = c.received + least_of_body_;
}

void event_loop::impl::pace_answer_from(connection& c, std::int64_t waiting) {
  put_off(c, state_.options.timeouts.send);
  c.pace = paced::answer;
  c.goal = c.sent - waiting + std::min(least_of_answer_, waiting + std::int64_t(c.out.size()));
  c.further = c.sent + least_of_answer_;
}

// How much the client has taken says the socket, which may hold megabytes: those of a slow reader
// may last for longer than it has for a part of them.
void event_loop::impl::check_taken(connection& c) {
  const auto waiting = waiting_in_socket(c);
  if (c.sent - waiting < c.goal) return close(c);
  pace_answer_from(c, waiting);
}

// ---- TLS

// Reads behind the first bytes of the read buffer. False where nothing came.
bool event_loop::impl::decrypt(connection& c, std::size_t& have) {
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

// ---- writing

// Sends what stands in output_; what does not go now moves to the connection. False if it did.
bool event_loop::impl::send_output(connection& c) {
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

bool event_loop::impl::send(connection& c, const buffer& bytes, std::size_t& sent) {
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

bool event_loop::impl::encrypt(connection& c, const buffer& bytes, std::size_t& sent) {
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
void event_loop::impl::send_more(connection& c) {
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
bool event_loop::impl::send_file(connection& c, http::file_part& part) {
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

void event_loop::impl::await_more(connection& c) {
  if (draining_) return close(c);
  watch(c, EPOLLRDHUP);
  const auto beat = c.http.heartbeat();
  put_off(c, beat > duration() ? beat : hours(24 * 365));
}

// Any thread.
void event_loop::impl::has_more(connection& c) {
  {
    std::lock_guard lock(done_mutex_);
    if (c.has_more) return;
    c.has_more = true;
    with_more_.push_back(&c);
    if (with_more_.size() > 1) return;  // the first one rang
  }
  ring();
}

void event_loop::impl::take_more() {
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

void event_loop::impl::write_on(connection& c) {
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
void event_loop::impl::go_on(connection& c) {
  std::size_t have = c.in.size();
  if (have) std::memcpy(read_buffer_.get(), c.in.data(), have);
  const bool takes = !c.http.waiting() && !c.http.sending() && !c.http.closing();
  if (takes && to_read(c) == EPOLLOUT && have < read_buffer_size) {
    decrypt(c, have);
    if (c.lingering) return;
  }
  use(c, have);
}

}  // namespace aft::server

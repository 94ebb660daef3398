// The limit: what one thread can answer over sockets if it does nothing else. It looks for the end
// of each request and for its first letters, and answers from memory: one receive and one send for
// all requests that have come. It is no HTTP server, it only answers as one to well-behaved
// clients.

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <memory>
#include <string>
#include <string_view>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "arguments.hpp"

namespace bench {
namespace {

constexpr std::size_t input_size = 256 * 1024;
constexpr std::size_t output_size = 1024 * 1024;
constexpr std::size_t slack = 64;  // that may be read behind the input

volatile std::sig_atomic_t asked_to_stop = 0;

// ---- answers

// A whole answer whose date is written anew each second.
struct canned {
  canned(std::string_view type, std::string_view body) {
    bytes = "HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nContent-Type: ";
    bytes.append(type).append("\r\nX-Content-Type-Options: nosniff");  // the bytes that aft sends
    bytes.append("\r\nContent-Length: ").append(std::to_string(body.size()));
    bytes.append("\r\n\r\n").append(body);
  }
  void set_date(const char* date) { std::memcpy(bytes.data() + date_at, date, date_size); }

  static constexpr std::size_t date_at = sizeof "HTTP/1.1 200 OK\r\nDate: " - 1;
  static constexpr std::size_t date_size = sizeof "Thu, 01 Jan 1970 00:00:00 GMT" - 1;
  std::string bytes;
};

class answers {
 public:
  void look_at_clock() {
    timespec now;
    ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
    if (now.tv_sec == second_) return;
    second_ = now.tv_sec;
    std::tm utc{};
    ::gmtime_r(&now.tv_sec, &utc);
    char date[64];
    std::strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &utc);
    for (auto* a : {&plaintext_, &json_, &user_}) a->set_date(date);
  }

  // The answer to a request that ends at `end`; returns the end of what it wrote.
  char* write(const char* request, const char* end, char* to) const {
    if (starts(request, end, "GET /plaintext ")) return put(to, plaintext_.bytes);
    if (starts(request, end, "GET /json ")) return put(to, json_.bytes);
    if (starts(request, end, "GET /users/")) return write_user(request, end, to);
    return put(to, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
  }

 private:
  static bool starts(const char* request, const char* end, std::string_view with) {
    return std::size_t(end - request) > with.size() &&
           std::memcmp(request, with.data(), with.size()) == 0;
  }
  static char* put(char* to, std::string_view text) {
    std::memcpy(to, text.data(), text.size());
    return to + text.size();
  }

  char* write_user(const char* request, const char* end, char* to) const {
    constexpr std::size_t longest = 20;  // digits of an id
    const char* id = request + sizeof "GET /users/" - 1;
    const char* id_end = id;
    while (id_end < end && *id_end != ' ') ++id_end;
    const std::string_view text(id, std::size_t(id_end - id));
    if (text.size() > longest)
      return put(to, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    constexpr std::string_view without_length = "0\r\n\r\n";
    to = put(to,
             std::string_view(user_.bytes).substr(0, user_.bytes.size() - without_length.size()));
    to = std::to_chars(to, to + longest, text.size()).ptr;
    to = put(to, "\r\n\r\n");
    return put(to, text);
  }

  std::time_t second_ = 0;
  canned plaintext_{"text/plain; charset=utf-8", "Hello, World!"};
  canned json_{"application/json", R"({"message":"Hello, World!"})"};
  canned user_{"text/plain; charset=utf-8", ""};
};

constexpr std::size_t longest_answer = 512;

// ---- requests

// The byte after the empty line, or null.
const char* find_end(const char* p, const char* end) {
#if defined(__SSE2__)
  const __m128i line_feed = _mm_set1_epi8('\n');
  for (; p < end; p += 16) {  // two line feeds with one byte between them
    const __m128i here = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    const __m128i beyond = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p + 2));
    auto found = unsigned(_mm_movemask_epi8(
        _mm_and_si128(_mm_cmpeq_epi8(here, line_feed), _mm_cmpeq_epi8(beyond, line_feed))));
    for (; found; found &= found - 1) {
      const char* at = p + __builtin_ctz(found);
      if (at + 3 > end) return nullptr;
      if (at[1] == '\r') return at + 3;
    }
  }
  return nullptr;
#else
  const auto* found = static_cast<const char*>(memmem(p, std::size_t(end - p), "\n\r\n", 3));
  return found ? found + 3 : nullptr;
#endif
}

struct connection {
  int fd;
  std::string unused;  // the beginning of a request
  std::string unsent;  // the rest of answers
};

class server {
 public:
  explicit server(std::uint16_t port)
      : input_(new char[input_size + slack]()), output_(new char[output_size]) {
    epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const int one = 1;
    ::setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    ::setsockopt(listener_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);  // inherited
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* where = reinterpret_cast<sockaddr*>(&address);
    if (::bind(listener_, where, sizeof address) != 0 || ::listen(listener_, 4096) != 0) {
      std::perror("cannot listen");
      std::exit(1);
    }
    socklen_t size = sizeof address;
    ::getsockname(listener_, where, &size);
    std::printf("listening on http://127.0.0.1:%u\n", unsigned(ntohs(address.sin_port)));
    std::fflush(stdout);
    watch(EPOLL_CTL_ADD, listener_, EPOLLIN, nullptr);
  }

  void run() {
    while (!asked_to_stop) {
      const int count = ::epoll_wait(epoll_, events_.data(), int(events_.size()), -1);
      answers_.look_at_clock();
      for (int i = 0; i < count; ++i) {
        auto* c = static_cast<connection*>(events_[std::size_t(i)].data.ptr);
        if (!c) accept();
        else if (!serve(*c)) close(c);
      }
    }
  }

 private:
  void watch(int operation, int fd, std::uint32_t events, connection* c) {
    epoll_event event{};
    event.events = events;
    event.data.ptr = c;
    ::epoll_ctl(epoll_, operation, fd, &event);
  }

  void accept() {
    int fd;
    while ((fd = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
      watch(EPOLL_CTL_ADD, fd, EPOLLIN, new connection{fd, {}, {}});
    }
  }

  void close(connection* c) {
    ::close(c->fd);
    delete c;
  }

  // False where the connection is over.
  bool serve(connection& c) {
    if (!c.unsent.empty()) return send_rest(c);
    const std::size_t have = c.unused.size();
    if (have) std::memcpy(input_.get(), c.unused.data(), have);
    const auto received = ::recv(c.fd, input_.get() + have, input_size - have, MSG_DONTWAIT);
    if (received <= 0) return received < 0 && (errno == EAGAIN || errno == EINTR);

    const char* p = input_.get();
    const char* const end = p + have + received;
    char* to = output_.get();
    while (const char* next = find_end(p, end)) {
      to = answers_.write(p, next, to);
      p = next;
      if (to + longest_answer > output_.get() + output_size && !send(c, to)) return false;
    }
    c.unused.assign(p, std::size_t(end - p));
    return to == output_.get() || send(c, to);
  }

  // Sends the output up to there, and sets it to its beginning.
  bool send(connection& c, char*& to) {
    const std::string_view bytes(output_.get(), std::size_t(to - output_.get()));
    to = output_.get();
    if (!c.unsent.empty()) {
      c.unsent += bytes;
      return true;
    }
    const auto sent = ::send(c.fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) return false;
    const auto done = sent < 0 ? 0 : std::size_t(sent);
    if (done == bytes.size()) return true;
    c.unsent = bytes.substr(done);
    watch(EPOLL_CTL_MOD, c.fd, EPOLLOUT, &c);
    return true;
  }

  bool send_rest(connection& c) {
    const auto sent = ::send(c.fd, c.unsent.data(), c.unsent.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) return errno == EAGAIN || errno == EINTR;
    c.unsent.erase(0, std::size_t(sent));
    if (c.unsent.empty()) watch(EPOLL_CTL_MOD, c.fd, EPOLLIN, &c);
    return true;
  }

  answers answers_;
  std::unique_ptr<char[]> input_, output_;
  std::array<epoll_event, 256> events_;
  int epoll_, listener_;
};

}  // namespace
}  // namespace bench

int main(int count, char** words) {
  const bench::arguments given(count, words, {"--port"});
  given.answer_version("epoll, answers from memory");
  struct sigaction action {};
  action.sa_handler = [](int) { bench::asked_to_stop = 1; };
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
  bench::server(std::uint16_t(given.number("--port", 8080, 0, 65535))).run();
}

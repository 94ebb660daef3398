// Asks an HTTP server for one thing, over and over, and says how often it was answered. One thread,
// made to be cheaper than any server: the requests are canned, and the answers are told apart by
// their heads alone.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "answer_reader.hpp"
#include "arguments.hpp"
#include "samples.hpp"

namespace bench {
namespace {

using clock = std::chrono::steady_clock;

constexpr std::size_t input_size = 256 * 1024;
constexpr unsigned sampled_round = 8;           // every eighth round of a connection is timed
constexpr std::size_t max_samples = 4'000'000;  // the rest of a longer run goes without

// What a browser sends beside Host: with it 12 headers, about 600 bytes.
constexpr std::string_view browser_headers =
    "Connection: keep-alive\r\n"
    "sec-ch-ua: \"Chromium\";v=\"124\", \"Google Chrome\";v=\"124\", \"Not-A.Brand\";v=\"99\"\r\n"
    "sec-ch-ua-mobile: ?0\r\n"
    "sec-ch-ua-platform: \"Linux\"\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/124.0.0.0 Safari/537.36\r\n"
    "Accept: "
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n"
    "Sec-Fetch-Site: same-origin\r\n"
    "Sec-Fetch-Mode: navigate\r\n"
    "Sec-Fetch-Dest: document\r\n"
    "Accept-Encoding: gzip, deflate, br, zstd\r\n"
    "Accept-Language: en-GB,en;q=0.9,de;q=0.8\r\n";

struct task {
  std::uint16_t port;
  std::string round;  // the bytes of all requests that are sent at once
  unsigned depth;     // how many they are
  int expected_status;
};

struct connection {
  int fd = -1;
  unsigned awaited = 0;  // answers of this round that have not come
  unsigned rounds = 0;
  clock::time_point sent{};  // where this round is timed
  std::size_t unsent = 0;    // bytes of this round
  std::string unused{};      // the beginning of an answer
};

class loader {
 public:
  loader(const task& what, std::size_t connections)
      : task_(what), input_(new char[input_size]), connections_(connections) {
    epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
    samples_.reserve(max_samples / 16);
    for (auto& c : connections_) open(c);
  }

  void run(clock::duration how_long) {
    const auto began = clock::now();
    const auto end = began + how_long;
    for (auto& c : connections_) begin_round(c);
    for (auto now = began; now < end; now = clock::now()) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - now).count();
      const int count = ::epoll_wait(epoll_, events_.data(), int(events_.size()), int(left) + 1);
      for (int i = 0; i < count; ++i) {
        const auto& event = events_[std::size_t(i)];
        auto& c = *static_cast<connection*>(event.data.ptr);
        if (event.events & EPOLLOUT) send_rest(c);
        if (event.events & ~std::uint32_t(EPOLLOUT)) receive(c);
      }
    }
    took_ = clock::now() - began;
  }

  void print() {
    std::size_t silent = 0;  // connections that were never answered in full
    for (const auto& c : connections_) silent += c.rounds < 2;
    std::printf(
        "{\"requests\": %llu, \"seconds\": %.6f, \"errors\": %llu, \"silent\": %zu, "
        "\"p50_us\": %.1f, \"p99_us\": %.1f}\n",
        static_cast<unsigned long long>(answered_), std::chrono::duration<double>(took_).count(),
        static_cast<unsigned long long>(errors_), silent, percentile(samples_, 0.5),
        percentile(samples_, 0.99));
  }

 private:
  void watch(int operation, connection& c, std::uint32_t events) {
    epoll_event event{};
    event.events = events;
    event.data.ptr = &c;
    ::epoll_ctl(epoll_, operation, c.fd, &event);
  }

  void open(connection& c) {
    c = connection{.rounds = c.rounds};
    c.fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int one = 1;
    ::setsockopt(c.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(task_.port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(c.fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
      std::perror("cannot connect");
      std::exit(1);
    }
    watch(EPOLL_CTL_ADD, c, EPOLLIN);
  }

  void open_again(connection& c) {
    errors_ += c.awaited;
    ::close(c.fd);
    open(c);
    begin_round(c);
  }

  // ---- sending

  void begin_round(connection& c) {
    c.awaited = task_.depth;
    c.unsent = task_.round.size();
    if (c.rounds++ % sampled_round == 0) c.sent = clock::now();
    send_rest(c);
  }

  void send_rest(connection& c) {
    const char* from = task_.round.data() + task_.round.size() - c.unsent;
    const bool again = c.unsent != task_.round.size();
    const auto sent = ::send(c.fd, from, c.unsent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) c.unsent -= std::size_t(sent);  // a fault shows when it is received from
    if (c.unsent || again) watch(EPOLL_CTL_MOD, c, c.unsent ? EPOLLIN | EPOLLOUT : EPOLLIN);
  }

  // ---- receiving

  void receive(connection& c) {
    std::size_t have = c.unused.size();
    if (have) c.unused.copy(input_.get(), have);
    const auto received = ::recv(c.fd, input_.get() + have, input_size - have, MSG_DONTWAIT);
    if (received < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (received <= 0) return open_again(c);
    have += std::size_t(received);

    std::string_view bytes(input_.get(), have);
    while (!bytes.empty()) {
      const auto answer = reader_.read(bytes);
      if (answer.is == answer_reader::verdict::partial) break;
      if (answer.is == answer_reader::verdict::malformed || !c.awaited) {
        ++errors_;
        return open_again(c);
      }
      bytes.remove_prefix(answer.size);
      count(c, answer);
      if (answer.closes) return open_again(c);
    }
    if (bytes.size() == input_size) {  // a larger answer than there is room for
      ++errors_;
      return open_again(c);
    }
    if (!bytes.empty() || !c.unused.empty()) c.unused = std::string(bytes);
    if (!c.awaited) begin_round(c);
  }

  void count(connection& c, const answer_reader::answer& answer) {
    --c.awaited;
    if (answer.status == task_.expected_status) ++answered_;
    else ++errors_;
    const bool timed = (c.rounds - 1) % sampled_round == 0;
    if (c.awaited || !timed || samples_.size() == max_samples) return;
    samples_.push_back(std::chrono::duration<double, std::micro>(clock::now() - c.sent).count());
  }

  const task& task_;
  answer_reader reader_;
  std::unique_ptr<char[]> input_;
  std::vector<connection> connections_;
  std::array<epoll_event, 512> events_;
  int epoll_;
  std::uint64_t answered_ = 0, errors_ = 0;
  std::vector<double> samples_;  // microseconds from the sending of a round to its last answer
  clock::duration took_{};
};

task read_task(const arguments& given) {
  const auto port = given.number("--port", 8080, 1, 65535);
  std::string request = given.has("--post") ? "POST " : "GET ";
  request += given.text("--target", "/plaintext");
  request.append(" HTTP/1.1\r\nHost: 127.0.0.1:").append(std::to_string(port)).append("\r\n");
  if (given.has("--browser")) request += browser_headers;
  if (given.has("--post")) {
    const auto body = given.text("--post", "");
    request.append("Content-Type: application/json\r\nContent-Length: ");
    request.append(std::to_string(body.size())).append("\r\n\r\n").append(body);
  } else {
    request += "\r\n";
  }
  task made{std::uint16_t(port),
            {},
            unsigned(given.number("--pipeline", 1, 1, 1024)),
            int(given.number("--expect", 200, 200, 599))};
  for (unsigned i = 0; i < made.depth; ++i) made.round += request;
  return made;
}

}  // namespace
}  // namespace bench

int main(int count, char** words) {
  const bench::arguments given(
      count, words,
      {"--port", "--target", "--connections", "--pipeline", "--post", "--expect", "--milliseconds"},
      {"--browser"});
  const auto task = bench::read_task(given);
  const auto how_long =
      std::chrono::milliseconds(given.number("--milliseconds", 3000, 1, 86'400'000));
  bench::loader loader(task, given.number("--connections", 64, 1, 10'000));
  loader.run(how_long);
  loader.print();
}

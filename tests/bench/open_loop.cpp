// Asks an HTTP server at a fixed rate, whether it answers or not, and says how long answers took.
//
// An open loop: request n is due at n / rate, and its time runs from then on, also where no
// connection is free to send it. So a server that stalls is charged with all who would have come
// meanwhile (coordinated omission is left out). One thread.
//
// --requests FILE holds the mix: for each kind a line "NAME SHARE STATUS BYTES" and the request
// itself. "########" in it becomes a number of eight digits, another one each time.
//
// --times FILE takes a line for each answer, "DUE TOOK", in milliseconds since the beginning.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "answer_reader.hpp"
#include "arguments.hpp"
#include "samples.hpp"

namespace bench {
namespace {

using clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

double in_milliseconds(clock::duration d) {
  return std::chrono::duration<double, std::milli>(d).count();
}

constexpr std::size_t input_size = 1 << 20;
constexpr auto patience = std::chrono::seconds(5);  // for the last answers

struct request_kind {
  std::string name;
  unsigned share = 0;  // of the sum of all
  int expected = 0;
  std::string bytes{};
  std::size_t number_at = std::string::npos;
  std::vector<double> milliseconds_taken{};
  std::uint64_t errors = 0;
};

std::vector<request_kind> read_kinds(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  std::vector<request_kind> kinds;
  request_kind kind;
  std::size_t size = 0;
  while (in >> kind.name >> kind.share >> kind.expected >> size) {
    in.ignore(1);  // the end of the line
    kind.bytes.assign(size, '\0');
    in.read(kind.bytes.data(), std::streamsize(size));
    kind.number_at = kind.bytes.find("########");
    kinds.push_back(kind);
  }
  if (kinds.empty()) arguments::refuse({"no requests in ", file});
  return kinds;
}

struct totals {
  std::vector<double> times{};  // milliseconds
  std::uint64_t errors = 0;

  void print() {
    std::printf(
        "\"answers\": %zu, \"errors\": %llu, \"p50_ms\": %.3f, \"p95_ms\": %.3f, "
        "\"p99_ms\": %.3f, \"p999_ms\": %.3f",
        times.size(), static_cast<unsigned long long>(errors), percentile(times, 0.5),
        percentile(times, 0.95), percentile(times, 0.99), percentile(times, 0.999));
  }
};

struct due_request {
  std::size_t kind;
  clock::time_point due;
};

struct connection {
  int fd = -1;
  bool busy = false;
  due_request current{};
  std::string unsent{}, input{};
  answer_reader reader{};
};

class open_loop {
 public:
  open_loop(std::uint16_t port, std::vector<request_kind>& kinds, std::size_t connections,
            std::uint64_t first_number)
      : port_(port), kinds_(kinds), input_(new char[input_size]), number_(first_number),
        connections_(connections) {
    epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
    for (const auto& k : kinds_) shares_ += k.share;
    for (auto& c : connections_) {
      open(c);
      idle_.push_back(&c);
    }
  }

  void run(double rate, clock::duration how_long) {
    const auto began = began_ = clock::now();
    const auto count = std::uint64_t(rate * std::chrono::duration<double>(how_long).count());
    const auto due_at = [&](std::uint64_t n) {
      return began + std::chrono::duration_cast<clock::duration>(
                         std::chrono::duration<double>(double(n) / rate));
    };
    std::uint64_t next = 0;
    const auto give_up = began + how_long + patience;
    while (next < count || answered_ < next) {
      const auto now = clock::now();
      if (now > give_up) break;
      for (; next < count && due_at(next) <= now; ++next)
        waiting_.push_back({choose(), due_at(next)});
      send_waiting();
      longest_queue_ = std::max(longest_queue_, waiting_.size());
      look(next < count ? due_at(next) - clock::now() : clock::duration(milliseconds(20)));
    }
    took_ = clock::now() - began;
    asked_ = next;
    for (const auto& w : waiting_) ++kinds_[w.kind].errors;
    for (const auto& c : connections_) {
      if (c.busy) ++kinds_[c.current.kind].errors;
    }
  }

  void write_times(const std::string& file) {
    std::ofstream out(file);
    for (const auto& [due, took] : times_) out << due << ' ' << took << '\n';
  }

  void print() {
    std::map<std::string, totals> by_name;
    totals all;
    for (const auto& k : kinds_) {
      for (auto* t : {&by_name[k.name], &all}) {
        t->times.insert(t->times.end(), k.milliseconds_taken.begin(), k.milliseconds_taken.end());
        t->errors += k.errors;
      }
    }
    std::printf("{\"asked\": %llu, \"seconds\": %.3f, \"longest_queue\": %zu, ",
                static_cast<unsigned long long>(asked_),
                std::chrono::duration<double>(took_).count(), longest_queue_);
    all.print();
    std::printf(", \"kinds\": {");
    const char* comma = "";
    for (auto& [name, of] : by_name) {
      std::printf("%s\"%s\": {", std::exchange(comma, ", "), name.c_str());
      of.print();
      std::printf("}");
    }
    std::printf("}}\n");
  }

 private:
  // The same order in each run.
  std::size_t choose() {
    random_ = random_ * 6364136223846793005u + 1442695040888963407u;
    auto at = unsigned((random_ >> 33) % shares_);
    for (std::size_t i = 0;; ++i) {
      if (at < kinds_[i].share) return i;
      at -= kinds_[i].share;
    }
  }

  void open(connection& c) {
    c.fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int one = 1;
    ::setsockopt(c.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port_);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(c.fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
      std::perror("cannot connect");
      std::exit(1);
    }
    c.input.clear();
    c.unsent.clear();
    c.reader = answer_reader();
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = &c;
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, c.fd, &event);
  }

  void send_waiting() {
    while (!waiting_.empty() && !idle_.empty()) {
      auto& c = *idle_.front();  // in turn, so that all are in use
      idle_.pop_front();
      c.busy = true;
      c.current = waiting_.front();
      waiting_.pop_front();
      auto& k = kinds_[c.current.kind];
      c.unsent = k.bytes;
      if (k.number_at != std::string::npos) {
        char digits[9];
        std::snprintf(digits, sizeof digits, "%08llu",
                      static_cast<unsigned long long>(number_++ % 100'000'000));
        c.unsent.replace(k.number_at, 8, digits, 8);
      }
      send_rest(c);
    }
  }

  void send_rest(connection& c) {
    const auto sent = ::send(c.fd, c.unsent.data(), c.unsent.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) c.unsent.erase(0, std::size_t(sent));  // a fault shows when it is received from
    epoll_event event{};
    event.events = c.unsent.empty() ? EPOLLIN : EPOLLIN | EPOLLOUT;
    event.data.ptr = &c;
    if (!c.unsent.empty()) ::epoll_ctl(epoll_, EPOLL_CTL_MOD, c.fd, &event);
  }

  void look(clock::duration at_most) {
    const auto left = std::chrono::duration_cast<std::chrono::nanoseconds>(at_most).count();
    timespec wait{0, long(std::clamp<std::int64_t>(left, 0, 20'000'000))};
    const int count = ::epoll_pwait2(epoll_, events_.data(), int(events_.size()), &wait, nullptr);
    for (int i = 0; i < count; ++i) {
      const auto& event = events_[std::size_t(i)];
      auto& c = *static_cast<connection*>(event.data.ptr);
      if (event.events & EPOLLOUT) send_rest(c);
      if (event.events & ~std::uint32_t(EPOLLOUT)) receive(c);
    }
  }

  void receive(connection& c) {
    const auto received = ::recv(c.fd, input_.get(), input_size, MSG_DONTWAIT);
    if (received < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (received <= 0) return finish(c, 0, true);
    c.input.append(input_.get(), std::size_t(received));
    const auto answer = c.reader.read(c.input);
    if (answer.is == answer_reader::verdict::partial) return;
    if (answer.is == answer_reader::verdict::malformed || !c.busy) return finish(c, 0, true);
    c.input.erase(0, answer.size);
    finish(c, answer.status, answer.closes);
  }

  void finish(connection& c, int status, bool closed) {
    if (c.busy) {
      auto& k = kinds_[c.current.kind];
      ++answered_;
      if (status == k.expected) {
        k.milliseconds_taken.push_back(in_milliseconds(clock::now() - c.current.due));
        times_.emplace_back(in_milliseconds(c.current.due - began_), k.milliseconds_taken.back());
      } else {
        ++k.errors;
      }
      c.busy = false;
      idle_.push_back(&c);
    }
    if (!closed) return;
    ::close(c.fd);
    open(c);
  }

  const std::uint16_t port_;
  std::vector<request_kind>& kinds_;
  std::unique_ptr<char[]> input_;
  std::array<epoll_event, 512> events_;
  std::uint64_t number_;
  std::vector<connection> connections_;
  std::deque<connection*> idle_;
  std::deque<due_request> waiting_;
  unsigned shares_ = 0;
  int epoll_;
  std::uint64_t random_ = 1;
  std::uint64_t asked_ = 0, answered_ = 0;
  std::size_t longest_queue_ = 0;
  clock::time_point began_{};
  clock::duration took_{};
  std::vector<std::pair<double, double>> times_{};
};

}  // namespace
}  // namespace bench

int main(int count, char** words) {
  const bench::arguments given(count, words,
                               {"--port", "--requests", "--rate", "--connections", "--milliseconds",
                                "--first-number", "--times"});
  auto kinds = bench::read_kinds(given.text("--requests", ""));
  bench::open_loop loop(std::uint16_t(given.number("--port", 8080, 1, 65535)), kinds,
                        given.number("--connections", 64, 1, 10'000),
                        given.number("--first-number", 0, 0, 99'999'999));
  loop.run(double(given.number("--rate", 100, 1, 1'000'000)),
           std::chrono::milliseconds(given.number("--milliseconds", 3000, 1, 86'400'000)));
  loop.print();
  if (const auto file = given.text("--times", ""); !file.empty()) loop.write_times(file);
}

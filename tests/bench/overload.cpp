// What a server still does for its clients when they want more than it can: measures its peak with
// as many clients as keep it busy, each asking anew when it is answered; then asks several times as
// often, whether it answers or not, and counts the answers that came in time. Prints one JSON
// object for each lane. The server runs in a process of its own, so that its memory is its own.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <aft/app.hpp>

#include "answer_reader.hpp"
#include "arguments.hpp"

namespace bench {
namespace {

using clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

struct plan {
  std::chrono::microseconds cost{};  // of one request
  milliseconds max_wait{};           // of the lanes and the loop; 0: as the library has it
  milliseconds deadline{};           // after which a client gives up
  milliseconds how_long{};           // each of both measurements
  std::size_t busy_clients = 0;
  std::size_t most_clients = 0;
  double times = 0;
};

// ---- the server

void burn(std::chrono::microseconds cost) {
  const auto end = clock::now() + cost;
  while (clock::now() < end) {}
}

// Serves until it is killed.
[[noreturn]] void serve(const plan& p, int told) {
  aft::app_options options{.database = ":memory:"};
  aft::listen_options listen{.port = 0, .threads = 1};
  if (p.max_wait.count()) options.lanes.max_wait = listen.max_lag = p.max_wait;
  aft::app app(std::move(options));
  app.migrate({"001", "create table t (x integer) strict"});
  app.get("/io", [cost = p.cost] {
    burn(cost);
    return "done";
  });
  app.get("/work", aft::blocking([cost = p.cost] {
            std::this_thread::sleep_for(cost);
            return "done";
          }));
  app.post("/write", [cost = p.cost](aft::transaction& tx) {
    tx.execute("insert into t values (1)");
    std::this_thread::sleep_for(cost);
    return "done";
  });
  const auto port = app.start(std::move(listen)).port;
  if (::write(told, &port, sizeof port) != sizeof port) ::_exit(1);
  while (true) ::pause();
}

struct server {
  pid_t process = -1;
  std::uint16_t port = 0;

  explicit server(const plan& p) {
    int ends[2];
    if (::pipe(ends) != 0) std::exit(1);
    process = ::fork();
    if (process == 0) serve(p, ends[1]);
    ::close(ends[1]);
    if (::read(ends[0], &port, sizeof port) != sizeof port) {
      arguments::refuse({"the server did not start"});
    }
    ::close(ends[0]);
  }
  server(const server&) = delete;
  server& operator=(const server&) = delete;
  ~server() {
    ::kill(process, SIGKILL);
    ::waitpid(process, nullptr, 0);
  }
  double resident_megabytes() const {
    std::ifstream about("/proc/" + std::to_string(process) + "/statm");
    double all = 0, resident = 0;
    about >> all >> resident;
    return resident * double(::sysconf(_SC_PAGESIZE)) / 1e6;
  }
};

// ---- its clients

struct counts {
  std::uint64_t offered = 0;
  std::uint64_t in_time = 0;
  std::uint64_t refused = 0;  // 503 in time
  std::uint64_t late = 0;     // given up
  std::uint64_t broken = 0;
  std::uint64_t no_client = 0;  // all there may be were waiting
};

struct visitor {
  int fd = -1;
  bool waits = false;
  std::uint64_t asked = 0;  // how often: a deadline of an earlier time means nothing
  std::string unused{};
};

class crowd {
 public:
  crowd(const plan& p, std::uint16_t port, std::string request)
      : plan_(p), port_(port), request_(std::move(request)), epoll_(::epoll_create1(0)) {}
  crowd(const crowd&) = delete;
  crowd& operator=(const crowd&) = delete;
  ~crowd() {
    for (auto& v : all_) {
      if (v->fd >= 0) ::close(v->fd);
    }
    ::close(epoll_);
  }

  // Each of so many asks anew when it is answered.
  counts closed_loop(std::size_t clients) {
    count_ = {};
    const auto end = clock::now() + plan_.how_long;
    for (std::size_t i = 0; i < clients; ++i) ask();
    while (clock::now() < end) {
      const auto before = count_.offered - done();
      handle(1);
      for (auto now = count_.offered - done(); now < before; ++now) ask();
    }
    return count_;
  }

  // One asks at each tick, whatever the others wait for.
  counts open_loop(double per_second) {
    count_ = {};
    const auto began = clock::now();
    for (auto now = began; now < began + plan_.how_long; now = clock::now()) {
      const auto due =
          std::uint64_t(per_second * std::chrono::duration<double>(now - began).count());
      while (count_.offered + count_.no_client < due) ask();
      handle(1);
    }
    return count_;
  }

 private:
  std::uint64_t done() const {
    return count_.in_time + count_.refused + count_.late + count_.broken;
  }

  void ask() {
    if (free_.empty()) {
      if (all_.size() == plan_.most_clients) {
        ++count_.no_client;
        return;
      }
      all_.push_back(std::make_unique<visitor>());
      free_.push_back(all_.back().get());
    }
    auto& v = *free_.back();
    free_.pop_back();
    ++count_.offered;
    ++v.asked;
    v.waits = true;
    if (v.fd < 0) open(v);
    if (::send(v.fd, request_.data(), request_.size(), MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
      return leave(v, count_.broken);
    }
    deadlines_.push_back({clock::now() + plan_.deadline, &v, v.asked});
  }

  void open(visitor& v) {
    v.fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int one = 1;
    ::setsockopt(v.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    const linger reset{1, 0};  // leaves no port behind
    ::setsockopt(v.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port_);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(v.fd, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) {
      std::perror("cannot connect");
      std::exit(1);
    }
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = &v;
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, v.fd, &event);
  }

  void leave(visitor& v, std::uint64_t& why) {
    ++why;
    ::close(v.fd);
    v.fd = -1;
    v.unused.clear();
    v.waits = false;
    free_.push_back(&v);
  }

  void handle(int wait) {
    const int count = ::epoll_wait(epoll_, events_.data(), int(events_.size()), wait);
    for (int i = 0; i < count; ++i)
      receive(*static_cast<visitor*>(events_[std::size_t(i)].data.ptr));
    const auto now = clock::now();
    while (!deadlines_.empty() && deadlines_.front().when <= now) {
      const auto d = deadlines_.front();
      deadlines_.pop_front();
      if (d.who->waits && d.who->asked == d.asked) leave(*d.who, count_.late);
    }
  }

  void receive(visitor& v) {
    const auto received = ::recv(v.fd, input_.data(), input_.size(), MSG_DONTWAIT);
    if (received <= 0) {
      if (v.waits) leave(v, count_.broken);
      else ::close(std::exchange(v.fd, -1));
      return;
    }
    v.unused.append(input_.data(), std::size_t(received));
    const auto answer = reader_.read(v.unused);
    if (answer.is == answer_reader::verdict::partial) return;
    auto& kind = answer.is == answer_reader::verdict::malformed ? count_.broken
                 : answer.status == 200                         ? count_.in_time
                 : answer.status == 503                         ? count_.refused
                                                                : count_.broken;
    if (answer.closes || answer.is == answer_reader::verdict::malformed) return leave(v, kind);
    ++kind;
    v.unused.clear();
    v.waits = false;
    free_.push_back(&v);
  }

  struct deadline {
    clock::time_point when;
    visitor* who;
    std::uint64_t asked;
  };

  const plan& plan_;
  std::uint16_t port_;
  std::string request_;
  int epoll_;
  answer_reader reader_;
  counts count_;
  std::vector<std::unique_ptr<visitor>> all_;
  std::vector<visitor*> free_;
  std::deque<deadline> deadlines_;
  std::array<epoll_event, 1024> events_;
  std::array<char, 16 * 1024> input_;
};

void measure(const plan& p, const std::string& lane) {
  const server s(p);
  const auto request = (lane == "write" ? "POST /" : "GET /") + lane +
                       " HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(s.port) + "\r\n\r\n";
  const auto seconds = std::chrono::duration<double>(p.how_long).count();
  const auto peak = double(crowd(p, s.port, request).closed_loop(p.busy_clients).in_time) / seconds;
  const auto before = s.resident_megabytes();
  const auto c = crowd(p, s.port, request).open_loop(peak * p.times);
  const auto after = s.resident_megabytes();
  const auto goodput = double(c.in_time) / seconds;
  const auto share = [&](std::uint64_t n) { return c.offered ? double(n) / double(c.offered) : 0; };
  std::printf(
      "{\"lane\": \"%s\", \"peak_per_s\": %.0f, \"offered_per_s\": %.0f, "
      "\"goodput_per_s\": %.0f, \"of_peak\": %.3f, \"refused\": %.3f, \"late\": %.3f, "
      "\"broken\": %.3f, \"not_offered\": %llu, \"megabytes_before\": %.1f, "
      "\"megabytes_after\": %.1f}\n",
      lane.c_str(), peak, double(c.offered) / seconds, goodput, goodput / peak, share(c.refused),
      share(c.late), share(c.broken), static_cast<unsigned long long>(c.no_client), before, after);
  std::fflush(stdout);
}

}  // namespace
}  // namespace bench

int main(int count, char** words) {
  const bench::arguments given(count, words,
                               {"--lane", "--cost", "--wait", "--deadline", "--milliseconds",
                                "--times", "--busy", "--clients"});
  const bench::plan p{
      .cost = std::chrono::microseconds(given.number("--cost", 2000, 0, 10'000'000)),
      .max_wait = std::chrono::milliseconds(given.number("--wait", 0, 0, 600'000)),
      .deadline = std::chrono::milliseconds(given.number("--deadline", 1000, 1, 600'000)),
      .how_long = std::chrono::milliseconds(given.number("--milliseconds", 5000, 1, 86'400'000)),
      .busy_clients = given.number("--busy", 64, 1, 10'000),
      .most_clients = given.number("--clients", 5000, 1, 20'000),
      .times = double(given.number("--times", 3, 1, 100))};
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
  for (const std::string lane : {"io", "work", "write"}) {
    if (given.text("--lane", lane) == lane) bench::measure(p, lane);
  }
}

// A server on the host's own io_context: started, stopped and destroyed in every order.

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>

#include <aft/aft.hpp>
#include <aft/asio.hpp>

#include "../server/client.hpp"
#include "../temporary_file.hpp"
#include "../test_database.hpp"
#include "../watchdog.hpp"

namespace {

struct quit {
  int code;
};
struct quit_within {
  int code;
};

namespace asio = boost::asio;
using namespace std::chrono_literals;

const std::string get = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
const std::string get_sleep = "GET /sleep HTTP/1.1\r\nHost: localhost\r\n\r\n";
const std::string upgrade =
    "GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

asio::awaitable<std::string> sleep_for_an_hour() {
  asio::steady_timer timer(co_await asio::this_coro::executor, 1h);
  co_await timer.async_wait(asio::use_awaitable);
  co_return "awake";
}

void add_routes(aft::app& app) {
  app.get("/", [] { return "root"; });
  app.get("/sleep", [] { return sleep_for_an_hour(); });
  app.get("/ws", [] { return aft::websocket({}); });
  app.get("/work", aft::blocking([] { return "work"; }));
  app.post("/stop", [&app] {
    app.stop();
    return "stopping";
  });
}

bool is_root(const std::string& answer) { return answer.ends_with("\r\n\r\nroot"); }

// Whatever is said before.
bool is_closed(client& c) { return c.receive().find("[nothing came]") == std::string::npos; }

// A thread, or several, that run a context.
class runner {
 public:
  explicit runner(asio::io_context& io, int threads = 1) {
    for (int i = 0; i < threads; ++i) {
      threads_.emplace_back([&io] { io.run(); });
    }
  }
  runner(const runner&) = delete;
  runner& operator=(const runner&) = delete;
  ~runner() { join(); }
  void join() {
    for (auto& t : threads_) t.join();
    threads_.clear();
  }

 private:
  std::vector<std::thread> threads_;
};

}  // namespace

TEST_CASE("a server runs in the host's io_context, which ends when it has stopped") {
  watchdog dog("a host's context");
  aft::app app;
  add_routes(app);
  asio::io_context io;
  const auto where = app.start_on(io, {.port = 0});
  for (int threads : {1, 3}) {
    if (threads == 3) {
      io.restart();
      CHECK(app.start_on(io, {.port = where.port}).port == where.port);
    }
    runner running(io, threads);
    std::vector<std::unique_ptr<client>> clients;
    for (int i = 0; i < 20; ++i) clients.push_back(std::make_unique<client>(where.port));
    for (int round = 0; round < 10; ++round) {
      for (auto& c : clients) c->send(get);
      for (auto& c : clients) CHECK(is_root(c->response()));
    }
    client other(where.port);
    other.send("GET /work HTTP/1.1\r\nHost: localhost\r\n\r\n");
    CHECK(other.response().ends_with("work"));
    CHECK_THROWS_AS(app.start_on(io, {.port = 0}), aft::configuration_error);
    app.stop();
    app.stop();
  }
}

TEST_CASE("handlers run on the host's thread, one at a time") {
  watchdog dog("one at a time");
  aft::app app;
  asio::io_context io;
  std::atomic<int> inside{0}, most{0};
  std::atomic<std::thread::id> ran_on{};
  app.get("/", [&] {
    most = std::max(most.load(), ++inside);
    std::this_thread::yield();
    --inside;
    ran_on = std::this_thread::get_id();
    return "root";
  });
  const auto where = app.start_on(io, {.port = 0});
  std::thread host([&io] { io.run(); });
  const auto host_thread = host.get_id();
  std::thread second([&io] { io.run(); });
  const auto second_thread = second.get_id();
  for (int i = 0; i < 50; ++i) {
    client a(where.port), b(where.port);
    a.send(get);
    b.send(get);
    CHECK(is_root(a.response()));
    CHECK(is_root(b.response()));
    CHECK((ran_on.load() == host_thread || ran_on.load() == second_thread));
  }
  CHECK(most == 1);
  app.stop();
  host.join();
  second.join();
}

TEST_CASE("an app is stopped and destroyed whatever its context does") {
  watchdog dog("stopping on a host");
  asio::io_context io;
  auto app = std::make_unique<aft::app>();
  add_routes(*app);
  const auto where = app->start_on(io, {.port = 0, .drain = aft::milliseconds(100)});
  SUBCASE("nobody runs it") {
    client waiting(where.port);
    waiting.send(get);
    app->stop();
    CHECK(is_closed(waiting));  // after its answer, where it was accepted on this thread
  }
  SUBCASE("nobody runs it, and the app is destroyed") { app.reset(); }
  SUBCASE("it is stopped") {
    std::optional<runner> running(std::in_place, io);
    client c(where.port);
    c.send(get);
    CHECK(is_root(c.response()));
    io.stop();
    running.reset();
    app.reset();
  }
  SUBCASE("it is stopped, while a coroutine and a WebSocket are under way") {
    std::optional<runner> running(std::in_place, io);
    client sleeping(where.port), socket(where.port);
    sleeping.send(get_sleep);
    socket.send(upgrade);
    CHECK(socket.response().starts_with("HTTP/1.1 101 "));
    io.stop();
    running.reset();
    app.reset();
    CHECK(io.stopped());
  }
  SUBCASE("it runs the stop, or the destructor, itself") {
    bool destroys = false;
    SUBCASE("the stop") {}
    SUBCASE("the destructor") { destroys = true; }
    client c(where.port), sleeping(where.port), socket(where.port);
    c.send(get);
    sleeping.send(get_sleep);
    socket.send(upgrade);
    asio::steady_timer timer(io, 50ms);
    timer.async_wait([&](boost::system::error_code) {
      if (destroys) app.reset();
      else app->stop();
    });
    io.run();
    CHECK(is_root(c.response()));
    CHECK(is_closed(sleeping));
    CHECK(is_closed(socket));
  }
  SUBCASE("another thread stops it, while a coroutine and a WebSocket are under way") {
    runner running(io);
    client sleeping(where.port), socket(where.port);
    sleeping.send(get_sleep);
    socket.send(upgrade);
    CHECK(socket.response().starts_with("HTTP/1.1 101 "));
    app->stop();
    CHECK(is_closed(sleeping));
  }
  SUBCASE("a handler stops it") {
    runner running(io);
    client c(where.port);
    c.send("POST /stop HTTP/1.1\r\nHost: localhost\r\n\r\n");
    CHECK(c.response().ends_with("stopping"));
    running.join();  // it has ended by itself
    app->stop();
  }
}

TEST_CASE("a context may go before its app") {
  watchdog dog("a context that goes first");
  aft::app app;
  add_routes(app);
  auto io = std::make_unique<asio::io_context>();
  const auto where = app.start_on(*io, {.port = 0, .drain = aft::milliseconds(50)});
  SUBCASE("with nothing under way") {}
  SUBCASE("with all that can be under way") {
    client idle(where.port), sleeping(where.port), socket(where.port);
    idle.send(get);
    sleeping.send(get_sleep);
    socket.send(upgrade);
    std::thread host([&] { io->run_for(100ms); });
    CHECK(is_root(idle.response()));
    CHECK(socket.response().starts_with("HTTP/1.1 101 "));
    host.join();
    io.reset();
    CHECK(is_closed(socket));
    app.stop();
    CHECK(idle.receive() == "");
  }
  io.reset();
  app.stop();
}

TEST_CASE("two apps share a context, and start and stop apart") {
  watchdog dog("two apps on a context");
  aft::app a, b;
  add_routes(a);
  add_routes(b);
  asio::io_context io;
  auto open = asio::make_work_guard(io);
  runner running(io);
  for (int i = 0; i < 5; ++i) {
    const auto at_a = a.start_on(io, {.port = 0}), at_b = b.start_on(io, {.port = 0});
    client c(at_a.port), d(at_b.port);
    c.send(get);
    d.send(get);
    CHECK(is_root(c.response()));
    CHECK(is_root(d.response()));
    a.stop();
    d.send(get);
    CHECK(is_root(d.response()));
    b.stop();
  }
  open.reset();
}

TEST_CASE("a handler or a job may stop its own app, which then ends when it is waited for") {
  watchdog dog("stopping from within");
  temporary_folder folder;
  aft::app app({.database = new_database(folder / "a.db")});
  app.post("/stop", [&app] {
    app.stop();
    return "io";
  });
  app.post("/stop/work", aft::blocking([&app] {
             app.stop();
             return "work";
           }));
  app.post("/stop/write", [&app](aft::transaction&) {
    app.stop();
    return "write";
  });
  std::atomic<bool> told{false};
  app.job<quit_within>([&](quit_within, aft::transaction&) {
    app.stop();
    told = true;
  });
  app.job<quit>([&](quit) {
    app.stop();
    told = true;
  });
  for (const auto* path : {"/stop", "/stop/work", "/stop/write"}) {
    const auto where = app.start({.port = 0});
    client c(where.port);
    c.send("POST " + std::string(path) + " HTTP/1.1\r\nHost: localhost\r\n\r\n");
    const auto answer = c.receive();  // until the server closes
    CHECK(answer.starts_with("HTTP/1.1 200 "));
    app.stop();
  }
  app.start({.port = 0});
  app.db().write([](aft::transaction& tx) { aft::enqueue(tx, quit{1}); });
  while (!told) std::this_thread::sleep_for(1ms);
  app.stop();
  told = false;
  app.start({.port = 0});
  app.db().write([](aft::transaction& tx) { aft::enqueue(tx, quit_within{1}); });
  while (!told) std::this_thread::sleep_for(1ms);
  app.stop();
}

TEST_CASE("stop, endpoints and start from many threads at once") {
  watchdog dog("everything at once");
  aft::app app;
  add_routes(app);
  app.get("/where", [&app] { return std::to_string(app.endpoints().size()); });
  for (int round = 0; round < 10; ++round) {
    const auto where = app.start({.port = 0, .drain = aft::milliseconds(200)});
    client c(where.port);
    std::vector<std::thread> all;
    for (int i = 0; i < 3; ++i) {
      all.emplace_back([&app] { app.stop(); });
      all.emplace_back([&app] { static_cast<void>(app.endpoints()); });
    }
    c.send("GET /where HTTP/1.1\r\nHost: localhost\r\n\r\n");
    for (auto& t : all) t.join();
    CHECK(app.endpoints().empty());
  }
}

// What a server does for those who come when it has enough to do. How much it still does is
// measured by tests/bench/overload.cpp.

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include <aft/app.hpp>
#include <aft/http/events.hpp>
#include <aft/http/websocket.hpp>

#include "client.hpp"

namespace {

const std::string ask_root = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
bool is_refused(const std::string& answer) {
  return answer.starts_with("HTTP/1.1 503 ") &&
         answer.find("\r\nRetry-After: 1\r\n") != answer.npos;
}

struct with_load {
  aft::app app{{.database = ":memory:",
                .storage = {.max_queue = 2},
                .lanes = {.work_threads = 1, .max_waiting = 2},
                .access = {.hosts = {"a"}}}};
  std::atomic<int> running{0};
  std::atomic<bool> go{false};
  std::uint16_t port = 0;

  with_load() {
    app.migrate({"001", "create table t (x integer) strict"});
    app.get("/", [] { return "root"; });
    const auto hold = [this] {
      ++running;
      while (!go) std::this_thread::yield();
      return "held";
    };
    app.get("/work", aft::blocking(hold));
    app.get("/write", [hold](aft::transaction&) { return hold(); });
  }
  void start(aft::listen_options options = {}) {
    options.port = 0;
    options.threads = 1;
    port = app.start(options).port;
  }
};

}  // namespace

TEST_CASE_FIXTURE(with_load, "beyond a full lane 503 comes at once, and other routes are served") {
  start();
  for (const std::string path : {"/work", "/write"}) {
    CAPTURE(path);
    running = 0;
    go = false;
    const auto ask = "GET " + path + " HTTP/1.1\r\nHost: a\r\n\r\n";
    client first(port);
    first.send(ask);
    while (!running) std::this_thread::yield();
    std::vector<std::unique_ptr<client>> waiting;
    for (int i = 0; i < 2; ++i) {
      waiting.push_back(std::make_unique<client>(port));
      waiting.back()->send(ask);
    }
    client other(port);
    for (int i = 0; i < 20; ++i) {
      // The loop takes requests in the order they come, so these find the lane full.
      client c(port);
      c.send(ask);
      CHECK(is_refused(c.response()));
      c.send(ask_root);  // on the same connection
      CHECK(c.response().ends_with("root"));
      other.send(ask_root);
      CHECK(other.response().ends_with("root"));
    }
    CHECK(running == 1);
    go = true;
    CHECK(first.response().ends_with("held"));
    for (auto& w : waiting) CHECK(w->response().ends_with("held"));
  }
}

TEST_CASE_FIXTURE(with_load, "a loop that stays behind refuses what would wait too long") {
  app.get("/burn", [] {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    return "burnt";
  });
  start({.max_lag = aft::milliseconds(20)});
  std::atomic<int> burnt{0}, refused{0}, odd{0};
  std::vector<std::thread> threads;
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  for (int i = 0; i < 30; ++i) {
    threads.emplace_back([&] {
      client c(port);
      while (!(refused && burnt) && std::chrono::steady_clock::now() < until) {
        c.send("GET /burn HTTP/1.1\r\nHost: a\r\n\r\n");
        const auto answer = c.response();
        if (is_refused(answer)) ++refused;
        else if (answer.ends_with("burnt")) ++burnt;
        else ++odd;
      }
    });
  }
  for (auto& t : threads) t.join();
  CHECK(burnt > 0);
  CHECK(refused > 0);
  CHECK(odd == 0);
  client calm(port);
  calm.send(ask_root);
  CHECK(calm.response().ends_with("root"));
}

TEST_CASE_FIXTURE(with_load, "calls, event streams and WebSockets count as connections") {
  aft::event_feed feed;
  app.get("/events", [&feed] { return aft::event_stream(feed); });
  app.get("/ws", [] { return aft::websocket({}); });
  for (const bool of_each : {false, true}) {
    CAPTURE(of_each);
    go = false;
    running = 0;
    start(
        {.max_connections = of_each ? 100u : 3u, .max_connections_per_client = of_each ? 3u : 0u});
    {
      client call(port), events(port), socket(port);
      call.send("GET /work HTTP/1.1\r\nHost: a\r\n\r\n");
      events.send("GET /events HTTP/1.1\r\nHost: a\r\n\r\n");
      socket.send(
          "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
          "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
      while (!running) std::this_thread::yield();
      CHECK(events.receive(12) == "HTTP/1.1 200");
      CHECK(socket.receive(12) == "HTTP/1.1 101");
      for (int i = 0; i < 5; ++i) {
        client more(port);
        more.send(ask_root);
        CHECK(is_refused(more.receive()));
      }
      go = true;
      CHECK(call.response().ends_with("held"));
    }
    std::string answer;
    for (int i = 0; i < 3000 && !answer.ends_with("root"); ++i) {  // until those are gone
      client c(port);
      c.send(ask_root);
      answer = c.response();
    }
    CHECK(answer.ends_with("root"));
    app.stop();
  }
}

TEST_CASE_FIXTURE(with_load, "the connections of a trusted proxy are those of many clients") {
  start({.trusted_proxies = {"127.0.0.1"}, .max_connections_per_client = 1});
  client a(port), b(port);
  a.send(ask_root), b.send(ask_root);
  CHECK(a.response().ends_with("root"));
  CHECK(b.response().ends_with("root"));
}

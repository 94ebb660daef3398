#include <aft/server/options.hpp>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include <aft/app.hpp>
#include <aft/http/events.hpp>
#include <aft/http/stream.hpp>

#include "../temporary_file.hpp"
#include "client.hpp"
#include "http/coding.hpp"

namespace {

const std::string get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

struct with_server {
  aft::app app{{.database = ":memory:", .access = {.hosts = {"a"}}}};
  std::atomic<bool> inside{false}, go{false};
  std::uint16_t port = 0;

  with_server() {
    app.migrate({"001", "create table t (x integer) strict"});
    app.get("/", [] { return "root"; });
    app.post("/echo", [](aft::body<std::string> b) { return *b; });
    app.get("/big", [] { return std::string(10'000'000, 'x'); });
    app.post("/row", [](aft::transaction& tx) {
      return tx.one<std::int64_t>("insert into t values (1) returning rowid");
    });
    app.get("/slow", aft::blocking([this] {
              inside = true;
              while (!go) std::this_thread::yield();
              return "slow";
            }));
  }
  void start(aft::listen_options options = {}) {
    options.port = 0;
    port = app.start(options).port;
  }
  // Whether the only connection that there may be comes to its end.
  template <class F>
  bool gets_room(F&& meanwhile) {
    for (int i = 0; i < 3000; ++i) {
      meanwhile();
      client c(port);
      c.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
      if (c.receive().ends_with("root")) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return false;
  }
};

}  // namespace

TEST_CASE_FIXTURE(with_server, "a connection is kept for many requests") {
  start();
  client c(port);
  for (int i = 0; i < 5; ++i) {
    c.send(get);
    CHECK(body_of(c.response()) == "root");
  }
}

TEST_CASE_FIXTURE(with_server, "requests sent at once are answered in order, across lanes") {
  start();
  client c(port);
  std::string all;
  for (int i = 0; i < 20; ++i) {
    all += "POST /row HTTP/1.1\r\nHost: a\r\n\r\n" + get;
  }
  c.send(all);
  for (int i = 1; i <= 20; ++i) {
    CHECK(body_of(c.response()) == std::to_string(i));
    CHECK(body_of(c.response()) == "root");
  }
}

TEST_CASE_FIXTURE(with_server, "a request behind a slow one waits for its turn") {
  start();
  client c(port), other(port);
  c.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
  while (!inside) std::this_thread::yield();
  c.send(get);
  other.send(get);
  CHECK(body_of(other.response()) == "root");  // others do not wait
  go = true;
  CHECK(body_of(c.response()) == "slow");
  CHECK(body_of(c.response()) == "root");
}

TEST_CASE_FIXTURE(with_server,
                  "a large answer reaches a slow reader whole, a large body the handler") {
  start({.limits = {.max_body = 20'000'000}});
  client c(port);
  c.send("GET /big HTTP/1.1\r\nHost: a\r\n\r\n" + get);
  std::this_thread::sleep_for(std::chrono::milliseconds(50));  // lets the server's buffer fill
  CHECK(body_of(c.response()) == std::string(10'000'000, 'x'));
  CHECK(body_of(c.response()) == "root");
  const std::string body(10'000'000, 'y');
  std::thread sends([&] {
    c.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\n");
    c.send(body);
  });
  CHECK(body_of(c.response()) == body);
  sends.join();
}

TEST_CASE_FIXTURE(with_server, "a client that ends its side is still answered") {
  start();
  client c(port);
  c.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n" + get);
  c.end();
  while (!inside) std::this_thread::yield();
  go = true;
  const auto all = c.receive();
  CHECK(count(all, "HTTP/1.1 200") == 2);
  CHECK(all.ends_with("root"));
}

TEST_CASE_FIXTURE(with_server, "a client that goes while its request is answered does no harm") {
  start({.threads = 1});
  {
    client c(port);
    c.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
    while (!inside) std::this_thread::yield();
    linger abort{1, 0};
    ::setsockopt(c.fd(), SOL_SOCKET, SO_LINGER, &abort, sizeof abort);  // a reset
  }
  client other(port);
  other.send(get);
  CHECK(body_of(other.response()) == "root");
  go = true;
  other.send(get);
  CHECK(body_of(other.response()) == "root");
}

TEST_CASE_FIXTURE(with_server,
                  "an answer to a refused request arrives before the connection ends") {
  start();
  client c(port);
  c.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n" +
         std::string(500'000, 'x'));
  const auto all = c.receive();
  CHECK(has(all, "HTTP/1.1 413"));
  CHECK(has(all, "Connection: close"));
}

TEST_CASE_FIXTURE(with_server, "the time for each part runs out, with its own answer") {
  using clock = std::chrono::steady_clock;
  start({.timeouts = {.head = aft::milliseconds(300),
                      .body = aft::milliseconds(300),
                      .idle = aft::milliseconds(300)}});
  const auto began = clock::now();
  client silent(port), head(port), body(port), idle(port);
  head.send("GET / HTTP/1.1\r\nHost: a\r\nX: ");
  body.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab");
  idle.send(get);
  CHECK(body_of(idle.response()) == "root");
  CHECK(silent.receive().empty());
  CHECK(has(head.receive(), "HTTP/1.1 408"));
  CHECK(has(body.receive(), "HTTP/1.1 408"));
  CHECK(idle.receive().empty());
  CHECK(clock::now() - began < std::chrono::seconds(9));  // without the options it takes ten
}

TEST_CASE_FIXTURE(with_server, "a head that drips is cut off, however often a byte comes") {
  start({.timeouts = {.head = aft::milliseconds(500)}});
  client c(port);
  std::string all;
  for (int i = 0; i < 100; ++i) {
    if (!c.send("x")) break;
    pollfd p{c.fd(), POLLIN, 0};
    if (::poll(&p, 1, 50) == 1) break;
  }
  CHECK(has(c.receive(), "HTTP/1.1 408"));
}

TEST_CASE_FIXTURE(with_server, "a client that does not read its answer is cut off") {
  start({.threads = 1, .max_connections = 1, .timeouts = {.send = aft::milliseconds(300)}});
  client c(port);
  for (int i = 0; i < 10; ++i) c.send("GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
  CHECK(gets_room([] {}));
  CHECK(c.receive().size() < 100'000'000);
}

TEST_CASE_FIXTURE(with_server, "connections are bounded, and the next one is told at once") {
  start({.threads = 1, .max_connections = 2});
  client a(port), b(port);
  a.send(get), b.send(get);
  CHECK(body_of(a.response()) == "root");
  CHECK(body_of(b.response()) == "root");
  client c(port);
  CHECK(has(c.receive(), "HTTP/1.1 503"));
}

TEST_CASE_FIXTURE(with_server, "stop ends idle connections at once, and lets answers be given") {
  start({.threads = 1});
  client idle(port), busy(port);
  idle.send(get);
  idle.response();
  busy.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
  while (!inside) std::this_thread::yield();
  std::thread stops([this] { app.stop(); });
  CHECK(idle.receive().empty());
  CHECK_THROWS(client(port));
  go = true;
  const auto answer = busy.receive();
  CHECK(has(answer, "slow"));
  CHECK(has(answer, "Connection: close"));
  stops.join();
}

TEST_CASE_FIXTURE(with_server,
                  "a new connection has a moment for its request while the server ends") {
  start({.threads = 1});
  client fresh(port), second(port), busy(port);
  second.send(get);
  second.response();  // so the first one has been accepted, too
  busy.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
  while (!inside) std::this_thread::yield();
  std::thread stops([this] { app.stop(); });
  CHECK(second.receive().empty());  // it ends
  fresh.send(get);
  const auto answer = fresh.receive();
  CHECK(has(answer, "200 OK"));
  CHECK(has(answer, "Connection: close"));
  go = true;
  stops.join();
}

TEST_CASE_FIXTURE(with_server, "stop does not wait for those that connect and ask nothing") {
  start({.threads = 1, .drain = aft::hours(1)});
  client fresh(port), second(port);
  second.send(get);
  second.response();
  app.stop();
  CHECK(fresh.receive().empty());
}

TEST_CASE_FIXTURE(with_server, "stop does not wait beyond its time for clients that do not end") {
  start({.drain = aft::milliseconds(200)});
  client c(port);
  c.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab");
  client d(port);
  d.send(get);
  d.response();
  app.stop();
  CHECK(!has(c.receive(), "200"));
}

TEST_CASE_FIXTURE(with_server, "all loops of a server answer") {
  start({.threads = 3});
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([this] {
      for (int i = 0; i < 20; ++i) {
        client c(port);
        c.send("POST /row HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        CHECK(has(c.receive(), "HTTP/1.1 200"));
      }
    });
  }
  for (auto& t : threads) t.join();
  CHECK(app.db().read([](aft::reader& r) { return r.one<int>("select count(*) from t"); }) == 160);
}

TEST_CASE("an endpoint has a URL") {
  CHECK(aft::endpoint{"127.0.0.1", 80}.url() == "http://127.0.0.1:80");
  CHECK(aft::endpoint{"::1", 80}.url() == "http://[::1]:80");
  CHECK(aft::endpoint{"::1", 443, true}.url() == "https://[::1]:443");
}

TEST_CASE("a server listens at IPv6 too") {
  aft::app app;
  app.get("/", [] { return "six"; });
  CHECK(app.start({.address = "::1", .port = 0}).address == "::1");
}

TEST_CASE_FIXTURE(with_server, "an answer of another lane waits behind what is not sent yet") {
  app.get("/bytes/{n}", [](std::size_t n) { return std::string(n, 'a'); });
  start();
  const auto ask = [](const std::string& path, const char* more = "") {
    return "GET " + path + " HTTP/1.1\r\nHost: a\r\n" + more + "\r\n";
  };
  for (std::size_t first = 2'000'000; first < 6'000'000; first += 500'000) {
    inside = go = false;
    client c(port);
    const int small = 64 * 1024;
    ::setsockopt(c.fd(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    c.send(ask("/bytes/" + std::to_string(first)) + ask("/bytes/200000") +
           ask("/slow", "Connection: close\r\n"));
    std::string got = c.receive(first - 1'000'000);  // gives the server's socket some room again
    go = true;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    got += c.receive();
    const auto at = got.find("HTTP/1.1 ", 10 + first);
    REQUIRE(at != got.npos);
    CHECK(got.substr(got.find("\r\n\r\n", at) + 4, 200'000) == std::string(200'000, 'a'));
    CHECK(got.ends_with("slow"));
  }
}

TEST_CASE("a stop while the writer hands back its calls") {
  for (int round = 0; round < 5; ++round) {
    aft::app app({.database = ":memory:", .access = {.hosts = {"a"}}});
    app.post("/row", [](aft::transaction& tx) { return tx.one<int>("select 1"); });
    const auto port = app.start({.port = 0, .threads = 1}).port;
    client c(port);
    std::atomic<bool> held{false}, stopping{false};
    std::vector<std::thread> threads;
    threads.emplace_back([&] {
      app.db().write([&](aft::transaction&) {
        held = true;
        while (!stopping) std::this_thread::yield();
      });
    });
    while (!held) std::this_thread::yield();
    c.send("POST /row HTTP/1.1\r\nHost: a\r\n\r\n");
    for (int i = 0; i < 50; ++i) {
      threads.emplace_back([&] { app.db().write([](aft::transaction&) {}); });
    }
    threads.emplace_back([&] { app.stop(); });
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    stopping = true;
    for (auto& t : threads) t.join();
  }
}

TEST_CASE_FIXTURE(with_server, "a refused body that is still on its way does not cost the answer") {
  start();
  client c(port);
  c.send("POST /missing HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 60000\r\n\r\n");
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  CHECK(c.send(std::string(60'000, 'x')));
  const auto got = c.receive();
  CHECK(got.starts_with("HTTP/1.1 404 "));
  CHECK(!has(got, "[reset]"));
}

TEST_CASE_FIXTURE(with_server, "a stream waits for its reader, and leaves room for others") {
  std::atomic<std::size_t> made{0};
  app.get("/stream", [&] {
    return aft::stream([&, left = 4000](aft::buffer& out) mutable {
      out.append(std::string(10'000, 's'));
      made += 10'000;
      return --left > 0;
    });
  });
  start({.threads = 1});
  client c(port), other(port);
  c.send("GET /stream HTTP/1.1\r\nHost: a\r\n\r\n" + get);
  std::size_t before = 1;
  while (made != before || made == 0) {  // until the sockets are full
    before = made;
    other.send(get);
    CHECK(body_of(other.response()) == "root");
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  CHECK(made < 20'000'000);
  const std::size_t with_chunks = 4000 * (10'000 + 8) + 5;
  const auto head = c.receive(5000);
  const auto begin = head.find("\r\n\r\n") + 4;
  const auto rest = c.receive(begin + with_chunks - head.size());
  CHECK(rest.ends_with("s\r\n0\r\n\r\n"));
  CHECK(made == 40'000'000);
  CHECK(body_of(c.response()) == "root");
}

TEST_CASE("events reach many clients at once, and those who leave are forgotten") {
  aft::event_feed feed({.heartbeat = aft::milliseconds(300)});
  aft::app app({.access = {.hosts = {"a"}}});
  app.get("/events", [&] { return aft::event_stream(feed); });
  const auto port = app.start({.port = 0, .threads = 2}).port;
  std::vector<std::unique_ptr<client>> clients;
  for (int i = 0; i < 20; ++i) {
    clients.push_back(std::make_unique<client>(port));
    clients.back()->send("GET /events HTTP/1.1\r\nHost: a\r\n\r\n");
  }
  const auto listening = [&](std::size_t n) {
    for (int i = 0; i < 5000 && feed.listeners() != n; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return feed.listeners() == n;
  };
  CHECK(listening(20));
  const auto until = [](client& c, std::string_view end) {
    std::string got;
    while (!got.ends_with(end) && got.find('[') == got.npos) got += c.receive(1);
    return got;
  };
  std::thread publisher([&] {
    for (int i = 0; i < 100; ++i) feed.publish(std::to_string(i));
  });
  for (auto& c : clients) {
    const auto got = until(*c, "data: 99\n");
    for (int i = 0; i < 100; ++i) CHECK(has(got, "data: " + std::to_string(i) + "\n"));
  }
  publisher.join();
  CHECK(has(until(*clients[0], ":\n\n\r\n"), "\r\n:\n\n\r\n"));  // a sign of life
  clients.resize(5);
  CHECK(listening(5));
  app.stop();
  CHECK(listening(0));
}

TEST_CASE_FIXTURE(with_server, "a file is sent by the kernel, whole, to slow readers too") {
  temporary_folder folder;
  std::string bytes(3'000'000, '.');
  for (std::size_t i = 0; i < bytes.size(); i += 1000)
    bytes.replace(i, 8, std::to_string(10'000'000 + i));
  std::ofstream(folder / "big.bin", std::ios::binary) << bytes;
  app.files("/files", folder / "");
  start({.threads = 1});
  client c(port);
  const std::string ask = "GET /files/big.bin HTTP/1.1\r\nHost: a\r\n\r\n";
  c.send(ask + get + ask);
  std::this_thread::sleep_for(std::chrono::milliseconds(50));  // lets the sockets fill
  CHECK(body_of(c.response()) == bytes);
  CHECK(body_of(c.response()) == "root");
  CHECK(body_of(c.response()) == bytes);

  std::filesystem::resize_file(folder / "big.bin", 60'000'000);
  client other(port);  // a file that becomes shorter breaks off
  other.send(ask);
  std::string got = other.receive(100'000);
  std::filesystem::resize_file(folder / "big.bin", 1'000'000);
  got += other.receive();
  CHECK(got.size() < 60'000'000);
}

namespace {

struct checked_by_writer {
  int n;
};
struct drop_sink {
  std::size_t bytes = 0;
  void write(std::string_view part) { bytes += part.size(); }
};

}  // namespace

template <>
struct aft::from_request<checked_by_writer> {
  static checked_by_writer from(aft::transaction& tx) { return {tx.one<int>("select 1")}; }
};

TEST_CASE_FIXTURE(with_server, "a client that leaves while its call is away costs nothing") {
  app.post("/in", [](const aft::body_into<drop_sink>& in, checked_by_writer c) {
    return std::to_string(in->bytes + std::size_t(c.n));
  });
  aft::event_feed feed;
  app.get("/later", aft::blocking([&] { return aft::event_stream(feed); }));
  start({.threads = 1});
  const auto leave = [&](const std::string& bytes) {
    client c(port);
    const linger reset{1, 0};
    ::setsockopt(c.fd(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    c.send(bytes);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  };
  for (int i = 0; i < 50; ++i) {
    leave("POST /in HTTP/1.1\r\nHost: a\r\n\r\n");
    leave("POST /in HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n");
    leave("GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
    feed.publish("x");
  }
  client c(port);
  c.send("POST /in HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello");
  CHECK(body_of(c.response()) == "6");
  CHECK(app.handle({"POST", "/in", {}, "hello"}).body == "6");
  CHECK(app.handle({"POST", "/in", {}, ""}).body == "1");
  app.stop();  // some calls are away yet, and the feed goes first
}

namespace {

// Tells of each part of a body, on the loop that reads it.
struct telling_sink {
  static inline std::atomic<std::size_t> bytes{0};
  static inline std::function<void()> on_first{};
  void write(std::string_view part) {
    if (bytes.fetch_add(part.size()) == 0) on_first();
  }
};

}  // namespace

TEST_CASE_FIXTURE(with_server, "a body that unfolds to much leaves room for others") {
  constexpr std::size_t size = 20'000'000;
  app.post("/unfolded", [](aft::body_into<telling_sink>) { return telling_sink::bytes.load(); })
      .max_body(size);
  app.get("/so-far", [] { return telling_sink::bytes.load(); });
  start({.threads = 1});
  aft::buffer body;
  const auto gzip = aft::http::make_compressor(aft::http::coding::gzip, {});
  gzip->begin(size);
  gzip->write(std::string(size, '0'), body, aft::http::compressor::flushing::end);
  client uploads(port), asks(port);
  asks.send(get);
  CHECK(body_of(asks.response()) == "root");
  telling_sink::bytes = 0;
  telling_sink::on_first = [&] { asks.send("GET /so-far HTTP/1.1\r\nHost: a\r\n\r\n"); };
  uploads.send("POST /unfolded HTTP/1.1\r\nHost: a\r\nContent-Encoding: gzip\r\nContent-Length: " +
               std::to_string(body.size()) + "\r\n\r\n" + std::string(body.view()));
  uploads.end();  // which does not cut short what is not decoded yet
  const auto so_far = std::stoul(body_of(asks.response()));
  CHECK(so_far > 0);
  CHECK(so_far < 1'000'000);
  CHECK(body_of(uploads.response()) == std::to_string(size));
}

TEST_CASE_FIXTURE(with_server, "who does not read a file loses it") {
  temporary_folder folder;
  { std::ofstream(folder / "big.bin") << "x"; }
  std::filesystem::resize_file(folder / "big.bin", 100'000'000);
  app.files("/files", folder / "");
  start({.threads = 1, .max_connections = 1, .timeouts = {.send = aft::milliseconds(500)}});
  client c(port);
  c.send("GET /files/big.bin HTTP/1.1\r\nHost: a\r\n\r\n");
  CHECK(gets_room([] {}));
  CHECK(c.receive().size() < 100'000'000);  // what lay in the sockets by then, and the end
}

namespace {

// Sends a byte now and then until the server answers, or for half a minute.
std::string drip(client& c, std::string_view bytes) {
  using clock = std::chrono::steady_clock;
  const auto until = clock::now() + std::chrono::seconds(30);
  for (std::size_t i = 0; clock::now() < until; ++i) {
    if (!c.send(bytes.substr(i % bytes.size(), 1))) break;
    pollfd p{c.fd(), POLLIN, 0};
    if (::poll(&p, 1, 20) == 1) break;
  }
  return clock::now() < until ? c.receive() : "it may go on forever";
}

}  // namespace

TEST_CASE_FIXTURE(with_server, "empty lines do not keep a connection") {
  start({.threads = 1, .timeouts = {.head = aft::milliseconds(300)}});
  client c(port);
  CHECK(!has(drip(c, "\r\n"), "forever"));
}

TEST_CASE_FIXTURE(with_server, "a body that drips is cut off, however often a byte comes") {
  const std::string parts = "1\r\nx\r\n";
  app.post("/parts", [](const aft::body_into<drop_sink>& in) { return in->bytes; });
  start({.threads = 1, .timeouts = {.body = aft::milliseconds(300), .body_rate = 10'000}});
  for (const std::string path : {"/echo", "/parts"}) {
    CAPTURE(path);
    client fixed(port), chunked(port);
    fixed.send("POST " + path + " HTTP/1.1\r\nHost: a\r\nContent-Length: 900000\r\n\r\n");
    CHECK(has(drip(fixed, "x"), "HTTP/1.1 408"));
    chunked.send("POST " + path + " HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    CHECK(has(drip(chunked, parts), "HTTP/1.1 408"));
  }
  client unwanted(port);
  unwanted.send("POST /missing HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n");
  CHECK(has(unwanted.response(), "HTTP/1.1 404"));
}

TEST_CASE_FIXTURE(with_server, "a body that nobody wants has as long as a head") {
  start({.threads = 1, .timeouts = {.head = aft::milliseconds(300)}});
  client c(port);
  c.send("POST /missing HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n");
  CHECK(has(c.response(), "HTTP/1.1 404"));
  CHECK(drip(c, "x").empty());
  client next(port);  // which counts anew for the head behind it
  next.send("POST /missing HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n");
  CHECK(has(next.response(), "HTTP/1.1 404"));
  next.send("x");
  CHECK(has(drip(next, "GET"), "HTTP/1.1 408"));
}

namespace {

// Of a client that does something now and then, on a machine that may have more to do.
class pace {
 public:
  using clock = std::chrono::steady_clock;
  void wait() {
    if (last_ == clock::time_point()) last_ = clock::now();  // before, the server may have worked
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    const auto now = clock::now();
    longest_ = std::max(longest_, now - last_);
    last_ = now;
  }
  bool kept() const { return longest_ < std::chrono::milliseconds(300); }

 private:
  clock::time_point last_{};  // of the last wait's end, or the first one's begin
  clock::duration longest_{};
};

// Tries again where the machine held the client up, which no server can tell from a slow one.
template <class F>
bool keeps_pace(F&& what) {
  for (int i = 0; i < 20; ++i) {
    pace p;
    what(p);
    if (p.kept()) return true;
  }
  return false;
}

}  // namespace

TEST_CASE_FIXTURE(with_server, "a slow body may go on for long if it is fast enough") {
  start({.threads = 1, .timeouts = {.body = aft::milliseconds(750), .body_rate = 10}});
  const bool in_pace = keeps_pace([&](pace& p) {
    client c(port);
    c.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n");
    const auto began = pace::clock::now();
    for (int i = 0; i < 100; ++i) {
      c.send("0123456789");
      p.wait();
    }
    const auto got = c.response();
    if (!p.kept()) return;
    CHECK(pace::clock::now() - began > std::chrono::milliseconds(1500));
    CHECK(has(got, "HTTP/1.1 200"));
  });
  CHECK(in_pace);
}

namespace {

// Reads a little now and then; how much until the server ended it, or until there was enough.
std::size_t sip(client& c, std::size_t at_once, std::size_t enough, pace& p) {
  using clock = std::chrono::steady_clock;
  const auto until = clock::now() + std::chrono::seconds(30);
  std::size_t all = 0;
  while (all < enough && clock::now() < until) {
    const auto got = c.receive(at_once);
    all += got.size();
    if (got.size() != at_once || has(got, "[")) break;
    p.wait();
  }
  return all;
}

}  // namespace

TEST_CASE_FIXTURE(with_server, "a client that reads its answer drop by drop is cut off") {
  temporary_folder folder;
  { std::ofstream(folder / "big.bin") << "x"; }
  std::filesystem::resize_file(folder / "big.bin", 100'000'000);
  app.files("/files", folder / "");
  app.get("/stream", [] {
    return aft::stream([](aft::buffer& out) {
      out.append(std::string(10'000, 's'));
      return true;
    });
  });
  start({.threads = 1,
         .max_connections = 1,
         .timeouts = {.send = aft::milliseconds(300), .send_rate = 100'000'000}});
  for (const std::string path : {"/big", "/files/big.bin", "/stream"}) {
    CAPTURE(path);
    client c(port);
    const int small = 4096;
    ::setsockopt(c.fd(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    const auto ask = "GET " + path + " HTTP/1.1\r\nHost: a\r\n\r\n";
    for (int i = 0; i < 10; ++i) c.send(ask);
    CHECK(has(c.receive(12), "HTTP/1.1 200"));
    pace p;
    CHECK(gets_room([&] { sip(c, 1, 1, p); }));
  }
}

TEST_CASE_FIXTURE(with_server, "a slow reader that is fast enough gets its answer") {
  start({.threads = 1, .timeouts = {.send = aft::milliseconds(750), .send_rate = 1000}});
  const bool in_pace = keeps_pace([&](pace& p) {
    client c(port);
    const int small = 64 * 1024;
    ::setsockopt(c.fd(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    c.send("GET /big HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    // The server's socket takes no more for long, because it still holds enough.
    std::size_t all = sip(c, 20'000, 2'500'000, p);
    const bool had_enough = all >= 2'500'000;
    all += c.receive().size();
    if (!p.kept()) return;
    CHECK(had_enough);
    CHECK(all > 10'000'000);
  });
  CHECK(in_pace);
}

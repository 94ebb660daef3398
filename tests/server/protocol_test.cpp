// HTTP/1.1 as bytes on real sockets: what a client may do, and what it does when it misbehaves.

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>

#include <doctest/doctest.h>

#include <aft/app.hpp>
#include <aft/http/events.hpp>
#include <aft/http/stream.hpp>

#include "../temporary_file.hpp"
#include "client.hpp"

namespace {

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != text.npos;
}
std::string after_head(const std::string& response) {
  const auto at = response.find("\r\n\r\n");
  return at == response.npos ? response : response.substr(at + 4);
}
std::string status_of(const std::string& response) { return response.substr(0, 12); }

// The status of each response in them, whose bodies hold none of their own: "200 404".
std::string statuses_of(const std::string& responses) {
  std::string list;
  for (std::size_t at = 0; (at = responses.find("HTTP/1.1 ", at)) != responses.npos; ++at) {
    list += (list.empty() ? "" : " ") + responses.substr(at + 9, 3);
  }
  return list;
}

std::string ask(const std::string& what, const std::string& lines = "") {
  return what + " HTTP/1.1\r\nHost: a\r\n" + lines + "\r\n";
}

const std::string big_body(5'000'000, 'b');

// Counts how many are alive.
struct token {
  std::atomic<int>* alive;
  explicit token(std::atomic<int>& a) : alive(&a) { ++*alive; }
  token(const token& other) : alive(other.alive) { ++*alive; }
  token& operator=(const token&) = delete;
  ~token() { --*alive; }
};

struct with_protocol {
  aft::app app{{.database = ":memory:", .access = {.hosts = {"a"}}}};
  std::atomic<bool> inside{false}, go{false};
  std::atomic<int> echoed{0}, streams{0};
  std::uint16_t port = 0;

  with_protocol() {
    app.migrate({"001", "create table t (x integer) strict"});
    app.get("/", [] { return "root"; });
    app.get("/big", [] { return big_body; });
    app.post("/echo", [this](aft::body<std::string> b) {
      ++echoed;
      return *b;
    });
    app.post("/trailer", [](const aft::request& r, aft::body<std::string> b) {
      return *b + (r.header("X-Checksum") ? " with" : " without");
    });
    app.post("/row", [](aft::transaction& tx) {
      return tx.one<std::int64_t>("insert into t values (1) returning rowid");
    });
    app.get("/slow/{n}", aft::blocking([this](int n) {
              inside = true;
              while (!go) std::this_thread::yield();
              return "slow " + std::to_string(n);
            }));
    app.get("/stream/{parts}", [this](int parts) {
      return aft::stream([parts, t = token(streams)](aft::buffer& out) mutable {
        out.append(std::string(10'000, 's'));
        return --parts > 0;
      });
    });
  }
  void start(aft::listen_options options = {}) {
    options.port = 0;
    options.threads = 1;
    port = app.start(options).port;
  }

  bool still_answers() {
    client c(port);
    c.send(ask("GET /"));
    return after_head(c.response()) == "root";
  }
  bool streams_are(int n) {
    for (int i = 0; i < 10'000 && streams != n; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return streams == n;
  }
};

void reset_on_close(const client& c) {
  const linger now{1, 0};
  ::setsockopt(c.fd(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

}  // namespace

TEST_CASE_FIXTURE(with_protocol, "who waits for 100 Continue gets it, once, and then the answer") {
  start();
  client c(port);
  for (const std::string framing : {"Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n"}) {
    const bool chunked = contains(framing, "chunked");
    c.send(ask("POST /echo", "Expect: 100-continue\r\n" + framing));
    CHECK(c.receive(25) == "HTTP/1.1 100 Continue\r\n\r\n");
    CHECK(echoed == (chunked ? 1 : 0));
    c.send(chunked ? "5\r\nhello\r\n0\r\n\r\n" : "hello");
    const auto answer = c.response();
    CHECK(status_of(answer) == "HTTP/1.1 200");
    CHECK(after_head(answer) == "hello");
  }
}

TEST_CASE_FIXTURE(with_protocol, "who does not wait for 100 Continue needs none") {
  start();
  client c(port);
  c.send(ask("POST /echo", "Expect: 100-continue\r\nContent-Length: 5\r\n") + "hello");
  const auto answer = c.response();
  CHECK(status_of(answer) == "HTTP/1.1 200");
  CHECK(after_head(answer) == "hello");
}

TEST_CASE_FIXTURE(with_protocol, "a body that will not be taken is refused before it is sent") {
  start({.limits = {.max_body = 1000}});
  const auto refused = [this](const std::string& request) {
    client c(port);
    c.send(request);
    return c.receive();
  };
  const std::string waits = "Expect: 100-continue\r\n";
  CHECK(statuses_of(refused(ask("POST /echo", waits + "Content-Length: 1001\r\n"))) == "413");
  CHECK(statuses_of(refused(ask("POST /none", waits + "Content-Length: 5\r\n"))) == "404");
  CHECK(statuses_of(refused(ask("POST /echo", "Expect: 200-ok\r\nContent-Length: 5\r\n"))) ==
        "417");
  CHECK(echoed == 0);
}

TEST_CASE_FIXTURE(with_protocol, "trailers are read, are no headers, and keep the connection") {
  start();
  client c(port);
  const auto request =
      ask("POST /trailer", "Transfer-Encoding: chunked\r\nTrailer: X-Checksum\r\n") +
      "5;name=value\r\nhello\r\n0\r\nX-Checksum: 1\r\nContent-Length: 9\r\n\r\n";
  for (char letter : request) c.send({&letter, 1});
  CHECK(after_head(c.response()) == "hello without");
  c.send(request + ask("GET /"));
  CHECK(after_head(c.response()) == "hello without");
  CHECK(after_head(c.response()) == "root");
}

TEST_CASE_FIXTURE(with_protocol, "trailers are limited, and must be lines") {
  start();
  const auto answer_to = [this](const std::string& trailer) {
    client c(port);
    c.send(ask("POST /trailer", "Transfer-Encoding: chunked\r\n") + "0\r\n" + trailer + "\r\n");
    return c.receive();
  };
  CHECK(statuses_of(answer_to("X: " + std::string(100'000, 'x') + "\r\n")) == "400");
  CHECK(statuses_of(answer_to("no line\r\n")) == "400");
  CHECK(statuses_of(answer_to(" folded: 1\r\n")) == "400");
  CHECK(statuses_of(answer_to("X: 1\n")) == "400");
}

TEST_CASE_FIXTURE(with_protocol, "HEAD tells what GET would, without a body, in its place") {
  temporary_folder folder;
  { std::ofstream(folder / "page.txt") << "page"; }
  app.files("/files", folder / "");
  start();
  for (const std::string path : {"/", "/big", "/files/page.txt", "/missing"}) {
    CAPTURE(path);
    client c(port);
    c.send(ask("GET " + path));
    auto whole = c.response();
    whole.resize(whole.find("\r\n\r\n") + 4);
    c.send(ask("HEAD " + path) + ask("GET /", "Connection: close\r\n"));
    const auto both = c.receive();
    const auto head = both.substr(0, both.find("\r\n\r\n") + 4);
    const auto without_date = [](std::string text) { return text.erase(text.find("Date: "), 37); };
    CHECK(without_date(head) == without_date(whole));
    CHECK(status_of(both.substr(head.size())) == "HTTP/1.1 200");
    CHECK(both.ends_with("root"));
  }
  client c(port);
  c.send(ask("HEAD /stream/3") + ask("GET /", "Connection: close\r\n"));
  const auto both = c.receive();
  CHECK(contains(both, "Transfer-Encoding: chunked"));
  CHECK(!contains(both, "sss"));
  CHECK(both.ends_with("root"));
  CHECK(streams_are(0));
}

TEST_CASE_FIXTURE(with_protocol, "an upgrade that is not known is not made") {
  start();
  client c(port);
  c.send(ask("GET /",
             "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
             "HTTP2-Settings: AAMAAABkAAQAAP__\r\n") +
         ask("GET /", "Upgrade: websocket\r\n") +
         ask("POST /echo", "Connection: upgrade\r\nUpgrade: TLS/1.0\r\nContent-Length: 2\r\n") +
         "hi");
  CHECK(after_head(c.response()) == "root");
  CHECK(after_head(c.response()) == "root");
  CHECK(after_head(c.response()) == "hi");
  client other(port);
  other.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  CHECK(statuses_of(other.receive()).starts_with("505"));
}

TEST_CASE_FIXTURE(with_protocol, "answers keep the order of their requests, whatever each takes") {
  start();
  client c(port);
  std::string all;
  for (int i = 1; i <= 5; ++i) {
    all += ask("GET /slow/" + std::to_string(i)) + ask("GET /") + ask("POST /row") +
           ask("POST /echo", "Content-Length: 4\r\n") + "echo" + ask("GET /missing") +
           ask("POST /echo", "Transfer-Encoding: chunked\r\n") + "3\r\nand\r\n0\r\n\r\n" +
           ask("GET /stream/2") + ask("HEAD /big") + ask("GET /big");
  }
  std::thread sends([&] {
    for (std::size_t at = 0; at < all.size(); at += 7) c.send(all.substr(at, 7));
  });
  while (!inside) std::this_thread::yield();
  CHECK(still_answers());  // somebody else does not wait
  go = true;
  for (int i = 1; i <= 5; ++i) {
    CHECK(after_head(c.response()) == "slow " + std::to_string(i));
    CHECK(after_head(c.response()) == "root");
    CHECK(after_head(c.response()) == std::to_string(i));
    CHECK(after_head(c.response()) == "echo");
    CHECK(status_of(c.response()) == "HTTP/1.1 404");
    CHECK(after_head(c.response()) == "and");
    CHECK(contains(c.response(), "chunked"));
    const auto streamed = c.receive(2 * (4 + 2 + 10'000 + 2) + 5);
    CHECK(streamed.starts_with("2710\r\nsss"));
    CHECK(streamed.ends_with("sss\r\n0\r\n\r\n"));
    std::string head;
    while (!head.ends_with("\r\n\r\n") && !contains(head, "[")) head += c.receive(1);
    CHECK(contains(head, "Content-Length: 5000000\r\n"));
    CHECK(after_head(c.response()) == big_body);
  }
  sends.join();
}

TEST_CASE_FIXTURE(with_protocol, "who has ended its side gets all that it has asked for") {
  start();
  for (const auto& request :
       {ask("GET /big"), ask("GET /stream/100"), ask("GET /slow/1"), ask("POST /row")}) {
    CAPTURE(request);
    client c(port);
    c.send(request + ask("GET /") + request + ask("GET /"));
    c.end();
    go = true;
    const auto all = c.receive();
    CHECK(statuses_of(all) == "200 200 200 200");
    CHECK(all.ends_with("root"));
  }
}

TEST_CASE_FIXTURE(with_protocol, "who has ended in the middle of a request is told so") {
  start();
  const auto answer_to = [this](const std::string& bytes) {
    client c(port);
    c.send(bytes);
    c.end();
    return c.receive();
  };
  CHECK(answer_to("").empty());
  CHECK(statuses_of(answer_to("GET / HTT")) == "400");
  CHECK(statuses_of(answer_to(ask("POST /echo", "Content-Length: 5\r\n") + "hell")) == "400");
  const auto chunked = ask("POST /echo", "Transfer-Encoding: chunked\r\n");
  CHECK(statuses_of(answer_to(chunked + "5\r\nhello\r\n")) == "400");
  CHECK(statuses_of(answer_to(ask("GET /") + "GET")) == "200 400");
  CHECK(echoed == 0);
}

TEST_CASE_FIXTURE(with_protocol, "a reset in the middle of a response ends its connection alone") {
  temporary_folder folder;
  { std::ofstream(folder / "big.bin") << "x"; }
  std::filesystem::resize_file(folder / "big.bin", 100'000'000);
  app.files("/files", folder / "");
  aft::event_feed feed({.heartbeat = aft::milliseconds(100)});
  app.get("/events", [&feed] { return aft::event_stream(feed); });
  start({.max_connections = 4});  // so that one that leaks shows
  for (const std::string path : {"/big", "/stream/5000", "/files/big.bin", "/events"}) {
    CAPTURE(path);
    for (int round = 0; round < 8; ++round) {
      client c(port);
      c.send(ask("GET " + path) + ask("GET " + path));
      CHECK(status_of(c.receive(20)) == "HTTP/1.1 200");
      reset_on_close(c);
      feed.publish("x");
    }
    std::string answer;
    for (int i = 0; i < 1000 && !answer.ends_with("root"); ++i) {  // until those are gone
      client c(port);
      c.send(ask("GET /"));
      answer = c.response();
    }
    CHECK(answer.ends_with("root"));
    CHECK(streams_are(0));
  }
}

TEST_CASE_FIXTURE(with_protocol, "a reset in the middle of a request ends its connection alone") {
  start({.max_connections = 4});
  const auto head = ask("POST /echo", "Content-Length: 100\r\n");
  for (const auto& bytes : {std::string("GET /"), head, head + "some", head + head}) {
    for (int round = 0; round < 8; ++round) {
      client c(port);
      c.send(bytes);
      reset_on_close(c);
    }
  }
  std::string answer;
  for (int i = 0; i < 1000 && !answer.ends_with("root"); ++i) {
    client c(port);
    c.send(ask("GET /"));
    answer = c.response();
  }
  CHECK(answer.ends_with("root"));
  CHECK(echoed == 0);
}

// WebSockets on real sockets, as bytes.

#include <aft/http/websocket.hpp>

#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include <aft/app.hpp>
#include <aft/ground/error.hpp>

#include "client.hpp"

namespace {

using namespace std::string_literals;

enum opcode { more = 0, text = 1, binary = 2, closing = 8, ping = 9, pong = 10 };

struct frame_options {
  bool fin = true;
  bool masked = true;
  int reserved = 0;  // the three bits
};

std::string frame(int op, std::string_view payload, frame_options o = {}) {
  std::string f;
  f += char((o.fin ? 0x80 : 0) | o.reserved << 4 | op);
  const int mask_bit = o.masked ? 0x80 : 0;
  const auto size = payload.size();
  if (size < 126) {
    f += char(mask_bit | int(size));
  } else if (size < 65536) {
    f += char(mask_bit | 126);
    f += char(size >> 8), f += char(size & 255);
  } else {
    f += char(mask_bit | 127);
    for (int i = 7; i >= 0; --i) f += char(size >> 8 * i & 255);
  }
  const std::string mask = "\x12\x34\x56\x78";
  if (o.masked) f += mask;
  for (std::size_t i = 0; i < size; ++i)
    f += o.masked ? char(payload[i] ^ mask[i % 4]) : payload[i];
  return f;
}

std::string close_with(int code, std::string_view reason = "") {
  std::string payload{char(code >> 8), char(code & 255)};
  return frame(closing, payload.append(reason));
}

std::string handshake(const std::string& path, const std::string& more_lines = "") {
  return "GET " + path +
         " HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
         "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
         more_lines + "\r\n";
}

struct socket_client : client {
  using client::client;
  socket_client(std::uint16_t port, const std::string& path, const std::string& lines = "")
      : client(port) {
    send(handshake(path, lines));
    head = response();
  }

  // "text hello", "close 1000 why", "gone" where the connection has ended, or what else came.
  std::string next() {
    const auto start = receive(2);
    if (start.size() != 2) return start.empty() ? "gone" : start;
    const int first = static_cast<unsigned char>(start[0]);
    std::size_t size = static_cast<unsigned char>(start[1]);
    if (size & 0x80) return "a masked frame";
    int bytes = size == 126 ? 2 : size == 127 ? 8 : 0;
    if (bytes) {
      size = 0;
      for (unsigned char c : receive(std::size_t(bytes))) size = size << 8 | c;
    }
    const auto payload = receive(size);
    const std::string fin = first & 0x80 ? "" : "part of ";
    const std::string packed = first & 0x40 ? "packed " : "";
    switch (first & 15) {
      case more: return fin + packed + "more " + payload;
      case text: return fin + packed + "text " + payload;
      case binary: return fin + packed + "binary " + payload;
      case ping: return "ping " + payload;
      case pong: return "pong " + payload;
      case closing: {
        if (payload.size() < 2) return "close";
        const auto code =
            static_cast<unsigned char>(payload[0]) * 256 + static_cast<unsigned char>(payload[1]);
        return "close " + std::to_string(code) + (payload.size() > 2 ? " " : "") +
               payload.substr(2);
      }
      default: return "an odd frame";
    }
  }

  // What is not a ping.
  std::string next_message() {
    auto got = next();
    while (got.starts_with("ping ")) {
      send(frame(pong, got.substr(5)));
      got = next();
    }
    return got;
  }

  std::string head;
};

struct with_sockets {
  std::mutex mutex;
  std::vector<std::string> logged;  // guarded by mutex, as is the next
  std::vector<std::string> events;
  aft::topic news;
  std::optional<aft::app> app{};
  std::uint16_t port = 0;

  with_sockets() {
    app.emplace(aft::app_options{.database = ":memory:", .log = [this](const aft::log_record& r) {
                                   std::lock_guard lock(mutex);
                                   logged.emplace_back(r.message);
                                 }});
    app->migrate({"001", "create table t (x integer) strict"});
    app->get("/plain", [] { return "plain"; });
    route("/echo", {});
    app->get("/news", [this] {
      return aft::websocket({.on_open = [this](const aft::peer& p) { p.subscribe(news); }});
    });
    app->get("/blocking", aft::blocking([this] { return echo({}); }));
    app->get("/stored", [this](aft::transaction& tx) {
      tx.execute("insert into t values (1)");
      return echo({});
    });
  }
  ~with_sockets() { app.reset(); }

  void note(std::string event) {
    std::lock_guard lock(mutex);
    events.push_back(std::move(event));
  }
  bool happened(const std::string& event) {
    for (int i = 0; i < 1000; ++i) {
      {
        std::lock_guard lock(mutex);
        for (const auto& e : events) {
          if (e == event) return true;
        }
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  }

  aft::websocket echo(aft::websocket_options o) {
    o.on_message = [this](const aft::peer& p, std::string_view data, aft::message_kind kind) {
      note("got " + std::string(data.substr(0, 20)));
      if (kind == aft::message_kind::text) p.send(data);
      else p.send_binary(data);
    };
    o.on_close = [this](const aft::peer&, std::uint16_t code, std::string_view reason) {
      note("closed " + std::to_string(code) + (reason.empty() ? "" : " ") + std::string(reason));
    };
    return aft::websocket(std::move(o));
  }
  struct limits {
    std::size_t max_message = 1024 * 1024, max_unsent = 1024 * 1024;
    aft::duration ping = aft::seconds(30), close_timeout = aft::seconds(5);
    bool compression = true;
    std::vector<std::string> subprotocols{};
  };
  void route(const char* path, limits l) {
    auto made = [this, l] {
      return echo({.max_message = l.max_message,
                   .max_unsent = l.max_unsent,
                   .ping = l.ping,
                   .close_timeout = l.close_timeout,
                   .compression = l.compression,
                   .subprotocols = l.subprotocols});
    };
    if (path == "/echo"s) app->get("/echo", made);
    else app->get("/limited", made);
  }
  void start(aft::listen_options options = {}) {
    options.port = 0;
    port = app->start(options).port;
  }
};

}  // namespace

TEST_CASE_FIXTURE(with_sockets, "the handshake is that of RFC 6455") {
  start();
  socket_client c(port, "/echo");
  CHECK(c.head.starts_with("HTTP/1.1 101 Switching Protocols\r\n"));
  CHECK(has(c.head, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
  CHECK(has(c.head, "Upgrade: websocket\r\n"));
  CHECK(!has(c.head, "Sec-WebSocket-Extensions"));
  CHECK(!has(c.head, "Sec-WebSocket-Protocol"));
  c.send(frame(text, "hello"));
  CHECK(c.next() == "text hello");
  c.send(frame(binary, "\xff\0"s));
  CHECK(c.next() == "binary \xff\0"s);
  c.send(frame(text, ""));
  CHECK(c.next() == "text ");
  c.send(close_with(1000, "bye"));
  CHECK(c.next() == "close 1000");
  CHECK(c.next() == "gone");
  CHECK(happened("closed 1000 bye"));
}

TEST_CASE_FIXTURE(with_sockets, "a page of another origin gets no WebSocket") {
  start();
  CHECK(socket_client(port, "/echo", "Origin: http://evil.example\r\n")
            .head.starts_with("HTTP/1.1 403 "));
  CHECK(socket_client(port, "/echo", "Origin: http://localhost\r\n")
            .head.starts_with("HTTP/1.1 101 "));
  socket_client plain(port);
  plain.send("GET /echo HTTP/1.1\r\nHost: localhost\r\n\r\n");
  CHECK(plain.response().starts_with("HTTP/1.1 426 "));
}

TEST_CASE_FIXTURE(with_sockets, "the first subprotocol that both speak is chosen") {
  route("/limited", {.subprotocols = {"chat", "v2.chat"}});
  start();
  CHECK(has(socket_client(port, "/limited", "Sec-WebSocket-Protocol: soap, v2.chat, chat\r\n").head,
            "Sec-WebSocket-Protocol: v2.chat\r\n"));
  CHECK(has(socket_client(port, "/limited",
                          "Sec-WebSocket-Protocol: soap\r\nSec-WebSocket-Protocol: chat\r\n")
                .head,
            "Sec-WebSocket-Protocol: chat\r\n"));
  CHECK(!has(socket_client(port, "/limited", "Sec-WebSocket-Protocol: soap\r\n").head,
             "Sec-WebSocket-Protocol"));
}

TEST_CASE_FIXTURE(with_sockets, "what came before is answered first, what came along is not lost") {
  start();
  for (const char* path : {"/echo", "/blocking", "/stored"}) {
    socket_client c(port);
    const std::string get = "GET /plain HTTP/1.1\r\nHost: localhost\r\n\r\n";
    std::string many;
    for (int i = 0; i < 100; ++i) many += frame(text, std::to_string(i));
    c.send(get + get + handshake(path) + many + frame(text, std::string(100'000, 'x')));
    CHECK(c.response().ends_with("plain"));
    CHECK(c.response().ends_with("plain"));
    CHECK(c.response().starts_with("HTTP/1.1 101 "));
    for (int i = 0; i < 100; ++i) CHECK(c.next() == "text " + std::to_string(i));
    CHECK(c.next() == "text " + std::string(100'000, 'x'));
  }
}

TEST_CASE_FIXTURE(with_sockets, "bytes that come one by one make the same messages") {
  start();
  socket_client c(port, "/echo");
  const auto all = frame(text, "sp", {.fin = false}) + frame(ping, "?") +
                   frame(more, "li", {.fin = false}) + frame(more, "t") + frame(text, "ä");
  for (char byte : all) c.send({&byte, 1});
  CHECK(c.next() == "pong ?");
  CHECK(c.next() == "text split");
  CHECK(c.next() == "text ä");
}

TEST_CASE_FIXTURE(with_sockets, "messages of every size come back") {
  start();
  socket_client c(port, "/echo");
  for (std::size_t size : {1, 125, 126, 511, 512, 513, 1535, 1536, 4095, 4096, 5000, 65535, 65536,
                           300'000, 1024 * 1024}) {
    const std::string bytes(size, char('a' + size % 26));
    std::thread sends([&] { c.send(frame(binary, bytes)); });
    const bool same = c.next() == "binary " + bytes;
    CHECK_MESSAGE(same, size);
    sends.join();
  }
}

TEST_CASE_FIXTURE(with_sockets, "what breaks the protocol is answered with its close code") {
  route("/limited", {.max_message = 1000});
  start();
  struct {
    std::string bytes;
    const char* answer;
  } const table[] = {
      {frame(text, "x", {.masked = false}), "close 1002"},
      {frame(text, "x", {.reserved = 1}), "close 1002"},
      {frame(text, "x", {.reserved = 2}), "close 1002"},
      {frame(text, "x", {.reserved = 4}), "close 1002"},  // nothing was agreed on
      {frame(3, "x"), "close 1002"},
      {frame(11, "x"), "close 1002"},
      {frame(more, "x"), "close 1002"},
      {frame(text, "a", {.fin = false}) + frame(text, "b"), "close 1002"},
      {frame(ping, "x", {.fin = false}), "close 1002"},
      {frame(ping, std::string(126, 'x')), "close 1002"},
      {"\x81\xfe\0\x01"s + "\0\0\0\0x"s, "close 1002"},  // a length in more bytes than it needs
      {frame(closing, "x"), "close 1002"},
      {close_with(999), "close 1002"},
      {close_with(1005), "close 1002"},
      {close_with(1000), "close 1000"},
      {close_with(3000, "own"), "close 3000"},
      {close_with(4999), "close 4999"},
      {frame(closing, ""), "close 1000"},
      {frame(text, "\xff"), "close 1007"},
      {frame(text, "\xe4", {.fin = false}) + frame(more, "x"), "close 1007"},
      {frame(text, "\xc3"), "close 1007"},
      {frame(text, "\xed\xa0\x80"), "close 1007"},
      {frame(text, std::string(1001, 'x')), "close 1009"},
      {frame(text, std::string(600, 'x'), {.fin = false}) + frame(more, std::string(600, 'x')),
       "close 1009"},
      {"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff"s + "\0\0\0\0"s, "close 1009"},
  };
  for (const auto& [bytes, answer] : table) {
    socket_client c(port, "/limited");
    c.send(bytes);
    CHECK(c.next() == answer);
    c.send(close_with(1000));
    c.send("what comes after it means nothing");
    CHECK(c.next() == "gone");
  }
  CHECK(happened("closed 1002"));
  CHECK(happened("closed 1007"));
  CHECK(happened("closed 1009"));
  CHECK(happened("closed 1005"));
}

TEST_CASE_FIXTURE(with_sockets, "messages are packed where both want it") {
  route("/limited", {.max_message = 1000, .compression = false});
  start();
  const std::string offer = "Sec-WebSocket-Extensions: permessage-deflate\r\n";
  const std::string hello = "\xf2\x48\xcd\xc9\xc9\x07\x00"s;  // RFC 7692 section 7.2.3.1
  {
    socket_client c(port, "/echo", offer);
    CHECK(has(c.head, "Sec-WebSocket-Extensions: permessage-deflate"));
    c.send(frame(text, hello, {.reserved = 4}));
    CHECK(c.next() == "text Hello");
    c.send(frame(text, std::string(5000, 'x')));
    const auto packed = c.next();
    CHECK(packed.starts_with("packed text "));
    CHECK(packed.size() < 200);
    c.send(frame(text, packed.substr(12), {.reserved = 4}));
    CHECK(c.next().starts_with("packed text "));
    CHECK(happened("got " + std::string(20, 'x')));
  }
  {
    socket_client c(port, "/echo", offer);
    c.send(frame(text, "\xff\xff\xff", {.reserved = 4}));
    CHECK(c.next() == "close 1007");
    CHECK(c.next() == "gone");
  }
  CHECK(!has(socket_client(port, "/limited", offer).head, "Sec-WebSocket-Extensions"));
}

TEST_CASE_FIXTURE(with_sockets, "an exception of a callback closes its peer, and is logged") {
  app->get("/throws", [this] {
    return aft::websocket(
        {.on_message =
             [](const aft::peer& p, std::string_view data, aft::message_kind) {
               p.send("first");
               if (data == "odd") throw 7;
               throw std::runtime_error("a mishap");
             },
         .on_close = [this](const aft::peer&, std::uint16_t code,
                            std::string_view) { note("closed " + std::to_string(code)); }});
  });
  start();
  for (const char* message : {"x", "odd"}) {
    socket_client c(port, "/throws");
    c.send(frame(text, message) + frame(text, "not heard"));
    CHECK(c.next() == "text first");
    CHECK(c.next() == "close 1011");
    c.send(close_with(1011));
    CHECK(c.next() == "gone");
  }
  CHECK(happened("closed 1011"));
  std::lock_guard lock(mutex);
  REQUIRE(logged.size() == 2);
  CHECK(logged[0] == "a callback of a WebSocket threw: a mishap");
}

TEST_CASE_FIXTURE(with_sockets, "a peer is checked, may be compared, and outlives its connection") {
  std::vector<aft::peer> peers;
  app->get("/kept", [&] {
    return aft::websocket({.on_open =
                               [&](const aft::peer& p) {
                                 std::lock_guard lock(mutex);
                                 peers.push_back(p);
                                 p.send("welcome");
                               },
                           .on_close =
                               [this](const aft::peer& p, std::uint16_t, std::string_view) {
                                 p.send("too late");
                                 note("closed");
                               }});
  });
  start();
  {
    socket_client c(port, "/kept");
    CHECK(c.next() == "text welcome");
    std::lock_guard lock(mutex);
    const auto same = peers[0];
    CHECK(same == peers[0]);
    CHECK_THROWS_AS(same.send("\xff"), aft::error);
    for (int code : {0, 999, 1004, 1005, 1006, 1015, 2999, 5000}) {
      CHECK_THROWS_AS(same.close(std::uint16_t(code)), aft::error);
    }
    CHECK_THROWS_AS(same.close(1000, std::string(124, 'x')), aft::error);
    CHECK_THROWS_AS(same.close(1000, "\xff"), aft::error);
    same.close(4000, "enough");
    same.close(4001);
    same.send("too late");
    CHECK(c.next() == "close 4000 enough");
  }
  CHECK(happened("closed"));
  peers[0].send("nobody");
  peers[0].subscribe(news);
  CHECK(news.subscribers() == 0);
  peers[0].unsubscribe(news);
  peers[0].close();
  app->stop();
  peers[0].send("nobody at all");
  app.reset();
  peers[0].send_binary("not even an app");
  peers[0].close();
}

TEST_CASE_FIXTURE(with_sockets, "topics reach all their peers, from any thread, in one order") {
  start({.threads = 2});
  constexpr int peers = 40, threads = 4, messages = 200;
  std::vector<std::unique_ptr<socket_client>> clients;
  for (int i = 0; i < peers; ++i) {
    clients.push_back(std::make_unique<socket_client>(port, "/news"));
  }
  while (news.subscribers() < peers) std::this_thread::yield();
  std::vector<std::thread> publishers;
  for (int t = 0; t < threads; ++t) {
    publishers.emplace_back([this, t] {
      for (int i = 0; i < messages; ++i) news.publish(std::to_string(t) + ":" + std::to_string(i));
    });
  }
  std::vector<std::vector<std::string>> got(peers);
  for (int p = 0; p < peers; ++p) {
    for (int i = 0; i < threads * messages; ++i) {
      got[std::size_t(p)].push_back(clients[std::size_t(p)]->next());
    }
  }
  for (auto& t : publishers) t.join();
  for (const auto& g : got) CHECK(g == got[0]);
  std::map<char, int> last;
  for (const auto& m : got[0]) {  // "text 2:17"
    const int number = std::stoi(m.substr(7));
    CHECK(number == last[m[5]]++);
  }
  clients.resize(1);
  while (news.subscribers() > 1) std::this_thread::yield();
  news.publish("still");
  CHECK(clients[0]->next() == "text still");
}

TEST_CASE_FIXTURE(with_sockets, "a peer hears a topic until it leaves, or the topic ends") {
  std::optional<aft::topic> t(std::in_place);
  app->get("/topic", [&] {
    return aft::websocket({.on_open =
                               [&](const aft::peer& p) {
                                 p.subscribe(*t);
                                 p.subscribe(*t);  // once is enough
                               },
                           .on_message =
                               [&](const aft::peer& p, std::string_view, aft::message_kind) {
                                 p.unsubscribe(*t);
                                 p.unsubscribe(*t);
                                 p.send("left");
                               }});
  });
  start();
  socket_client a(port, "/topic"), b(port, "/topic");
  while (t->subscribers() < 2) std::this_thread::yield();
  t->publish("one");
  CHECK(a.next() == "text one");
  CHECK(b.next() == "text one");
  a.send(frame(text, "leave"));
  CHECK(a.next() == "text left");
  CHECK(t->subscribers() == 1);
  t->publish_binary("two");
  CHECK(b.next() == "binary two");
  t.reset();
  b.send(close_with(1000));
  CHECK(b.next() == "close 1000");
}

TEST_CASE_FIXTURE(with_sockets, "a slow peer is cut off, and the others do not wait for it") {
  app->get("/feed", [this] {
    return aft::websocket(
        {.on_open = [this](const aft::peer& p) { p.subscribe(news); },
         .on_close = [this](const aft::peer&, std::uint16_t code,
                            std::string_view) { note("closed " + std::to_string(code)); },
         .max_unsent = 500'000,
         .close_timeout = aft::milliseconds(300)});
  });
  start({.threads = 1});
  socket_client slow(port, "/feed"), quick(port, "/feed");
  while (news.subscribers() < 2) std::this_thread::yield();
  const std::string large(60'000, 'x');
  int sent = 0;
  while (news.subscribers() == 2 && sent < 100'000) {
    news.publish(large);
    ++sent;
    CHECK(quick.next().size() == large.size() + 5);
  }
  CHECK(news.subscribers() == 1);
  CHECK(happened("closed 1013"));
  news.publish("on it goes");
  CHECK(quick.next() == "text on it goes");
}

TEST_CASE_FIXTURE(with_sockets, "who reads on after all hears why it is closed") {
  std::optional<aft::peer> p;
  app->get("/feed", [&] {
    return aft::websocket({.on_open =
                               [&](const aft::peer& opened) {
                                 p.emplace(opened);
                                 note("open");
                               },
                           .max_unsent = 100'000});
  });
  start();
  socket_client c(port, "/feed");
  REQUIRE(happened("open"));
  p->send(std::string(20'000'000, 'x'));  // one message may be larger
  pollfd begun{c.fd(), POLLIN, 0};
  REQUIRE(::poll(&begun, 1, 10'000) == 1);
  p->send("dropped");
  CHECK(c.next().size() == 20'000'005);
  CHECK(c.next() == "close 1013 too slow");
  c.send(close_with(1013));
  CHECK(c.next() == "gone");
}

TEST_CASE_FIXTURE(with_sockets, "who does not read is not read from") {
  route("/limited", {.max_unsent = 200'000});
  start();
  socket_client c(port, "/limited");
  const auto message = frame(binary, std::string(50'000, 'x'));
  constexpr int count = 400;  // far more than all buffers together
  std::thread sends([&] {
    for (int i = 0; i < count; ++i) c.send(message);
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  for (int i = 0; i < count; ++i) {
    const bool whole = c.next().size() == 50'007;
    REQUIRE(whole);
  }
  sends.join();
}

TEST_CASE_FIXTURE(with_sockets, "a peer that does not answer pings is cut off") {
  route("/limited", {.ping = aft::milliseconds(300)});
  start();
  socket_client dead(port, "/limited"), alive(port, "/limited");
  std::thread lives([&] {
    for (int i = 0; i < 5; ++i) {
      CHECK(alive.next() == "ping ");
      alive.send(frame(pong, ""));
    }
    alive.send(frame(text, "still here"));
    CHECK(alive.next_message() == "text still here");
  });
  CHECK(dead.next() == "ping ");
  CHECK(dead.next() == "gone");
  CHECK(happened("closed 1006"));
  lives.join();
}

TEST_CASE_FIXTURE(with_sockets, "a close that is not answered ends all the same") {
  app->get("/leaves", [] {
    return aft::websocket({.on_open = [](const aft::peer& p) { p.close(1008); },
                           .close_timeout = aft::milliseconds(300)});
  });
  start();
  socket_client c(port, "/leaves");
  CHECK(c.next() == "close 1008");
  CHECK(c.next() == "gone");
}

TEST_CASE_FIXTURE(with_sockets, "who breaks the protocol while it is closed ends all the same") {
  app->get("/leaves", [this] {
    return aft::websocket(
        {.on_message = [](const aft::peer& p, std::string_view,
                          aft::message_kind) { p.close(4000); },
         .on_close = [this](const aft::peer&, std::uint16_t, std::string_view) { note("over"); },
         .close_timeout = aft::milliseconds(300)});
  });
  start();
  socket_client c(port);
  c.send(handshake("/leaves") + frame(binary, "x") + frame(closing, "none", {.masked = false}));
  CHECK(c.response().starts_with("HTTP/1.1 101 "));
  CHECK(c.next().starts_with("close "));  // 4000 or 1002
  CHECK(c.receive() == "");
  CHECK(happened("over"));
}

TEST_CASE_FIXTURE(with_sockets, "a client that is gone ends its WebSocket") {
  start();
  { socket_client c(port, "/echo"); }
  CHECK(happened("closed 1006"));
  socket_client reset(port, "/echo");
  linger abort{1, 0};
  ::setsockopt(reset.fd(), SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
}

TEST_CASE_FIXTURE(with_sockets, "a WebSocket counts as a connection until it has ended") {
  start({.threads = 1, .max_connections = 2});
  for (int i = 0; i < 3; ++i) {  // the loop goes to Asio and back
    socket_client a(port, "/echo");
    {
      socket_client b(port, "/echo"), c(port);
      CHECK(c.response().starts_with("HTTP/1.1 503 "));
      b.send(close_with(1000));
      CHECK(b.next() == "close 1000");
      CHECK(b.next() == "gone");
    }
    std::string answer;
    do {  // it is gone some time after the client is
      socket_client d(port);
      d.send("GET /plain HTTP/1.1\r\nHost: localhost\r\n\r\n");
      answer = d.response();
    } while (answer.starts_with("HTTP/1.1 503 "));
    CHECK(answer.ends_with("plain"));
    a.send(frame(text, "still"));
    CHECK(a.next() == "text still");
    a.send(close_with(1000));
    CHECK(a.next() == "close 1000");
  }
}

TEST_CASE_FIXTURE(with_sockets, "requests are served, and time out, beside WebSockets and after") {
  start({.threads = 1, .timeouts = {.idle = aft::milliseconds(300)}});
  const std::string get = "GET /plain HTTP/1.1\r\nHost: localhost\r\n\r\n";
  for (int i = 0; i < 2; ++i) {
    {
      socket_client s(port, "/echo"), beside(port);
      beside.send(get);
      CHECK(beside.response().ends_with("plain"));
      CHECK(beside.receive() == "");
    }
    socket_client after(port);
    after.send(get);
    CHECK(after.response().ends_with("plain"));
    CHECK(after.receive() == "");
  }
}

TEST_CASE_FIXTURE(with_sockets, "stopping tells every peer that the server goes away") {
  start();
  socket_client a(port, "/echo"), b(port, "/news");
  while (news.subscribers() < 1) std::this_thread::yield();
  a.send(frame(text, "x"));
  CHECK(a.next() == "text x");
  std::thread stops([&] { app->stop(); });
  CHECK(a.next() == "close 1001");
  a.send(close_with(1001));
  CHECK(a.next() == "gone");
  CHECK(b.next() == "close 1001");
  b.send(close_with(1001));
  CHECK(b.next() == "gone");
  stops.join();
  CHECK(happened("closed 1001"));
  CHECK(news.subscribers() == 0);
}

TEST_CASE_FIXTURE(with_sockets, "a server stops whatever its WebSockets are doing") {
  std::atomic<bool> go{false}, inside{false};
  app->get("/held", aft::blocking([&] {
             inside = true;
             while (!go) std::this_thread::yield();
             return echo({});
           }));
  const std::string offer = "Sec-WebSocket-Extensions: permessage-deflate\r\n";
  for (int drain : {0, 300}) {
    inside = go = false;
    start({.threads = 2, .drain = aft::milliseconds(drain)});
    socket_client idle(port, "/echo"), in_a_head(port, "/echo"), in_a_frame(port, "/echo"),
        in_a_message(port, "/echo"), half_closed(port, "/echo"), unread(port, "/echo"),
        packed(port, "/echo", offer), broken(port, "/echo"), lingers(port, "/echo"),
        listens(port, "/news"), held(port);
    in_a_head.send("\x81");
    in_a_frame.send(frame(text, "hello").substr(0, 8));
    in_a_message.send(frame(text, "hello", {.fin = false}));
    half_closed.end();
    for (int i = 0; i < 40; ++i) unread.send(frame(binary, std::string(100'000, 'x')));
    packed.send(frame(text, std::string(5000, 'x')));
    broken.send(frame(text, "\xff"));
    lingers.send(close_with(1000));
    held.send(handshake("/held"));
    while (!inside) std::this_thread::yield();
    std::thread publishes([&] {
      for (int i = 0; i < 1000; ++i) news.publish(std::string(1000, 'x'));
    });
    std::thread frees([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
      go = true;
    });
    app->stop();
    publishes.join();
    frees.join();
    CHECK(news.subscribers() == 0);
    const auto answer = held.receive();
    CHECK((answer.empty() || answer.starts_with("HTTP/1.1 503 ")));
  }
}

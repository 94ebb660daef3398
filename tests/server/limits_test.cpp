// Limits of routes on real sockets: who asks behind proxies, and places that are held for long.

#include <aft/http/rate_limit.hpp>

#include <memory>

#include <doctest/doctest.h>

#include <aft/app.hpp>
#include <aft/http/events.hpp>
#include <aft/http/websocket.hpp>

#include "../jobs/soon.hpp"
#include "client.hpp"

namespace {

std::string get(const std::string& path, const std::string& lines = "") {
  return "GET " + path + " HTTP/1.1\r\nHost: localhost\r\n" + lines + "\r\n";
}

std::string handshake(const std::string& path) {
  return get(path,
             "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n");
}

// The status that a connection of its own meets.
std::string status_of(std::uint16_t port, const std::string& request) {
  client c(port);
  c.send(request);
  const auto line = c.receive(12);
  return line.substr(std::min<std::size_t>(9, line.size()));
}

}  // namespace

TEST_CASE("behind a trusted proxy its word counts, and an IPv6 subscriber is one") {
  aft::manual_clock time;
  aft::app app({.time = &time});
  app.get("/a", [] {}).limit({.requests = 1});
  const auto port = app.start({.port = 0, .trusted_proxies = {"127.0.0.1"}}).port;
  const auto from = [port](const std::string& address) {
    return status_of(port, get("/a", "X-Forwarded-For: " + address + "\r\n"));
  };
  CHECK(from("192.0.2.1") == "204");
  CHECK(from("192.0.2.1") == "429");
  CHECK(from("192.0.2.2") == "204");
  CHECK(from("2001:db8:1:2::1") == "204");
  CHECK(from("2001:db8:1:2:aaaa:bbbb:cccc:dddd") == "429");
  CHECK(from("2001:db8:1:3::1") == "204");
}

TEST_CASE("a stream holds its place until it has ended") {
  aft::event_feed feed;
  aft::app app;
  app.get("/events", [&] { return aft::event_stream(feed); }).limit_at_once({.requests = 1});
  const auto port = app.start({.port = 0, .threads = 1}).port;
  auto first = std::make_unique<client>(port);
  first->send(get("/events"));
  CHECK(first->receive(12) == "HTTP/1.1 200");
  CHECK(status_of(port, get("/events")) == "429");
  CHECK(status_of(port, get("/events")) == "429");
  first.reset();
  CHECK(soon([port] { return status_of(port, get("/events")) == "200"; }));
}

TEST_CASE("a WebSocket holds its place until it has ended") {
  aft::app app;
  app.get("/talk", [] { return aft::websocket({}); }).limit_at_once({.requests = 1});
  const auto port = app.start({.port = 0, .threads = 1}).port;
  auto first = std::make_unique<client>(port);
  first->send(handshake("/talk"));
  CHECK(first->receive(12) == "HTTP/1.1 101");
  CHECK(status_of(port, handshake("/talk")) == "429");
  first.reset();
  CHECK(soon([port] { return status_of(port, handshake("/talk")) == "101"; }));
}

#include <aft/http/websocket.hpp>

#include <doctest/doctest.h>

#include <aft/app.hpp>
#include <aft/ground/error.hpp>

namespace {

struct site : aft::app {
  site() {
    any("/", [] { return aft::websocket({}); });
    get("/{mine}", [](bool mine) -> aft::result<aft::websocket, aft::problem> {
      if (!mine) return aft::problem{401, "who are you?"};
      return aft::websocket({});
    });
  }
};

using lines = std::vector<std::pair<std::string, std::string>>;

const lines handshake = {{"Connection", "Upgrade"},
                         {"Upgrade", "websocket"},
                         {"Sec-WebSocket-Version", "13"},
                         {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="}};

lines with(lines all, const std::string& name, const std::string& value) {
  for (auto& line : all) {
    if (line.first == name) line.second = value;
  }
  return all;
}
lines without(const std::string& name) {
  auto all = handshake;
  std::erase_if(all, [&](const auto& line) { return line.first == name; });
  return all;
}

}  // namespace

TEST_CASE("who asks for no WebSocket is told what the path speaks") {
  site s;
  for (const auto& headers : {lines{}, without("Upgrade"), without("Connection"),
                              with(handshake, "Upgrade", "h2c, websockets")}) {
    const auto got = s.handle({.headers = headers});
    CHECK(got.status == 426);
    CHECK(got.header("Upgrade") == "websocket");
    CHECK(got.header("Connection") == "Upgrade");
  }
  const auto head = s.handle({.method = "HEAD"});
  CHECK(head.status == 426);
  CHECK(head.body == "");
}

TEST_CASE("another version is told which one this is") {
  site s;
  const auto got = s.handle({.headers = with(handshake, "Sec-WebSocket-Version", "8")});
  CHECK(got.status == 426);
  CHECK(got.header("Sec-WebSocket-Version") == "13");
  CHECK(got.header("Upgrade") == "websocket");
}

TEST_CASE("a malformed handshake is refused") {
  site s;
  CHECK(s.handle({.headers = without("Sec-WebSocket-Version")}).status == 400);
  CHECK(s.handle({.headers = without("Sec-WebSocket-Key")}).status == 400);
  for (const char* key : {"", "abc", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25jZTEyMzQ="}) {
    CHECK(s.handle({.headers = with(handshake, "Sec-WebSocket-Key", key)}).status == 400);
  }
  auto twice = handshake;
  twice.push_back(twice.back());
  CHECK(s.handle({.headers = twice}).status == 400);
  CHECK(s.handle({.method = "POST", .headers = handshake}).status == 400);
}

TEST_CASE("without a server there is no connection that could go on") {
  site s;
  for (const char* upgrade : {"websocket", "h2c, WebSocket"}) {
    const auto got = s.handle({.headers = with(handshake, "Upgrade", upgrade)});
    CHECK(got.status == 501);
    CHECK(got.body.find("started") != std::string::npos);
  }
}

TEST_CASE("what stands before a route stands before its WebSocket") {
  site s;
  CHECK(s.handle({.target = "/false", .headers = handshake}).status == 401);
  CHECK(s.handle({.target = "/true", .headers = handshake}).status == 501);
}

TEST_CASE("a subprotocol without a name is a fault of the host") {
  CHECK_THROWS_AS(aft::websocket({.subprotocols = {"chat", "a b"}}), aft::error);
  CHECK_NOTHROW(aft::websocket({.subprotocols = {"chat", "v2.chat"}}));
}

TEST_CASE("a topic without subscribers hears all the same") {
  aft::topic t;
  t.publish("ä");
  t.publish_binary("\xff");
  CHECK_THROWS_AS(t.publish("\xff"), aft::error);
  CHECK(t.subscribers() == 0);
}

TEST_CASE("the document tells of the upgrade") {
  site s;
  const auto document = s.openapi({});
  CHECK(document.find("\"101\":{\"description\":\"Switching Protocols\"}") != document.npos);
}

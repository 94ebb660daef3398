#include "server/proxy_protocol.hpp"

#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <aft/app.hpp>
#include <aft/ground/error.hpp>

#include "client.hpp"

namespace {

using namespace std::string_literals;
using aft::server::proxy_verdict;
using aft::server::read_proxy_header;

const std::string signature = "\r\n\r\n\0\r\nQUIT\n"s;
const std::string v4 = "\x01\x02\x03\x04\x7f\0\0\x01\x30\x39\0\x50"s;
const std::string v6 = "\x20\x01\x0d\xb8"s + std::string(11, '\0') + "\x07" + std::string(20, '\0');

std::string header(int command, int family, const std::string& rest) {
  return signature + char(command) + char(family) + char(rest.size() >> 8) +
         char(rest.size() & 255) + rest;
}

// "more", "refused", or the client of a whole one.
std::string judge(const std::string& bytes) {
  const auto h = read_proxy_header(bytes);
  switch (h.verdict) {
    case proxy_verdict::more: return "more";
    case proxy_verdict::refused: return "refused";
    case proxy_verdict::whole: break;
  }
  CHECK(h.size == bytes.size());
  return h.client ? "client " + h.client->text() : "the proxy";
}

const std::string ask = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

struct with_proxy {
  aft::app app{{.access = {.hosts = {"a"}}}};
  std::uint16_t port = 0;

  with_proxy() {
    app.get("/", [](const aft::request& r) { return "client " + r.client(); });
  }
  void start(std::vector<std::string> proxies) {
    port = app.start({.port = 0,
                      .trusted_proxies = std::move(proxies),
                      .proxy_protocol = true,
                      .threads = 1,
                      .timeouts = {.head = aft::milliseconds(300)}})
               .port;
  }
  std::string answer_to(const std::string& bytes) {
    client c(port);
    c.send(bytes);
    auto got = c.receive();
    if (got == "[reset]") return "";  // closed with what it did not want to read
    const auto at = got.find("\r\n\r\n");
    return at == got.npos ? got : got.substr(at + 4);
  }
};

}  // namespace

TEST_CASE("a header of the PROXY protocol says who the client is") {
  CHECK(judge(header(0x21, 0x11, v4)) == "client 1.2.3.4");
  CHECK(judge(header(0x21, 0x21, v6)) == "client 2001:db8::7");
  CHECK(judge(header(0x21, 0x31, std::string(216, 'p'))) == "client ");
  CHECK(judge(header(0x21, 0x00, "")) == "the proxy");
  CHECK(judge(header(0x20, 0x00, "")) == "the proxy");  // LOCAL
  CHECK(judge(header(0x20, 0x11, v4)) == "the proxy");
  CHECK(judge(header(0x20, 0x77, "what")) == "the proxy");
  CHECK(judge(header(0x21, 0x11, v4 + "\x04\0\x01\0"s)) == "client 1.2.3.4");  // with a TLV
  CHECK(judge(header(0x21, 0x11, v4 + std::string(508, 't'))) == "client 1.2.3.4");
}

TEST_CASE("what is no header of the PROXY protocol is refused as soon as that is clear") {
  CHECK(judge(header(0x11, 0x11, v4)) == "refused");  // version 1
  CHECK(judge(header(0x22, 0x11, v4)) == "refused");
  CHECK(judge(header(0x21, 0x12, v4)) == "refused");  // UDP
  CHECK(judge(header(0x21, 0x41, v4)) == "refused");
  CHECK(judge(header(0x21, 0x11, v4.substr(1))) == "refused");
  CHECK(judge(header(0x21, 0x21, v4)) == "refused");
  CHECK(judge(header(0x21, 0x31, v6)) == "refused");
  CHECK(judge(header(0x21, 0x11, v4 + std::string(509, 't'))) == "refused");
  CHECK(judge("G") == "refused");
  CHECK(judge("\r\n\r\n\r") == "refused");
  CHECK(judge("PROXY TCP4 1.2.3.4 127.0.0.1 1 2\r\n") == "refused");
  CHECK(judge(signature + "\x21\x11\xff\xff") == "refused");
}

TEST_CASE("a header of the PROXY protocol may come in any pieces") {
  const auto whole = header(0x21, 0x21, v6 + "tlv");
  for (std::size_t n = 0; n < whole.size(); ++n) {
    const auto h = read_proxy_header(whole.substr(0, n));
    CHECK(h.verdict == proxy_verdict::more);
    CHECK(h.size == (n < 16 ? 16 : whole.size()));
  }
  const auto h = read_proxy_header(whole + "GET");
  CHECK(h.verdict == proxy_verdict::whole);
  CHECK(h.size == whole.size());
}

TEST_CASE_FIXTURE(with_proxy, "a declared proxy says for whom it asks, and must") {
  start({"127.0.0.0/8"});
  const auto lines = ask.substr(0, ask.size() - 2) + "X-Forwarded-For: 9.9.9.9\r\n\r\n";
  CHECK(answer_to(header(0x21, 0x11, v4) + ask) == "client 1.2.3.4");
  CHECK(answer_to(header(0x21, 0x11, v4) + lines) == "client 1.2.3.4");  // who is no proxy
  CHECK(answer_to(header(0x20, 0x00, "") + ask) == "client 127.0.0.1");
  CHECK(answer_to(header(0x20, 0x00, "") + lines) == "client 9.9.9.9");
  CHECK(answer_to(header(0x21, 0x21, v6 + "tlv") + ask) == "client 2001:db8::7");
  CHECK(answer_to(ask).empty());
  CHECK(answer_to(header(0x21, 0x12, v4) + ask).empty());
  CHECK(answer_to("PROXY TCP4 1.2.3.4 127.0.0.1 1 2\r\n" + ask).empty());
}

TEST_CASE_FIXTURE(with_proxy, "the header of a proxy may drip, as long as a head may") {
  start({"127.0.0.1"});
  client c(port);
  for (char byte : header(0x21, 0x11, v4)) c.send({&byte, 1});
  c.send(ask);
  CHECK(c.receive().ends_with("client 1.2.3.4"));
  client never(port), part(port), ended(port);
  part.send(signature);
  ended.send(signature);
  ended.end();
  CHECK(never.receive().empty());
  CHECK(part.receive().empty());
  CHECK(ended.receive().empty());
}

TEST_CASE_FIXTURE(with_proxy, "who is no declared proxy is not listened to") {
  start({"10.0.0.0/8"});
  CHECK(answer_to(ask) == "client 127.0.0.1");
  client c(port);
  c.send(header(0x21, 0x11, v4) + ask);
  CHECK(c.receive().starts_with("HTTP/1.1 400 "));
}

TEST_CASE_FIXTURE(with_proxy, "a proxy protocol without proxies is a mistake") {
  CHECK_THROWS_AS(start({}), aft::configuration_error);
}

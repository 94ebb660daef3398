#include "http/ip_address.hpp"

#include <doctest/doctest.h>

#include <aft/app.hpp>
#include <aft/ground/error.hpp>

#include "wire.hpp"

namespace {

std::string ask(const aft::http::trusted_proxies& proxies, const char* peer,
                const std::string& lines) {
  wire::site s;
  s.routes.get("/", [](const aft::request& r) {
    return r.client() + (r.secure() ? " over TLS" : "") +
           (r.client_certificate() ? " with a certificate" : "");
  });
  s.start();
  aft::http::session session;
  if (*peer) session.client.peer = *aft::http::ip_address::parse(peer);
  session.client.proxies = &proxies;
  aft::buffer out;
  auto bytes = "GET / HTTP/1.1\r\nHost: a\r\n" + lines + "\r\n";
  const auto size = bytes.size();
  bytes.resize(size + aft::http::parser_slack);
  session.receive(*s.host, bytes.data(), size, out);
  const std::string text(out.view());
  return text.substr(text.find("\r\n\r\n") + 4);
}

}  // namespace

TEST_CASE("the client is the nearest hop that is no proxy of ours") {
  const aft::http::trusted_proxies proxies({"10.0.0.0/8", "192.168.7.0/25", "fd00::/8", "unix"},
                                           "X-Forwarded-For");
  struct row {
    const char* peer;
    const char* lines;
    const char* client;
  };
  const row rows[] = {
      {"1.2.3.4", "", "1.2.3.4"},
      {"1.2.3.4", "X-Forwarded-For: 5.6.7.8\r\n", "1.2.3.4"},
      {"10.1.2.3", "X-Forwarded-For: 5.6.7.8\r\n", "5.6.7.8"},
      {"10.1.2.3", "X-Forwarded-For: 9.9.9.9, 5.6.7.8\r\n", "5.6.7.8"},
      {"10.1.2.3", "X-Forwarded-For: 9.9.9.9, 5.6.7.8, 10.9.9.9\r\n", "5.6.7.8"},
      {"10.1.2.3", "X-Forwarded-For: 9.9.9.9\r\nX-Forwarded-For: 5.6.7.8,192.168.7.127\r\n",
       "5.6.7.8"},
      {"10.1.2.3", "X-Forwarded-For: 9.9.9.9, 192.168.7.128\r\n", "192.168.7.128"},
      {"10.1.2.3", "X-Forwarded-For: 10.4.4.4\r\n", "10.4.4.4"},
      {"10.1.2.3", "X-Forwarded-For: 9.9.9.9, nonsense\r\n", "10.1.2.3"},
      {"10.1.2.3", "X-Forwarded-For: \r\n", "10.1.2.3"},
      {"10.1.2.3", "X-Forwarded-For: 5.6.7.8:1234\r\n", "5.6.7.8"},
      {"10.1.2.3", "X-Forwarded-For: [2001:db8::1]:99\r\n", "2001:db8::1"},
      {"10.1.2.3", "Forwarded: for=9.9.9.9\r\n", "10.1.2.3"},
      {"fd12::1", "X-Forwarded-For: 2001:db8::2\r\n", "2001:db8::2"},
      {"", "X-Forwarded-For: 5.6.7.8\r\n", "5.6.7.8"},
      {"", "", ""},
      {"11.0.0.1", "X-Forwarded-For: 5.6.7.8\r\n", "11.0.0.1"},
  };
  for (const auto& r : rows) {
    CAPTURE(r.peer);
    CAPTURE(r.lines);
    CHECK(ask(proxies, r.peer, r.lines) == r.client);
  }
}

TEST_CASE("the standard's line is read where it is the one") {
  const aft::http::trusted_proxies proxies({"10.0.0.0/8"}, "Forwarded");
  const auto from = [&](const char* lines) { return ask(proxies, "10.0.0.1", lines); };
  CHECK(from("Forwarded: for=5.6.7.8\r\n") == "5.6.7.8");
  CHECK(from("Forwarded: for=9.9.9.9, proto=https;For=\"[2001:db8::1]:80\";by=x\r\n") ==
        "2001:db8::1 over TLS");
  CHECK(from("Forwarded: for=unknown\r\n") == "10.0.0.1");
  CHECK(from("Forwarded: proto=http\r\n") == "10.0.0.1");
  CHECK(from("X-Forwarded-For: 9.9.9.9\r\n") == "10.0.0.1");
}

TEST_CASE("a proxy says whether a client came over TLS, and a client does not") {
  const aft::http::trusted_proxies common({"10.0.0.0/8"}, "X-Forwarded-For");
  const std::string from = "X-Forwarded-For: 5.6.7.8\r\n";
  CHECK(ask(common, "10.0.0.1", from + "X-Forwarded-Proto: https\r\n") == "5.6.7.8 over TLS");
  CHECK(ask(common, "10.0.0.1", from + "X-Forwarded-Proto: http, HTTPS\r\n") == "5.6.7.8 over TLS");
  CHECK(ask(common, "10.0.0.1", from + "X-Forwarded-Proto: https\r\nX-Forwarded-Proto: http\r\n") ==
        "5.6.7.8");
  CHECK(ask(common, "10.0.0.1", from + "X-Forwarded-Proto: http\r\n") == "5.6.7.8");
  CHECK(ask(common, "10.0.0.1", from + "Forwarded: for=5.6.7.8;proto=https\r\n") == "5.6.7.8");
  CHECK(ask(common, "1.2.3.4", from + "X-Forwarded-Proto: https\r\n") == "1.2.3.4");

  const aft::http::trusted_proxies standard({"10.0.0.0/8"}, "Forwarded");
  const auto by = [&](const char* lines) { return ask(standard, "10.0.0.1", lines); };
  CHECK(by("Forwarded: for=5.6.7.8;proto=https\r\n") == "5.6.7.8 over TLS");
  CHECK(by("Forwarded: for=5.6.7.8;PROTO=\"https\", for=10.0.0.2;proto=http\r\n") ==
        "5.6.7.8 over TLS");
  CHECK(by("Forwarded: for=5.6.7.8;proto=http, for=10.0.0.2;proto=https\r\n") == "5.6.7.8");
  CHECK(by("Forwarded: for=9.9.9.9;proto=https, for=5.6.7.8\r\n") == "5.6.7.8");
  CHECK(by("X-Forwarded-Proto: https\r\n") == "10.0.0.1");
}

TEST_CASE("what is no network or no line of proxies is refused") {
  for (const char* text : {"", "10.0.0.0/33", "10.0.0/8", "::1/129", "proxy", "10.0.0.0/x"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(aft::http::trusted_proxies({text}, "Forwarded"), aft::configuration_error);
  }
  CHECK_THROWS_AS(aft::http::trusted_proxies({}, "X-Real-IP"), aft::configuration_error);
}

TEST_CASE("without a socket the client is this machine") {
  aft::app app;
  app.get("/", [](const aft::request& r) { return r.client(); });
  CHECK(app.handle({}).body == "127.0.0.1");
}

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "wire.hpp"

namespace {

using namespace std::string_literals;

void add_routes(wire::site& s) {
  s.routes.get("/", [] { return "root"; });
  s.routes.get("/name/{name}", [](std::string name) { return name; });
  s.routes.post("/echo", [](aft::body<std::string> in) { return *in; });
  s.routes.post("/small", [](aft::body<std::string> in) { return *in; }).max_body(4);
  s.routes.any("/any", [](const aft::request& r) { return std::string(r.method_name()); });
}

const std::string host = "Host: a\r\n";

}  // namespace

TEST_CASE("an answer has exactly these bytes") {
  wire::site s;
  add_routes(s);
  auto got = wire::send(s, "GET / HTTP/1.1\r\n" + host + "\r\n");
  CHECK(got.answers ==
        "HTTP/1.1 200 OK\r\nDate: -\r\nContent-Type: text/plain; charset=utf-8\r\n"
        "X-Content-Type-Options: nosniff\r\nContent-Length: 4\r\n\r\nroot");
  CHECK(!got.closing);
}

TEST_CASE("what is sent is framed by these rules") {
  struct row {
    const char* what;
    std::string bytes;
    std::string statuses;
    bool closing;
  };
  const auto get = "GET / HTTP/1.1\r\n" + host;
  const auto post = "POST /echo HTTP/1.1\r\n" + host;
  const row rows[] = {
      {"a request", get + "\r\n", "200", false},
      {"two at once", get + "\r\n" + get + "\r\n", "200 200", false},
      {"empty lines before a request", "\r\n\r\n" + get + "\r\n", "200", false},
      {"a body by its length", post + "Content-Length: 5\r\n\r\nhello", "200", false},
      {"two bodies", post + "Content-Length: 2\r\n\r\nhi" + post + "Content-Length: 0\r\n\r\n",
       "200 200", false},
      {"a chunked body",
       post + "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n3;x=\"y\"\r\nabc\r\n0\r\n\r\n", "200",
       false},
      {"trailers", post + "Transfer-Encoding: chunked\r\n\r\n0\r\nX: y\r\n\r\n" + get + "\r\n",
       "200 200", false},
      {"Connection: close", get + "Connection: close\r\n\r\n" + get + "\r\n", "200", true},
      {"close in a list", get + "Connection: x , Close\r\n\r\n", "200", true},
      {"HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", "200", true},
      {"HTTP/1.0 kept alive", "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "200", false},
      {"HTTP/1.0 with both", "GET / HTTP/1.0\r\nConnection: close, keep-alive\r\n\r\n", "200",
       true},
      {"a later minor version", "GET / HTTP/1.7\r\n" + host + "\r\n", "200", false},
      {"an absolute target", "GET http://a/ HTTP/1.1\r\n" + host + "\r\n", "200", false},
      {"an absolute target without a path", "GET http://a HTTP/1.1\r\n" + host + "\r\n", "200",
       false},
      {"OPTIONS *", "OPTIONS * HTTP/1.1\r\n" + host + "\r\n", "204", false},
      {"tabs and spaces around a value", "GET / HTTP/1.1\r\nHost: \t a \t\r\n\r\n", "200", false},
      {"bytes beyond ASCII in a value", get + "X: \xc3\xa9\xff\r\n\r\n", "200", false},
      {"an empty value", get + "X:\r\n\r\n", "200", false},
      {"100-continue", post + "Content-Length: 2\r\nExpect: 100-continue\r\n\r\n", "100", false},
      {"100-continue in HTTP/1.0, which does not know it",
       "POST /echo HTTP/1.0\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n", "", false},

      {"no Host", "GET / HTTP/1.1\r\n\r\n", "400", true},
      {"an empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", "400", true},
      {"a blank Host in HTTP/1.0", "GET / HTTP/1.0\r\nHost: \r\n\r\n", "400", true},
      {"an empty Host beside an absolute target", "GET http://a/ HTTP/1.1\r\nHost:\r\n\r\n", "200",
       false},
      {"two Hosts", get + host + "\r\n", "400", true},
      {"a malformed Host", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "400", true},
      {"a space before the colon", "GET / HTTP/1.1\r\nHost : a\r\n\r\n", "400", true},
      {"obsolete folding", get + "X: a\r\n b\r\n\r\n", "400", true},
      {"a bare LF", "GET / HTTP/1.1\nHost: a\n\n", "400", true},
      {"a bare LF after a header", "GET / HTTP/1.1\r\nHost: a\n\r\n", "400", true},
      {"a bare CR", get + "X: a\rb\r\n\r\n", "400", true},
      {"NUL in a value", get + "X: a\0b\r\n\r\n"s, "400", true},
      {"a header without a name", get + ": a\r\n\r\n", "400", true},
      {"a header without a colon", get + "X\r\n\r\n", "400", true},
      {"a name with a letter that is none", get + "X@Y: a\r\n\r\n", "400", true},
      {"both length and coding",
       post + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400", true},
      {"two lengths", post + "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", "400", true},
      {"a list of lengths", post + "Content-Length: 5, 5\r\n\r\nhello", "400", true},
      {"a signed length", post + "Content-Length: +5\r\n\r\nhello", "400", true},
      {"an empty length", post + "Content-Length:\r\n\r\n", "400", true},
      {"a length beyond numbers", post + "Content-Length: 99999999999999999999\r\n\r\n", "400",
       true},
      {"two codings",
       post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400",
       true},
      {"an unknown coding", post + "Transfer-Encoding: gzip\r\n\r\n", "501", true},
      {"an unknown coding before chunked", post + "Transfer-Encoding: gzip, chunked\r\n\r\n", "501",
       true},
      {"chunked in HTTP/1.0", "POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
       "400", true},
      {"a chunk size that is none", post + "Transfer-Encoding: chunked\r\n\r\nx\r\n", "400", true},
      {"a chunk size with a space", post + "Transfer-Encoding: chunked\r\n\r\n2 \r\nhi\r\n", "400",
       true},
      {"a chunk extension without a name",
       post + "Transfer-Encoding: chunked\r\n\r\n2;\r\nhi\r\n0\r\n\r\n", "400", true},
      {"a trailer without a colon", post + "Transfer-Encoding: chunked\r\n\r\n0\r\nX\r\n\r\n",
       "400", true},
      {"a trailer without a name", post + "Transfer-Encoding: chunked\r\n\r\n0\r\n: x\r\n\r\n",
       "400", true},
      {"a chunk with a sign", post + "Transfer-Encoding: chunked\r\n\r\n+2\r\nhi\r\n", "400", true},
      {"a chunk size beyond numbers",
       post + "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n", "400", true},
      {"a chunk longer than it says", post + "Transfer-Encoding: chunked\r\n\r\n2\r\nhix\r\n",
       "400", true},
      {"a chunk that ends in LF", post + "Transfer-Encoding: chunked\r\n\r\n2\nhi", "400", true},
      {"another version", "GET / HTTP/2.0\r\n" + host + "\r\n", "505", true},
      {"a version that is none", "GET / HTTP/1.x\r\n" + host + "\r\n", "400", true},
      {"HTTP/0.9", "GET /\r\n", "400", true},
      {"two spaces", "GET  / HTTP/1.1\r\n" + host + "\r\n", "400", true},
      {"a tab", "GET\t/ HTTP/1.1\r\n" + host + "\r\n", "400", true},
      {"lower-case version", "GET / http/1.1\r\n" + host + "\r\n", "400", true},
      {"a target that is no path", "GET root HTTP/1.1\r\n" + host + "\r\n", "400", true},
      {"a fragment", "GET /#a HTTP/1.1\r\n" + host + "\r\n", "400", true},
      {"bytes beyond ASCII in a target", "GET /\xc3\xa9 HTTP/1.1\r\n" + host + "\r\n", "400", true},
      {"another address in absolute form", "GET ftp://a/ HTTP/1.1\r\n" + host + "\r\n", "400",
       true},
      {"an absolute target without a host", "GET http:///a HTTP/1.1\r\n" + host + "\r\n", "400",
       true},
      {"an authority alone", "GET a:443 HTTP/1.1\r\n" + host + "\r\n", "400", true},
      {"CONNECT", "CONNECT a:443 HTTP/1.1\r\n" + host + "\r\n", "400", true},
      {"GET *", "GET * HTTP/1.1\r\n" + host + "\r\n", "400", true},
      {"a method with a letter that is none", "G(T / HTTP/1.1\r\n" + host + "\r\n", "400", true},
      {"another expectation", post + "Expect: tea\r\nContent-Length: 1\r\n\r\n", "417", true},
      {"TLS to a plain port", "\x16\x03\x01\x02\x00\x01"s, "400", true},
  };
  for (const auto& r : rows) {
    // Whatever the pieces, the outcome is the same.
    for (std::size_t piece : {std::size_t(100'000), std::size_t(7), std::size_t(1)}) {
      CAPTURE(r.what);
      CAPTURE(piece);
      wire::site s;
      add_routes(s);
      auto got = wire::send(s, r.bytes, piece);
      if (r.closing && got.answers.empty()) {  // not refused yet, as long as more may come
        got = wire::send(s, r.bytes, piece, true);
      }
      CAPTURE(got.answers);
      CHECK(wire::statuses(got.answers) == r.statuses);
      CHECK(got.closing == r.closing);
    }
  }
}

TEST_CASE("each limit has its own answer, and ends the connection") {
  wire::site s;
  add_routes(s);
  s.limits.max_target = 50;
  s.limits.max_head = 400;
  s.limits.max_headers = 5;
  s.limits.max_body = 10;
  auto check = [&](const std::string& bytes, const char* status) {
    auto got = wire::send(s, bytes);
    CAPTURE(bytes);
    CHECK(wire::statuses(got.answers) == status);
    CHECK(got.closing);
  };
  check("GET /" + std::string(60, 'a') + " HTTP/1.1\r\n" + host + "\r\n", "414");
  check("GET /" + std::string(60, 'a'), "414");
  check("GET / HTTP/1.1\r\n" + host + "X: " + std::string(400, 'a') + "\r\n\r\n", "431");
  check("GET / HTTP/1.1\r\n" + host + "X: " + std::string(500, 'a'), "431");
  check("GET / HTTP/1.1\r\n" + host + "a:1\r\nb:1\r\nc:1\r\nd:1\r\ne:1\r\n\r\n", "431");
  check("POST /echo HTTP/1.1\r\n" + host + "Content-Length: 11\r\n\r\n", "413");
  check("POST /small HTTP/1.1\r\n" + host + "Content-Length: 5\r\n\r\n", "413");
  check("POST /echo HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n5\r\naaaaa\r\n6\r\n",
        "413");
  check("POST /echo HTTP/1.1\r\n" + host + "Content-Length: 11\r\nExpect: 100-continue\r\n\r\n",
        "413");
}

TEST_CASE("a body comes in any number of pieces") {
  wire::site s;
  add_routes(s);
  const std::string body(5000, 'x');
  const auto fixed = "POST /echo HTTP/1.1\r\n" + host + "Content-Length: 5000\r\n\r\n" + body;
  for (std::size_t piece : {1, 3, 1000, 10'000}) {
    auto got = wire::send(s, fixed + "GET / HTTP/1.1\r\n" + host + "\r\n", piece);
    CHECK(wire::statuses(got.answers) == "200 200");
    CHECK(got.answers.find("\r\n\r\n" + body + "HTTP/1.1 200") != std::string::npos);
  }
}

TEST_CASE("a body that nobody wants is dropped, and the connection kept if it is short") {
  wire::site s;
  add_routes(s);
  auto got = wire::send(s, "POST /nowhere HTTP/1.1\r\n" + host +
                               "Content-Length: 5\r\n\r\nhelloGET / HTTP/1.1\r\n" + host + "\r\n");
  CHECK(wire::statuses(got.answers) == "404 200");
  got = wire::send(s, "POST /nowhere HTTP/1.1\r\n" + host + "Content-Length: 1000000\r\n\r\n");
  CHECK(wire::statuses(got.answers) == "404");
  CHECK(got.closing);
}

TEST_CASE("what ends in the middle is refused") {
  wire::site s;
  add_routes(s);
  CHECK(wire::statuses(wire::send(s, "GET / HTTP/1.1\r\nHos", 100, true).answers) == "400");
  CHECK(
      wire::statuses(
          wire::send(s, "POST /echo HTTP/1.1\r\n" + host + "Content-Length: 5\r\n\r\nhe", 100, true)
              .answers) == "400");
  CHECK(wire::send(s, "", 1, true).answers.empty());
}

TEST_CASE("HEAD has the headers of GET and no body") {
  wire::site s;
  add_routes(s);
  auto got = wire::send(s, "HEAD / HTTP/1.1\r\n" + host + "\r\nGET / HTTP/1.1\r\n" + host + "\r\n");
  CHECK(got.answers ==
        "HTTP/1.1 200 OK\r\nDate: -\r\nContent-Type: text/plain; charset=utf-8\r\n"
        "X-Content-Type-Options: nosniff\r\nContent-Length: "
        "4\r\n\r\n"
        "HTTP/1.1 200 OK\r\nDate: -\r\nContent-Type: text/plain; charset=utf-8\r\n"
        "X-Content-Type-Options: nosniff\r\nContent-Length: "
        "4\r\n\r\n"
        "root");
}

TEST_CASE("a method is a name with case, and an unknown one is not known anywhere") {
  wire::site s;
  add_routes(s);
  CHECK(wire::statuses(wire::send(s, "get / HTTP/1.1\r\n" + host + "\r\n").answers) == "501");
  CHECK(wire::send(s, "BREW /any HTTP/1.1\r\n" + host + "\r\n").answers.ends_with("BREW"));
}

TEST_CASE("an answer does not depend on what was read before") {
  const auto get = [](std::string_view path, std::string_view lines) {
    return fmt::format("GET {} HTTP/1.1\r\n{}\r\n", path, lines);
  };
  const auto post = [](std::string_view lines, std::string_view body) {
    return fmt::format("POST /echo HTTP/1.1\r\nHost: a\r\n{}\r\n{}", lines, body);
  };
  const std::string requests[] = {
      get("/say", host),
      get("/say?longer=target", host),
      get("/say", host + "X: one\r\n"),
      get("/say", host + "X: two\r\n"),
      get("/say", host + "X: one\r\nX: three\r\n"),
      get("/say", host + "Connection: close\r\n"),
      get("/say", host + "X: " + std::string(3000, 'x') + "\r\n"),
      get("/say", "X: one\r\n"),
      get("/say", host + "X : one\r\n"),
      get("/nowhere", host),
      get("/say/a", host),
      get("/say/b", host),
      get("http://b/say", host),
      "\r\n" + get("/say", host),
      "HEAD /say HTTP/1.1\r\n" + host + "\r\n",
      "DELETE /say HTTP/1.1\r\n" + host + "\r\n",
      "OPTIONS * HTTP/1.1\r\n" + host + "\r\n",
      "GET /say HTTP/1.0\r\n" + host + "\r\n",
      "GET /say HTTP/1.0\r\n" + host + "Connection: keep-alive\r\n\r\n",
      post("Content-Length: 2\r\n", "hi"),
      post("Content-Length: 2\r\n", "ho"),
      post("Content-Length: 3\r\n", "hum"),
      post("Transfer-Encoding: chunked\r\n", "2\r\nhi\r\n0\r\n\r\n"),
      post("Content-Length: 2\r\nExpect: 100-continue\r\n", "hi"),
      post("Content-Length: 2\r\nX: y\r\n\r\n", "Content-Length: 3\r\n\r\nhum"),
  };
  const auto ask = [](wire::site& s, const std::string& bytes, std::size_t piece) {
    if (!s.host) {
      add_routes(s);
      s.routes.get("/say", [](const aft::request& r) {
        return fmt::format("{}|{}|{}", r.header("Host").value_or("-"), r.header("X").value_or("-"),
                           r.target());
      });
      s.routes.get("/say/{what}", [](std::string what) { return what; });
    }
    const auto got = wire::send(s, bytes, piece);
    return got.answers + (got.closing ? "closing" : "");
  };
  for (const std::size_t piece : {std::string::npos, std::size_t(11)}) {
    std::vector<std::string> expected;
    for (const auto& request : requests) {
      wire::site fresh;
      expected.push_back(ask(fresh, request, piece));
      REQUIRE(!expected.back().empty());
    }
    wire::site s;
    for (std::size_t i = 0; i < std::size(requests); ++i) {
      for (std::size_t j = 0; j < std::size(requests); ++j) {
        CAPTURE(requests[i]);
        CAPTURE(requests[j]);
        CHECK(ask(s, requests[i], piece) == expected[i]);
        CHECK(ask(s, requests[j], piece) == expected[j]);
      }
    }
  }
}

TEST_CASE("answers stop while a slow reader has too many of them") {
  wire::site s;
  s.routes.get("/big", [] { return std::string(1000, 'x'); });
  s.limits.max_unsent = 5000;
  s.start();
  aft::http::session session;
  std::string bytes;
  for (int i = 0; i < 100; ++i) bytes += "GET /big HTTP/1.1\r\nHost: a\r\n\r\n";
  const auto size = bytes.size();
  bytes.resize(size + aft::http::parser_slack);
  aft::buffer out;
  std::size_t used = 0, most = 0, answers = 0;
  while (used < size) {
    const auto taken = session.receive(*s.host, bytes.data() + used, size - used, out);
    REQUIRE(taken > 0);
    used += taken;
    most = std::max(most, out.size());
    const auto list = wire::statuses(std::string(out.view()));
    answers += (list.size() + 1) / 4;
    out.clear();
  }
  CHECK(answers == 100);
  CHECK(most < 7000);
}

#include <aft/http/stream.hpp>

#include <algorithm>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <aft/app.hpp>

#include "wire.hpp"

namespace {

// "1 2 3 ... count ", a line at a time.
aft::stream numbers(int count, aft::stream_options options = {}) {
  return aft::stream(
      [i = 0, count](aft::buffer& out) mutable {
        if (i < count) out.append(fmt::format("{} ", ++i));
        return i < count;
      },
      std::move(options));
}

struct row {
  int id;
  std::string text;
};

std::string sent(wire::site& s, const std::string& bytes) {
  s.start();
  aft::http::session session;
  aft::buffer out;
  auto pending = bytes + std::string(aft::http::parser_slack, 0);
  std::size_t used = 0;
  while (used < bytes.size() && !session.closing()) {
    const auto taken = session.receive(*s.host, pending.data() + used, bytes.size() - used, out);
    while (session.sending()) {
      aft::buffer part;
      session.send_more(*s.host, part);
      out.append(part.view());
    }
    if (!taken) break;
    used += taken;
  }
  auto text = std::string(out.view());
  for (std::size_t at = 0; (at = text.find("Date: ", at)) != text.npos;) text.erase(at, 37);
  return text + (session.broken() ? "[broken]" : session.closing() ? "[closing]" : "");
}

}  // namespace

TEST_CASE("an answer of unknown size goes in chunks, and the next follows it") {
  wire::site s;
  s.routes.get("/", [] { return numbers(3, {.content_type = "text/x"}); });
  const std::string get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  const std::string answer =
      "HTTP/1.1 200 OK\r\nContent-Type: text/x\r\nX-Content-Type-Options: nosniff\r\n"
      "Transfer-Encoding: chunked\r\n\r\n2\r\n1 \r\n2\r\n2 \r\n2\r\n3 \r\n0\r\n\r\n";
  CHECK(sent(s, get + get) == answer + answer);
}

TEST_CASE("an answer of known size says it") {
  wire::site s;
  s.routes.get("/", [] { return numbers(3, {.content_type = "", .size = 6}); });
  CHECK(sent(s, "GET / HTTP/1.1\r\nHost: a\r\n\r\n") ==
        "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n1 2 3 ");
  CHECK(sent(s, "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n") ==
        "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n");
}

TEST_CASE("HTTP/1.0 knows no chunks, so the end of the connection is the end of the answer") {
  wire::site s;
  s.routes.get("/", [] { return numbers(3, {.content_type = ""}); });
  CHECK(sent(s, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n") ==
        "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n1 2 3 [closing]");
}

TEST_CASE("an answer that cannot be ended breaks off visibly") {
  wire::site s;
  s.routes.get("/throws", [] {
    return aft::stream([i = 0](aft::buffer& out) mutable {
      if (++i == 2) throw std::runtime_error("no more");
      out.append("part");
      return true;
    });
  });
  s.routes.get("/short", [] { return numbers(2, {.size = 6}); });
  s.routes.get("/long", [] { return numbers(4, {.size = 6}); });
  for (const char* path : {"/throws", "/short", "/long"}) {
    const auto got = sent(s, fmt::format("GET {} HTTP/1.1\r\nHost: a\r\n\r\n", path));
    CAPTURE(path);
    CHECK(got.ends_with("[broken]"));
    CHECK(got.find("0\r\n\r\n") == got.npos);
  }
}

TEST_CASE("without a socket the whole answer is there") {
  aft::app app;
  app.get("/", [] { return numbers(10'000, {.headers = {{"X", "y"}}}); });
  const auto got = app.handle({});
  CHECK(got.body.size() == 48'894);
  CHECK(got.header("X") == "y");
  app.handle({.method = "HEAD"});
}

TEST_CASE("what a stream holds is freed when it ends, and when nobody wants it") {
  auto held = std::make_shared<int>(0);
  {
    aft::app app;
    app.get("/", [held] {
      return aft::stream([mine = held, i = 0](aft::buffer&) mutable { return ++i < 3; });
    });
    app.handle({});
    app.handle({.method = "HEAD"});
    CHECK(held.use_count() == 2);  // here and in the handler
  }
  CHECK(held.use_count() == 1);
}

TEST_CASE("rows are streamed as JSON, one a line") {
  wire::site s;
  s.routes.get("/", [] {
    std::vector<row> rows;
    for (int i = 0; i < 3000; ++i) rows.push_back({i, std::string(20, 'x')});
    return aft::json_lines(std::move(rows));
  });
  s.routes.get("/none", [] { return aft::json_lines(std::vector<row>()); });
  const auto answer = sent(s, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  CHECK(answer.find("Content-Type: application/x-ndjson\r\n") != answer.npos);
  CHECK(answer.find("{\"id\":0,\"text\":\"xxxxxxxxxxxxxxxxxxxx\"}\n{\"id\":1,") != answer.npos);
  CHECK(answer.find("{\"id\":2999,\"text\":\"xxxxxxxxxxxxxxxxxxxx\"}\n") != answer.npos);
  CHECK(std::count(answer.begin(), answer.end(), '{') == 3000);
  CHECK(sent(s, "GET /none HTTP/1.1\r\nHost: a\r\n\r\n").ends_with("\r\n0\r\n\r\n"));
}

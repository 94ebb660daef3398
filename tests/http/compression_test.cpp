#include <aft/http/compression.hpp>

#include <algorithm>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <aft/app.hpp>
#include <aft/ground/error.hpp>
#include <aft/http/events.hpp>
#include <aft/http/form.hpp>
#include <aft/http/stream.hpp>

#include "http/compression.hpp"
#include "wire.hpp"

namespace {

using aft::http::coding;
using aft::http::compressor;
using aft::http::decompressor;
using headers = std::vector<std::pair<std::string, std::string>>;

constexpr coding every_coding[] = {coding::zstd, coding::brotli, coding::gzip};

std::string name_of(coding c) { return std::string(aft::http::coding_names[std::size_t(c)]); }

std::string coded(coding c, std::string_view text, const aft::compression_options& options = {}) {
  aft::buffer out;
  const auto with = aft::http::make_compressor(c, options);
  with->begin(text.size());
  with->write(text, out, compressor::flushing::end);
  return std::string(out.view());
}

// What the bytes mean; "[malformed]" or "[more]" at its end where they are not whole.
std::string plain(coding c, std::string_view bytes, std::size_t piece = std::string_view::npos,
                  std::size_t room = 1000) {
  const auto with = aft::http::make_decompressor(c);
  aft::buffer out;
  while (!bytes.empty()) {
    auto part = bytes.substr(0, piece);
    bytes.remove_prefix(part.size());
    auto status = decompressor::status::full;
    while (status == decompressor::status::full) {
      const auto before = out.size();
      status = with->read(part, out, room);
      CHECK(out.size() - before <= room);
    }
    if (status == decompressor::status::malformed) return std::string(out.view()) + "[malformed]";
    CHECK(part.empty());
  }
  return std::string(out.view()) + (with->ended() ? "" : "[more]");
}

std::string plain(const std::string& name, std::string_view bytes) {
  for (const auto c : every_coding) {
    if (name == name_of(c)) return plain(c, bytes);
  }
  return std::string(bytes);
}

std::string text_of(std::size_t size) {
  std::string text;
  for (unsigned i = 0; text.size() < size; ++i) text += fmt::format("line {} {}\n", i, i * i % 97);
  text.resize(size);
  return text;
}

// Text that shrinks little, so that every codec has much to say about it.
std::string noise_of(std::size_t size) {
  std::string text;
  std::uint32_t state = 1;
  while (text.size() < size) {
    state = state * 1664525 + 1013904223;
    text += char('!' + (state >> 24) % 90);
  }
  return text;
}

std::string coding_of(const aft::test_response& r) {
  return std::string(r.header("Content-Encoding").value_or("-"));
}

const std::string large = text_of(3000);

struct site : aft::app {
  explicit site(aft::compression_options options = {}) : app({.compression = options}) {
    get("/text", [] { return large; });
    get("/small", [] { return text_of(1023); });
    get("/least", [] { return text_of(1024); });
    get("/noise", [] { return aft::response{200, noise_of(1100), "image/png", {}}; });
    get("/huge", [] { return text_of(700'000); });
    get("/open", [] { return large; }).compress();
    get("/never", [] { return large; }).compress(false);
    get("/missing", [] { return aft::response{404, large, "text/html", {}}; });
    get("/part", [] {
      return aft::response{206, large, "text/plain", {{"Content-Range", "bytes 0-2999/4000"}}};
    });
    get("/with/{name}/{value}", [](std::string name, std::string value) {
      return aft::response{200, large, "text/plain", {{name, value}}};
    });
  }
  aft::test_response ask(std::string target, headers lines = {{"Accept-Encoding", "gzip"}},
                         std::string method = "GET") {
    return handle({std::move(method), std::move(target), std::move(lines), {}});
  }
};

}  // namespace

TEST_CASE("what is coded comes back, however it is cut") {
  for (const auto c : every_coding) {
    CAPTURE(name_of(c));
    for (const auto& text : {std::string("x"), text_of(300), noise_of(300)}) {
      const auto bytes = coded(c, text);
      for (std::size_t at = 0; at <= bytes.size(); ++at) {
        aft::buffer out;
        const auto with = aft::http::make_decompressor(c);
        for (auto part :
             {std::string_view(bytes).substr(0, at), std::string_view(bytes).substr(at)}) {
          if (part.empty()) continue;
          CHECK(with->read(part, out, 10'000) == decompressor::status::hungry);
        }
        CHECK(out.view() == text);
        CHECK(with->ended());
      }
      CHECK(plain(c, bytes, 1, 1) == text);
    }
    const auto text = text_of(400'000) + noise_of(200'000);
    CHECK(plain(c, coded(c, text), 1000, 700) == text);
    CHECK(plain(c, coded(c, "")).empty());
  }
}

TEST_CASE("each level of each codec works") {
  const auto text = text_of(20'000);
  for (int level = 0; level <= 19; ++level) {
    aft::compression_options o;
    o.zstd_level = std::max(level, 1);
    o.brotli_quality = std::min(level, 11);
    o.gzip_level = std::clamp(level, 1, 9);
    for (const auto c : every_coding) CHECK(plain(c, coded(c, text, o)) == text);
  }
}

TEST_CASE("a compressor begins again, and what was flushed can be read") {
  for (const auto c : every_coding) {
    CAPTURE(name_of(c));
    const auto with = aft::http::make_compressor(c, {});
    for (int i = 0; i < 3; ++i) {
      aft::buffer out;
      with->begin({});
      with->write("first ", out, compressor::flushing::part);
      CHECK(plain(c, out.view()) == "first [more]");
      with->write("second ", out, compressor::flushing::none);
      with->write("third", out, compressor::flushing::part);
      CHECK(plain(c, out.view()) == "first second third[more]");
      with->write("", out, compressor::flushing::end);
      CHECK(plain(c, out.view()) == "first second third");
      if (i == 1) {
        aft::buffer unfinished;
        with->begin({});
        with->write(large, unfinished, compressor::flushing::none);
      }
    }
  }
}

TEST_CASE("what is cut short is not whole, and what is broken is malformed") {
  const auto text = noise_of(200);
  for (const auto c : every_coding) {
    CAPTURE(name_of(c));
    const auto bytes = coded(c, text);
    for (std::size_t size = 1; size < bytes.size(); ++size) {
      CHECK(plain(c, bytes.substr(0, size)).ends_with("[more]"));
    }
    for (const char* garbage : {"x", "\n", "garbage"}) {
      const auto got = plain(c, bytes + garbage, 7);
      CHECK(got.starts_with(text));
      CHECK(got != text);
      CHECK(plain(c, std::string(garbage) + bytes) != text);
    }
    CHECK(plain(c, "this is no such thing at all").find("[m") != std::string::npos);
  }
  auto damaged = coded(coding::gzip, text);
  damaged[damaged.size() - 6] ^= 1;  // its checksum
  CHECK(plain(coding::gzip, damaged) == text + "[malformed]");
}

TEST_CASE("gzip members and zstd frames follow each other") {
  const std::string skippable("\x5a\x2a\x4d\x18\x03\x00\x00\x00xyz", 11);
  for (const std::size_t piece : {1, 5, 10'000}) {
    CHECK(plain(coding::gzip, coded(coding::gzip, "a") + coded(coding::gzip, "b"), piece) == "ab");
    const auto frames = coded(coding::zstd, "a") + skippable + coded(coding::zstd, "b");
    CHECK(plain(coding::zstd, frames, piece) == "ab");
    // Its head looks like another frame's beginning; two bytes come after it.
    const std::string odd("\x28\xb5\x2f\xfd\x50\x2a\x4d\x18\x01\x00\x00\x00\x3d", 13);
    CHECK(plain(coding::zstd, odd, piece) == plain(coding::zstd, odd, 1));
    CHECK(plain(coding::zstd, odd, piece) != "");
  }
  const auto two = coded(coding::brotli, "a") + coded(coding::brotli, "b");
  CHECK(plain(coding::brotli, two) == "a[malformed]");
  // A frame of zstd 0.7, and one that wants a window of 16 MiB.
  CHECK(plain(coding::zstd, "\x27\xb5\x2f\xfd------------") == "[malformed]");
  const std::string wide("\x28\xb5\x2f\xfd\x00\x70\x01\x00\x00", 9);
  CHECK(plain(coding::zstd, wide) == "[malformed]");
}

TEST_CASE("the client's likes decide") {
  struct row {
    const char* accepted;
    const char* coding;
  };
  const row rows[] = {
      {"gzip", "gzip"},
      {"x-gzip", "gzip"},
      {"GZIP", "gzip"},
      {"br", "br"},
      {"zstd", "zstd"},
      {"gzip, deflate, br, zstd", "zstd"},
      {"gzip, deflate, br", "br"},
      {"gzip;q=1.0, br;q=0.5", "gzip"},
      {"*", "zstd"},
      {"*;q=0", "-"},
      {"zstd;q=0, *", "br"},
      {"deflate, compress", "-"},
      {"identity", "-"},
      {"identity, gzip;q=0.5", "-"},
      {"identity;q=0, gzip;q=0.5", "gzip"},
      {"gzip;q=0", "-"},
      {"", "-"},
      {";;;,,,", "-"},
  };
  site s;
  for (const auto& row : rows) {
    const char *const accepted = row.accepted, *const coding = row.coding;
    CAPTURE(accepted);
    const auto got = s.ask("/text", {{"Accept-Encoding", accepted}});
    CHECK(coding_of(got) == coding);
    CHECK(plain(coding, got.body) == large);
    CHECK(got.header("Vary") == "Accept-Encoding");
    CHECK(got.header("Content-Length") == std::to_string(got.body.size()));
    CHECK((got.body.size() < large.size()) == (std::string(coding) != "-"));
  }
  CHECK(coding_of(s.ask("/text", {})) == "-");
  CHECK(s.ask("/text", {}).header("Vary") == "Accept-Encoding");
  CHECK(coding_of(s.ask("/text", {{"Accept-Encoding", "br;q=0.1"}, {"accept-encoding", "gzip"}})) ==
        "gzip");
}

TEST_CASE("what gains nothing, or must stay as it is, is left alone") {
  struct row {
    const char* target;
    const char* coding;
    const char* vary;
  };
  const row rows[] = {
      {"/small", "-", "-"},
      {"/least", "gzip", "Accept-Encoding"},
      {"/noise", "-", "-"},  // an image
      {"/missing", "gzip", "Accept-Encoding"},
      {"/nowhere", "-", "-"},
      {"/never", "-", "-"},
      {"/part", "-", "-"},
      {"/with/Content-Range/bytes%20*%2F3", "-", "-"},
      {"/with/Content-Encoding/br", "br", "-"},
      {"/with/cache-control/public,%20No-Transform", "-", "-"},
      {"/with/Cache-Control/public", "gzip", "Accept-Encoding"},
      {"/with/Content-Digest/x", "-", "-"},
      {"/with/Vary/*", "gzip", "*"},
      {"/with/Vary/Origin,%20accept-encoding", "gzip", "Origin, accept-encoding"},
  };
  site s;
  for (const auto& row : rows) {
    const char *const target = row.target, *const coding = row.coding, *const vary = row.vary;
    CAPTURE(target);
    const auto got = s.ask(target);
    CHECK(coding_of(got) == coding);
    CHECK(got.header("Vary").value_or("-") == vary);
    if (coding != std::string("gzip")) CHECK((got.status == 404 || got.body.size() > 1000));
  }
  const auto both = s.ask("/with/Vary/Origin");
  CHECK(std::count(both.headers.begin(), both.headers.end(),
                   std::pair<std::string, std::string>("Vary", "Accept-Encoding")) == 1);
}

TEST_CASE("an answer that would grow stays as it is") {
  site s;
  s.get("/tight", [] {
    std::string bytes;
    for (std::uint32_t i = 0, x = 7; i < 2000; ++i) {
      x = x * 1664525 + 1013904223;
      bytes += char(x >> 24);
    }
    return aft::response{200, bytes, "font/ttf", {{"ETag", "\"a\""}}};
  });
  for (const char* accepted : {"gzip", "br", "zstd"}) {
    const auto got = s.ask("/tight", {{"Accept-Encoding", accepted}});
    CHECK(coding_of(got) == "-");
    CHECK(got.body.size() == 2000);
    CHECK(got.header("ETag") == "\"a\"");
    CHECK(got.header("Vary") == "Accept-Encoding");
  }
}

TEST_CASE(
    "who sends credentials gets no compression, unless the route says that it tells nothing") {
  site s;
  for (const char* credentials : {"Cookie", "Authorization"}) {
    const headers lines = {{"Accept-Encoding", "gzip"}, {credentials, "a=b"}};
    const auto kept = s.ask("/text", lines);
    CHECK(coding_of(kept) == "-");
    CHECK(kept.body == large);
    CHECK(kept.header("Vary") == "Accept-Encoding");
    CHECK(coding_of(s.ask("/open", lines)) == "gzip");
    CHECK(coding_of(s.ask("/never", lines)) == "-");
  }
  CHECK(coding_of(s.ask("/open")) == "gzip");
}

TEST_CASE("a strong tag becomes weak with compression, and with the answer that nothing changed") {
  site s;
  s.get("/tagged", [](const aft::request& r) {
    const auto same = r.header("If-None-Match").value_or("").find("\"v1\"") != std::string::npos;
    return aft::response{same ? 304 : 200,
                         same ? "" : large,
                         "text/plain",
                         {{"ETag", "\"v1\""}, {"Accept-Ranges", "bytes"}, {"X", "y"}}};
  });
  const auto whole = s.ask("/tagged", {});
  CHECK(whole.header("ETag") == "\"v1\"");
  CHECK(whole.header("Accept-Ranges") == "bytes");
  const auto got = s.ask("/tagged");
  CHECK(coding_of(got) == "gzip");
  CHECK(got.header("ETag") == "W/\"v1\"");
  CHECK(got.header("Accept-Ranges") == std::nullopt);
  CHECK(got.header("X") == "y");
  CHECK(s.ask("/with/ETag/W%2F%22v%22").header("ETag") == "W/\"v\"");

  const auto weak = s.ask("/tagged", {{"If-None-Match", "W/\"v1\""}});
  CHECK(weak.status == 304);
  CHECK(weak.header("ETag") == "W/\"v1\"");
  CHECK(weak.header("Vary") == "Accept-Encoding");
  const auto strong = s.ask("/tagged", {{"If-None-Match", "\"v1\""}});
  CHECK(strong.header("ETag") == "\"v1\"");
  CHECK(strong.header("Vary") == std::nullopt);
}

TEST_CASE("HEAD tells what GET would") {
  site s;
  s.get("/stream", [] {
    return aft::stream([](aft::buffer& out) { return out.append(large), false; },
                       {.content_type = "text/plain"});
  });
  for (const char* target : {"/text", "/huge", "/stream", "/small", "/part", "/never"}) {
    CAPTURE(target);
    auto get = s.ask(target), head = s.ask(target, {{"Accept-Encoding", "gzip"}}, "HEAD");
    CHECK(head.body.empty());
    for (auto* r : {&get, &head}) {
      std::erase_if(r->headers, [](const auto& h) { return h.first == "Date"; });
    }
    CHECK(get.headers == head.headers);
  }
}

TEST_CASE("a large answer is compressed while it is sent") {
  site s;
  s.get("/json", [] { return std::vector<std::string>(30'000, "a string"); });
  for (const auto c : every_coding) {
    CAPTURE(name_of(c));
    const auto got = s.ask("/huge", {{"Accept-Encoding", name_of(c)}});
    CHECK(coding_of(got) == name_of(c));
    CHECK(got.header("Content-Length") == std::nullopt);
    CHECK(got.header("Transfer-Encoding") == "chunked");
    CHECK(plain(c, got.body) == text_of(700'000));
    CHECK(plain(c, s.ask("/json", {{"Accept-Encoding", name_of(c)}}).body).size() == 330'001);
  }
  CHECK(s.ask("/huge", {}).body == text_of(700'000));
}

TEST_CASE("what is made while it is sent is compressed by what it is, and checked by its size") {
  struct row {
    const char* type;
    std::optional<std::uint64_t> size;
    const char* coding;
  };
  const row rows[] = {{"text/csv", {}, "gzip"},
                      {"text/csv", 3000, "gzip"},
                      {"image/png", {}, "-"},
                      {"text/event-stream", {}, "-"},
                      {"TEXT/event-stream;x", {}, "-"}};
  for (const auto& row : rows) {
    const char *const type = row.type, *const coding = row.coding;
    CAPTURE(type);
    site s;
    s.get("/stream", [row] {
      return aft::stream(
          [i = std::size_t(0)](aft::buffer& out) mutable {
            out.append(std::string_view(large).substr(i, 7));
            return (i += 7) < large.size();
          },
          {.content_type = row.type, .size = row.size});
    });
    const auto got = s.ask("/stream");
    CHECK(coding_of(got) == coding);
    CHECK(got.header("Vary").has_value() == (coding[0] == 'g'));
    CHECK(plain(coding, got.body) == large);
  }
  for (const std::uint64_t wrong : {2999, 3001}) {
    site s;
    s.get("/stream", [wrong] {
      return aft::stream([](aft::buffer& out) { return out.append(large), false; },
                         {.content_type = "text/plain", .size = wrong});
    });
    CHECK_THROWS_AS(s.ask("/stream"), aft::error);
  }
  site s;
  s.get("/short", [] {
    return aft::stream([](aft::buffer& out) { return out.append("abc"), false; },
                       {.content_type = "text/plain", .size = 3});
  });
  CHECK(coding_of(s.ask("/short")) == "-");
}

TEST_CASE("what a source has given reaches the client before the next comes") {
  for (const auto c : every_coding) {
    CAPTURE(name_of(c));
    wire::site s;
    s.compression.enabled = true;
    aft::event_feed feed({.heartbeat = aft::seconds(1)});
    s.routes.get("/events", [&feed] { return aft::event_stream(feed); }).compress();
    s.start();

    aft::http::session session;
    aft::buffer head, part;
    auto bytes = "GET /events HTTP/1.0\r\nAccept-Encoding: " + name_of(c) + "\r\n\r\n" +
                 std::string(aft::http::parser_slack, 0);
    session.receive(*s.host, bytes.data(), bytes.size() - aft::http::parser_slack, head);
    CHECK(head.view().find("Content-Encoding: " + name_of(c)) != head.view().npos);
    std::string got;
    const auto take = [&] {
      while (session.sending() && !session.starved()) session.send_more(*s.host, part);
      got += part.view();
      part.clear();
    };
    take();
    session.send_more(*s.host, part);  // nothing to say
    CHECK(part.empty());
    CHECK(plain(c, got) == "retry: 2000\n\n[more]");
    CHECK(session.heartbeat() == aft::seconds(1));
    for (const char* event : {"one", "two"}) {
      feed.publish(event);
      session.send_more(*s.host, part);
      take();
      const auto text = plain(c, got);
      CHECK(text.find(fmt::format("data: {}\n", event)) != text.npos);
    }
    session.beat(*s.host, part);
    take();
    CHECK(plain(c, got).ends_with(":\n\n[more]"));
    session.abandon(*s.host);
  }
}

TEST_CASE("a large answer leaves room for others between its pieces") {
  wire::site s;
  s.compression.enabled = true;
  s.routes.get("/huge", [] { return std::string(1'000'000, 'a'); });
  s.start();
  aft::http::session session;
  aft::buffer out;
  auto bytes = "GET /huge HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n" +
               std::string(aft::http::parser_slack, 0);
  session.receive(*s.host, bytes.data(), bytes.size() - aft::http::parser_slack, out);
  int turns = 0;
  for (; session.sending(); ++turns) session.send_more(*s.host, out);
  CHECK(turns >= 60);
  CHECK(out.size() < 5000);
  CHECK_FALSE(session.broken());
}

TEST_CASE("it can be turned off, and its levels are checked") {
  site s({.enabled = false});
  CHECK(coding_of(s.ask("/text")) == "-");
  CHECK(s.ask("/huge").header("Vary") == std::nullopt);
  CHECK(coding_of(site({.least_bytes = 1023}).ask("/small")) == "gzip");
  site wrong({.gzip_level = 10, .brotli_quality = 12, .zstd_level = 0});
  try {
    wrong.prepare();
    CHECK(false);
  } catch (const aft::configuration_error& e) {
    const std::string_view what = e.what();
    for (const char* name : {"gzip_level is 10", "brotli_quality is 12", "zstd_level is 0"}) {
      CHECK(what.find(name) != what.npos);
    }
  }
}

// ---- requests

namespace {

// Counts what it is given.
struct counting_sink {
  std::string text{};
  std::size_t most = 0;
  void write(std::string_view part) {
    text += part;
    most = std::max(most, part.size());
  }
};

struct echo : aft::app {
  explicit echo(std::size_t max_body = 100'000, aft::compression_options options = {})
      : app({.compression = options, .limits = {.max_body = max_body}}) {
    const auto checked = [](const aft::request& r) {
      return r.header("Content-Encoding") ? "[coded]" : "";
    };
    post("/whole", [checked](const aft::request& r, aft::body<std::string> b) {
      return aft::response{200, checked(r) + *b, "x/y", {}};
    });
    post("/parts", [checked](const aft::request& r, aft::body_into<counting_sink> b) {
      CHECK(b->most <= 32 * 1024);
      return aft::response{200, checked(r) + b->text, "x/y", {}};
    });
    post("/worker", aft::blocking([](aft::body<std::string> b) {
           return aft::response{200, *b, "x/y", {}};
         }));
    post("/form", [](aft::body_into<aft::form_data> f) { return std::string(*f->field("a")); });
  }
  aft::test_response send(std::string target, std::string coding, std::string body,
                          headers more = {}) {
    more.emplace_back("Content-Encoding", std::move(coding));
    return handle({"POST", std::move(target), std::move(more), std::move(body)});
  }
};

std::string in_chunks(std::string_view body, std::size_t size) {
  std::string chunks;
  for (; !body.empty(); body.remove_prefix(std::min(size, body.size()))) {
    const auto part = body.substr(0, size);
    chunks += fmt::format("{:x}\r\n{}\r\n", part.size(), part);
  }
  return chunks + "0\r\n\r\n";
}

}  // namespace

TEST_CASE("a handler sees a body without its coding") {
  echo app;
  const auto text = text_of(90'000);
  for (const auto c : every_coding) {
    CAPTURE(name_of(c));
    for (const char* target : {"/whole", "/parts", "/worker"}) {
      CAPTURE(target);
      CHECK(app.send(target, name_of(c), coded(c, text)).body == text);
      CHECK(app.send(target, "identity, " + name_of(c) + ", ", coded(c, "x")).body == "x");
      CHECK(app.send(target, name_of(c), coded(c, "")).body.empty());
      CHECK(app.send(target, name_of(c), "").status == 200);
      const headers chunked = {{"Transfer-Encoding", "chunked"}};
      CHECK(app.send(target, name_of(c), in_chunks(coded(c, text), 100), chunked).body == text);
      CHECK(app.send(target, name_of(c), in_chunks("", 1), chunked).body.empty());
    }
    CHECK(app.send("/form", name_of(c), coded(c, "a=b%20c"),
                   {{"Content-Type", "application/x-www-form-urlencoded"}})
              .body == "b c");
  }
  CHECK(app.send("/whole", "X-GZIP", coded(coding::gzip, text)).body == text);
  CHECK(app.send("/whole", "identity", "as it is").body == "[coded]as it is");
}

TEST_CASE("a coded body may come in pieces, and others may follow it") {
  for (const auto c : every_coding) {
    for (const char* target : {"/whole", "/parts"}) {
      wire::site s;
      s.compression.enabled = true;
      s.routes.post("/whole", [](aft::body<std::string> b) { return *b; });
      s.routes.post("/parts", [](aft::body_into<counting_sink> b) { return b->text; });
      s.start();
      const auto body = coded(c, "the text");
      const auto fixed = fmt::format(
          "POST {} HTTP/1.1\r\nHost: a\r\nContent-Encoding: {}\r\nContent-Length: {}\r\n\r\n{}",
          target, name_of(c), body.size(), body);
      const auto chunked = fmt::format(
          "POST {} HTTP/1.1\r\nHost: a\r\nContent-Encoding: {}\r\nTransfer-Encoding: "
          "chunked\r\n\r\n{}",
          target, name_of(c), in_chunks(body, 5));
      const auto bytes = fixed + chunked + fixed;
      for (std::size_t piece = 1; piece < bytes.size(); ++piece) {
        const auto got = wire::send(s, bytes, piece);
        CHECK(wire::statuses(got.answers) == "200 200 200");
        CHECK_FALSE(got.closing);
        CHECK(got.answers.ends_with("\r\n\r\nthe text"));
      }
      for (std::size_t size = fixed.size() - body.size() + 1; size < fixed.size(); ++size) {
        CHECK(wire::statuses(wire::send(s, fixed.substr(0, size), 20, true).answers) == "400");
      }
    }
  }
}

TEST_CASE("a coded body is decoded by pieces, a turn for each") {
  const std::string text(5'000'000, '0');
  for (const auto c : every_coding) {
    for (const std::string framing : {"fixed", "chunked"}) {
      for (const char* target : {"/whole", "/parts"}) {
        CAPTURE(name_of(c));
        CAPTURE(framing);
        CAPTURE(target);
        wire::site s;
        s.compression.enabled = true;
        s.limits.max_body = text.size();
        s.routes.post("/whole", [](aft::body<std::string> b) { return b->size(); });
        s.routes.post("/parts", [](aft::body_into<counting_sink> b) { return b->text.size(); });
        s.start();
        const auto body = coded(c, text);
        auto bytes = fmt::format("POST {} HTTP/1.1\r\nHost: a\r\nContent-Encoding: {}\r\n", target,
                                 name_of(c));
        if (framing == "fixed")
          bytes += fmt::format("Content-Length: {}\r\n\r\n", body.size()) + body;
        else bytes += "Transfer-Encoding: chunked\r\n\r\n" + in_chunks(body, 99);
        bytes += "POST /none HTTP/1.1\r\nHost: a\r\n\r\n";
        const auto size = bytes.size();
        bytes.resize(size + aft::http::parser_slack);

        aft::http::session session;
        aft::buffer out;
        std::size_t used = 0, turns = 0;
        while (session.decoding() || used < size) {
          used += session.receive(*s.host, bytes.data() + used, size - used, out);
          if (used == size) session.receive_end(*s.host, out);  // changes nothing until all is read
          REQUIRE(++turns < 1000);
        }
        CHECK(turns > 15);
        const std::string answers(out.view());
        CHECK(wire::statuses(answers) == "200 404");
        CHECK(answers.find("\r\n\r\n5000000HTTP/1.1 404") != answers.npos);
        session.abandon(*s.host);
      }
    }
  }
}

TEST_CASE("a bomb is refused before it goes off") {
  const std::string zeros(10'000'000, '\0');
  for (const auto c : every_coding) {
    CAPTURE(name_of(c));
    const auto bomb = coded(c, zeros);
    CHECK(bomb.size() < 12'000);
    echo app(100'000);
    for (const char* target : {"/whole", "/parts", "/worker"}) {
      const auto got = app.send(target, name_of(c), bomb);
      CHECK(got.status == 413);
      CHECK(got.header("Connection") == "close");
    }
    aft::http::body_decoder decoder(c, 100'000);
    aft::buffer out;
    std::string_view left = bomb;
    auto status = aft::http::body_decoder::status::more;
    while (status == aft::http::body_decoder::status::more) status = decoder.read(left, out);
    CHECK(status == aft::http::body_decoder::status::too_large);
    CHECK(out.size() <= 100'001);
    CHECK(out.capacity() < 400'000);
  }
}

TEST_CASE("the limit is met to the byte") {
  for (const auto c : every_coding) {
    for (const std::size_t limit : {0, 1, 1000, 32'768, 100'000}) {
      for (const std::size_t size : {limit, limit + 1}) {
        aft::http::body_decoder decoder(c, limit);
        aft::buffer out;
        const auto bytes = coded(c, text_of(size));
        std::string_view left = bytes;
        auto status = aft::http::body_decoder::status::more;
        while (status == aft::http::body_decoder::status::more) status = decoder.read(left, out);
        CHECK((status == aft::http::body_decoder::status::hungry) == (size == limit));
        if (size == limit) CHECK(decoder.whole());
      }
    }
  }
}

TEST_CASE("a body that is not what it says is refused") {
  echo app;
  const auto text = noise_of(500);
  for (const auto c : every_coding) {
    CAPTURE(name_of(c));
    const auto bytes = coded(c, text);
    for (const char* target : {"/whole", "/parts", "/worker"}) {
      CHECK(app.send(target, name_of(c), text).status == 400);
      CHECK(app.send(target, name_of(c), bytes.substr(0, bytes.size() - 1)).status == 400);
      CHECK(app.send(target, name_of(c), bytes + "garbage").status == 400);
      const headers chunked = {{"Transfer-Encoding", "chunked"}};
      CHECK(app.send(target, name_of(c), in_chunks(bytes + "x", 90), chunked).status == 400);
    }
  }
}

TEST_CASE("an unknown coding is refused with those that are known") {
  echo app;
  for (const char* coding :
       {"deflate", "compress", "gzip2", "*", "gzip, br", "gzip,gzip", "br;q=1", "identity, x"}) {
    CAPTURE(coding);
    for (const char* target : {"/whole", "/parts"}) {
      const auto got = app.send(target, coding, "text");
      CHECK(got.status == 415);
      CHECK(got.header("Accept-Encoding") == "zstd, br, gzip");
    }
  }
  CHECK(app.send("/whole", "gzip", "text", {{"Content-Encoding", "br"}}).status == 415);
  CHECK(app.send("/nowhere", "deflate", "text").status == 404);
  echo off(1000, {.enabled = false});
  CHECK(off.send("/whole", "deflate", "text").body == "[coded]text");
}

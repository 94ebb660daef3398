#include <aft/client/http_client.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <aft/app.hpp>
#include <aft/ground/error.hpp>

#include "../server/authority.hpp"
#include "../temporary_file.hpp"
#include "../watchdog.hpp"
#include "raw_server.hpp"

namespace {

using reason = aft::http_failure::reason;

struct rates {
  std::string base;
  double euro;
};

struct call_out {
  int unused;
};

// An app that others ask.
struct peer {
  aft::app app;
  peer() = default;
  explicit peer(aft::app_options options) : app(std::move(options)) {}
  std::string url(const std::string& path, aft::listen_options options = {}) {
    if (app.endpoints().empty()) {
      options.port = 0;
      options.threads = 1;
      app.start(std::move(options));
    }
    return app.endpoints().front().url() + path;
  }
};

// Options of a client that does not wait between its attempts.
struct pauses {
  std::vector<aft::duration> taken{};
  aft::http_client_options options(aft::http_client_options o = {}) {
    o.pause = [this](aft::duration d) { taken.push_back(d); };
    return o;
  }
};

std::string ok(const std::string& body = "ok") {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

}  // namespace

TEST_CASE("an answer is a value, whatever its status") {
  peer p;
  p.app.get("/rates", [] { return rates{"USD", 1.25}; });
  const aft::http_client web;
  const auto found = web.get(p.url("/rates"));
  REQUIRE(found);
  CHECK(found->ok());
  CHECK(found->attempts == 1);
  CHECK(found->header("content-type") == "application/json");
  const auto value = found->json<rates>();
  REQUIRE(value);
  CHECK(value->euro == 1.25);
  const auto missing = web.get(p.url("/nothing"));
  REQUIRE(missing);
  CHECK(missing->status == 404);
  CHECK_FALSE(missing->ok());
  CHECK_FALSE(missing->json<rates>());
}

TEST_CASE("values go out as JSON, with the method and headers that were given") {
  peer p;
  const auto tell = [](const aft::request& r) {
    return std::string(r.method_name()) + " " + std::string(r.header("Content-Type").value_or("")) +
           " " + std::string(r.header("X-One").value_or("none")) + " " + std::string(r.body());
  };
  p.app.post("/", tell);
  p.app.put("/", tell);
  p.app.patch("/", tell);
  p.app.del("/", tell);
  p.app.get("/", tell);
  const aft::http_client web;
  const auto url = p.url("/");
  CHECK(web.post(url, rates{"EUR", 1}, {.headers = {{"X-One", "1"}}})->body ==
        R"(POST application/json 1 {"base":"EUR","euro":1})");
  CHECK(web.put(url, 7)->body == "PUT application/json none 7");
  CHECK(web.patch(url, std::string("a"))->body == R"(PATCH application/json none "a")");
  CHECK(web.del(url)->body == "DELETE  none ");
  CHECK(web.get(url, {.headers = {{"X-One", ""}}})->body == "GET   ");
  CHECK(web.send({.method = "POST", .url = url, .body = "raw"})->body == "POST  none raw");
}

TEST_CASE("what is no header or method is an error, and is not sent") {
  const aft::http_client web;
  for (const auto& [name, value] : aft::header_list{{"A B", "1"},
                                                    {"A", "1\r\nB: 2"},
                                                    {"A", std::string("1\0", 2)},
                                                    {"", "1"},
                                                    {"Content-Length", "3"},
                                                    {"Transfer-Encoding", "chunked"}}) {
    CHECK_THROWS_AS(static_cast<void>(web.get("http://127.0.0.1:1/", {.headers = {{name, value}}})),
                    aft::error);
  }
  CHECK_THROWS_AS(static_cast<void>(web.send({.method = "GET /", .url = "http://127.0.0.1:1/"})),
                  aft::error);
}

TEST_CASE("what is no URL to ask is refused as such") {
  const aft::http_client web({.retries = 0});
  for (const auto* url : {"", "example.org", "ftp://example.org/", "file:///etc/passwd", "http://",
                          "http://a:b@example.org/", "gopher://127.0.0.1/", "http://exa mple.org/",
                          "http://example.org:99999/", "http://a\r\nHost: b/",
                          "javascript:alert(1)", "//example.org"}) {
    CAPTURE(url);
    const auto answer = web.get(url);
    REQUIRE_FALSE(answer);
    CHECK(answer.reason().why == reason::bad_url);
    CHECK(answer.reason().attempts == 0);
  }
  CHECK(web.get("http://" + std::string(10'000, 'a') + "/").reason().why == reason::bad_url);
  const aft::http_client strict({.https_only = true});
  CHECK(strict.get("http://example.org/").reason().why == reason::bad_url);
}

TEST_CASE("where nobody listens, and where no host is, the failure says so") {
  pauses p;
  const aft::http_client web(p.options({.hosts = {{"gone.test", "127.0.0.1"}}}));
  const auto port = unused_port();
  const auto alone = web.get("http://127.0.0.1:" + port + "/");
  CHECK(alone.reason().why == reason::cannot_connect);
  CHECK(alone.reason().attempts == 3);
  CHECK(p.taken.size() == 2);
  CHECK(web.get("http://gone.test:" + port + "/").reason().why == reason::cannot_connect);
  CHECK(web.get("http://no-such-host.invalid/").reason().why == reason::unknown_host);
}

TEST_CASE("what may be sent again is sent again, and waits longer each time") {
  raw_server server({"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", "", ok()});
  pauses p;
  const aft::http_client web(p.options({.backoff = aft::milliseconds(400)}));
  const auto answer = web.get(server.url());
  REQUIRE(answer);
  CHECK(answer->body == "ok");
  CHECK(answer->attempts == 3);
  REQUIRE(p.taken.size() == 2);
  CHECK(p.taken[0] >= aft::milliseconds(200));
  CHECK(p.taken[0] <= aft::milliseconds(400));
  CHECK(p.taken[1] >= aft::milliseconds(400));
  CHECK(p.taken[1] <= aft::milliseconds(800));
}

TEST_CASE("a POST is sent once, unless it says that it may come twice") {
  pauses p;
  const aft::http_client web(p.options());
  raw_server once({"", ok()});
  const auto lost = web.post(once.url(), 1);
  CHECK(lost.reason().why == reason::broken);
  CHECK(once.received().size() == 1);
  raw_server twice({"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n", ok()});
  CHECK(web.post(twice.url(), 1, {.idempotent = true})->status == 200);
  CHECK(twice.received().size() == 2);
  raw_server kept({"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"});
  CHECK(web.post(kept.url(), 1)->status == 503);
  CHECK(p.taken.size() == 1);
}

TEST_CASE("Retry-After is waited for where there is time, else the answer is given") {
  const auto busy = [](const char* after) {
    return std::string("HTTP/1.1 429 Too Many\r\nContent-Length: 0\r\nRetry-After: ") + after +
           "\r\n\r\n";
  };
  aft::manual_clock time(aft::time_point(aft::seconds(784111767)));  // 10 seconds before the date
  pauses p;
  const aft::http_client web(p.options({.time = &time}));
  raw_server server({busy("7"), busy("Sun, 06 Nov 1994 08:49:37 GMT"), ok()});
  CHECK(web.get(server.url())->status == 200);
  CHECK(p.taken == std::vector<aft::duration>{aft::seconds(7), aft::seconds(10)});
  raw_server later({busy("31"), ok()});
  CHECK(web.get(later.url())->status == 429);
  CHECK(later.received().size() == 1);
}

TEST_CASE("Retry-After of strangers is a bounded number or nothing") {
  const aft::time_point now(aft::seconds(784111777));
  struct row {
    const char* text;
    std::optional<aft::duration> is;
  };
  for (const auto& one : std::vector<row>{{"0", aft::duration()},
                                          {"120", aft::minutes(2)},
                                          {"99999999999999999999999999", aft::days(365)},
                                          {"Sun, 06 Nov 1994 08:50:37 GMT", aft::minutes(1)},
                                          {"Sun, 06 Nov 1990 08:49:37 GMT", aft::duration()},
                                          {"", {}},
                                          {"-1", {}},
                                          {"1.5", {}},
                                          {"soon", {}}}) {
    CAPTURE(one.text);
    const aft::http_response r{.status = 503, .headers = {{"retry-after", one.text}}};
    CHECK(r.retry_after(now) == one.is);
  }
  CHECK_FALSE(aft::http_response{.status = 503}.retry_after(now));
}

TEST_CASE("an answer that is too large is refused, in its body, its headers and unpacked") {
  peer p;
  p.app.get("/long", [] { return std::string(100'000, 'a'); });
  const auto url = p.url("/long");
  const aft::http_client web({.max_body_bytes = 50'000});
  CHECK(web.get(url).reason().why == reason::too_large);
  CHECK(web.get(url, {.headers = {{"Accept-Encoding", "identity"}}}).reason().why ==
        reason::too_large);
  CHECK(web.get(url, {.max_body_bytes = 100'000})->body.size() == 100'000);
  raw_server chatty(
      {"HTTP/1.1 200 OK\r\nA: " + std::string(70'000, 'a') + "\r\nContent-Length: 0\r\n\r\n"});
  CHECK(web.get(chatty.url(), {.retries = 0}).reason().why == reason::too_large);
}

TEST_CASE("a body can be received as it comes, without a place for all of it") {
  peer p;
  p.app.get("/long", [] { return std::string(3'000'000, 'a'); });
  p.app.get("/wrong", [] { return aft::response{.status = 500, .body = "no"}; });
  pauses no_waits;
  const aft::http_client web(no_waits.options({.max_body_bytes = 10'000}));
  std::size_t got = 0;
  const auto answer = web.get(p.url("/long"), {.receive = [&got](std::string_view part) {
                                got += part.size();
                                return true;
                              }});
  REQUIRE(answer);
  CHECK(got == 3'000'000);
  CHECK(answer->body.empty());
  CHECK(web.get(p.url("/wrong"), {.receive = [](std::string_view) { return true; }})->body == "no");
  CHECK(web.get(p.url("/long"), {.receive = [](std::string_view) { return false; }}).reason().why ==
        reason::cancelled);
  const auto throws = [](std::string_view) -> bool { throw std::runtime_error("full"); };
  CHECK_THROWS_WITH(static_cast<void>(web.get(p.url("/long"), {.receive = throws})), "full");
  CHECK(web.get(p.url("/wrong"), {.retries = 0})->status == 500);  // it is well after all that
}

TEST_CASE("what began to be received and broke off is not asked for again") {
  raw_server server({"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", ok()});
  pauses p;
  const aft::http_client web(p.options());
  std::string got;
  const auto answer = web.get(server.url(), {.receive = [&got](std::string_view part) {
                                got += part;
                                return true;
                              }});
  CHECK(answer.reason().why == reason::broken);
  CHECK(got == "half");
  CHECK(p.taken.empty());
}

TEST_CASE("what is no HTTP is no answer") {
  pauses p;
  for (const auto* bytes : {"SSH-2.0-OpenSSH\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab",
                            "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
                            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n"}) {
    CAPTURE(bytes);
    raw_server server({bytes});
    const aft::http_client web(p.options({.retries = 0}));
    const auto answer = web.get(server.url());
    REQUIRE_FALSE(answer);
    CHECK(answer.reason().why == reason::broken);
  }
}

TEST_CASE("a server that says nothing is left when the attempt's time is up") {
  raw_server server({raw_server::silence, ok("late but well")});
  pauses p;
  const aft::http_client web(p.options({.attempt_timeout = aft::milliseconds(100)}));
  CHECK(web.get(server.url())->body == "late but well");
  raw_server silent({raw_server::silence});
  CHECK(web.get(silent.url(), {.timeout = aft::milliseconds(50)}).reason().why ==
        reason::timed_out);
}

TEST_CASE("a call is cancelled while it waits for the answer, or for its next attempt") {
  watchdog guard("a cancelled call");
  raw_server silent({raw_server::silence});
  const aft::http_client web({.timeout = aft::minutes(10), .attempt_timeout = aft::minutes(10)});
  CHECK(web.get(silent.url(), {.cancelled = [&silent] { return !silent.received().empty(); }})
            .reason()
            .why == reason::cancelled);
  raw_server busy({"HTTP/1.1 503 Busy\r\nRetry-After: 300\r\nContent-Length: 0\r\n\r\n"});
  int asked = 0;
  CHECK(web.get(busy.url(), {.cancelled = [&] { return !busy.received().empty() && ++asked > 20; }})
            .reason()
            .why == reason::cancelled);
}

TEST_CASE("connections are used again by what may be sent twice, and by nothing else") {
  peer p;
  p.app.get("/", [] { return "a"; });
  p.app.post("/", [] { return "b"; });
  const aft::http_client web;
  const auto url = p.url("/");
  raw_server server({ok(), ok(), ok(), ok()}, raw_server::keeps);
  CHECK(web.get(server.url())->ok());
  CHECK(web.get(server.url())->ok());
  CHECK(server.connections() == 1);
  CHECK(web.post(server.url(), 1)->ok());
  CHECK(server.connections() == 2);
  CHECK(web.post(server.url(), 1, {.idempotent = true})->ok());
  CHECK(server.connections() == 2);
}

TEST_CASE("redirects are answers, and are followed only where that is wanted") {
  peer p;
  p.app.get("/from", [] { return aft::redirect("/to"); });
  p.app.post("/from", [] { return aft::redirect("/to"); });
  p.app.get("/round", [] { return aft::redirect("/round"); });
  p.app.get("/to", [] { return "there"; });
  p.app.get("/file", [] { return aft::redirect("file:///etc/passwd"); });
  const auto url = p.url("");
  const aft::http_client web;
  const auto answer = web.get(url + "/from");
  CHECK(answer->status == 303);
  CHECK(answer->header("Location") == "/to");
  const aft::http_client follows({.max_redirects = 3});
  CHECK(follows.get(url + "/from")->body == "there");
  CHECK(follows.post(url + "/from", 1)->status == 303);
  CHECK(follows.get(url + "/round").reason().why == reason::too_many_redirects);
  CHECK_FALSE(follows.get(url + "/file"));
}

TEST_CASE("a client for the open internet does not reach what is inside") {
  peer p;
  p.app.get("/", [] { return "inside"; });
  const auto url = p.url("/");
  const auto port = std::to_string(p.app.endpoints().front().port);
  pauses no_waits;
  const aft::http_client web(no_waits.options(
      {.addresses = aft::address_policy::open_internet,
       .hosts = {{"rebound.test", "127.0.0.1"}, {"meta.test", "169.254.169.254"}}}));
  for (const auto& host :
       {std::string("127.0.0.1"), std::string("localhost"), std::string("rebound.test"),
        std::string("2130706433"), std::string("0x7f.1"), std::string("0177.0.0.1"),
        std::string("[::1]"), std::string("[::ffff:127.0.0.1]"), std::string("0.0.0.0"),
        std::string("[::]"), std::string("meta.test"), std::string("10.0.0.1"),
        std::string("[64:ff9b::7f00:1]"), std::string("[2002:7f00:1::]"), std::string("[fe80::1]"),
        std::string("[fd00::1]")}) {
    CAPTURE(host);
    const auto answer = web.get("http://" + host + ":" + port + "/");
    REQUIRE_FALSE(answer);
    CHECK(answer.reason().why == reason::refused_address);
  }
  CHECK(no_waits.taken.empty());
  const aft::http_client knows(
      {.addresses = aft::address_policy::open_internet, .also_allowed = {"127.0.0.0/8"}});
  CHECK(knows.get(url)->body == "inside");
}

TEST_CASE("a redirect does not lead a client for the open internet inside") {
  peer p, inner;
  inner.app.get("/", [] { return "inside"; });
  auto inside = inner.url("/", {.address = "127.0.0.2"});
  p.app.get("/", [&inside] { return aft::redirect(inside); });
  const aft::http_client web({.retries = 0,
                              .max_redirects = 3,
                              .addresses = aft::address_policy::open_internet,
                              .also_allowed = {"127.0.0.1"}});
  CHECK(web.get(p.url("/")).reason().why == reason::refused_address);
}

TEST_CASE("servers are believed by their certificates alone") {
  temporary_folder folder;
  authority known("Known", folder / "known.pem"), other("Other", folder / "other.pem");
  const auto files = known.issue(folder / "server", {.name = "localhost"});
  peer p;
  p.app.get("/", [](const aft::request& r) { return r.secure() ? "secure" : "plain"; });
  const auto url = p.url("/", {.tls = {.certificates = {{files.certificate, files.key}}}});
  const auto named = "https://localhost" + url.substr(url.rfind(':'));
  const auto with = [](const std::string& authorities) {
    return aft::http_client_options{.retries = 0, .authorities = authorities};
  };
  CHECK(aft::http_client(with(known.file())).get(named)->body == "secure");
  CHECK(aft::http_client(with(other.file())).get(named).reason().why == reason::tls);
  CHECK(aft::http_client(with("")).get(named).reason().why == reason::tls);
  CHECK(aft::http_client(with(known.file())).get(url).reason().why == reason::tls);  // its name
  const aft::http_client careless({.unsafe_accept_any_certificate = true});
  CHECK(careless.get(url)->body == "secure");
}

TEST_CASE("a client shows its own certificate") {
  temporary_folder folder;
  authority known("Known", folder / "known.pem");
  const auto server = known.issue(folder / "server", {.name = "localhost"});
  const auto own = known.issue(folder / "client", {.name = "meter 7"});
  peer p;
  p.app.get("/", [](const aft::request& r) {
    return r.client_certificate() ? r.client_certificate()->subject : "nobody";
  });
  const auto url = p.url("/", {.tls = {.certificates = {{server.certificate, server.key}},
                                       .client_authorities = known.file()}});
  const auto named = "https://localhost" + url.substr(url.rfind(':'));
  const aft::http_client web(
      {.authorities = known.file(), .certificate = own.certificate, .key = own.key});
  CHECK(web.get(named)->body == "CN=meter 7,O=aft");
}

TEST_CASE("a server that fails often is not asked until its time is over") {
  const std::string broken = "HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n";
  raw_server server({broken, broken, broken, broken, broken, ok(), ok()});
  aft::manual_clock time;
  const aft::http_client web(
      {.retries = 0, .breaker = {.least_calls = 4, .open = aft::seconds(5)}, .time = &time});
  for (int i = 0; i < 4; ++i) CHECK(web.get(server.url())->status == 500);
  CHECK(web.get(server.url()).reason().why == reason::circuit_open);
  CHECK(web.get(server.url()).reason().attempts == 0);
  time.advance(aft::seconds(5));
  CHECK(web.get(server.url())->status == 500);  // one call tries it
  CHECK(web.get(server.url()).reason().why == reason::circuit_open);
  time.advance(aft::seconds(5));
  CHECK(web.get(server.url())->status == 200);
  CHECK(web.get(server.url())->status == 200);
  CHECK(server.received().size() == 7);
}

TEST_CASE("no more calls than there may be at once, and the others wait for their time") {
  watchdog guard("calls at once");
  raw_server slow({raw_server::silence});
  const aft::http_client web({.timeout = aft::minutes(5),
                              .attempt_timeout = aft::minutes(5),
                              .retries = 0,
                              .max_concurrent_per_host = 1});
  std::atomic<bool> enough{false};
  std::thread first([&] {
    CHECK(web.get(slow.url(), {.cancelled = [&enough] { return enough.load(); }}).reason().why ==
          reason::cancelled);
  });
  while (slow.received().empty()) std::this_thread::yield();
  CHECK(web.get(slow.url(), {.timeout = aft::milliseconds(20)}).reason().why == reason::busy);
  raw_server other({ok()});
  CHECK(web.get(other.url())->ok());
  enough = true;
  first.join();
}

TEST_CASE("a handler on an event loop is not let wait, one that is blocking is") {
  peer p;
  p.app.get("/inner", [] { return "inner"; });
  const aft::http_client web;
  std::string url;
  p.app.get("/loop", [&] { return web.get(url + "/inner")->body; });
  p.app.get("/work", aft::blocking([&] { return web.get(url + "/inner")->body; }));
  url = p.url("");
  CHECK(web.get(url + "/loop", {.retries = 0})->status == 500);
  CHECK(web.get(url + "/work")->body == "inner");
}

TEST_CASE("a route's deadline reaches the calls of its handler") {
  raw_server silent({raw_server::silence});
  const aft::http_client web({.timeout = aft::minutes(10), .attempt_timeout = aft::minutes(10)});
  aft::app app;
  std::atomic<int> seen{-1};
  app.get("/", aft::blocking([&] {
            const auto answer = web.get(silent.url());
            seen = answer ? 0 : int(answer.reason().why);
            return "ended";
          }))
      .deadline(aft::milliseconds(150));
  app.handle({.target = "/"});
  CHECK(seen == int(reason::timed_out));
}

TEST_CASE("a job's time-out reaches its calls") {
  raw_server silent({raw_server::silence});
  const aft::http_client web({.timeout = aft::minutes(10), .attempt_timeout = aft::minutes(10)});
  aft::app app({.database = ":memory:"});
  int seen = -1;
  app.job<call_out>(
      [&](const call_out&) {
        const auto answer = web.get(silent.url());
        seen = answer ? 0 : int(answer.reason().why);
      },
      {.timeout = aft::milliseconds(150)});
  app.db().write([](aft::transaction& tx) { aft::enqueue(tx, call_out{}); });
  app.run_due_jobs();
  CHECK(seen == int(reason::timed_out));
}

TEST_CASE("every request can be given a line, and the environment is not asked for a proxy") {
  ::setenv("http_proxy", ("http://127.0.0.1:" + unused_port()).c_str(), 1);
  peer p;
  p.app.get("/", [](const aft::request& r) { return std::string(*r.header("Traceparent")); });
  const aft::http_client web({.prepare = [](aft::http_request& r) {
    r.headers.emplace_back("Traceparent", "00-1-2-01");
  }});
  CHECK(web.get(p.url("/"))->body == "00-1-2-01");
  const aft::http_client asks({.retries = 0, .proxy_from_environment = true});
  CHECK(asks.get(p.url("/")).reason().why == reason::cannot_connect);
  ::unsetenv("http_proxy");
  CHECK_THROWS_AS(aft::http_client({.addresses = aft::address_policy::open_internet,
                                    .proxy = "http://127.0.0.1:3128"}),
                  aft::configuration_error);
}

TEST_CASE("packed answers come unpacked") {
  peer p;
  p.app.get("/", [] { return std::string(10'000, 'a'); });
  const aft::http_client web;
  const auto answer = web.get(p.url("/"));
  CHECK(answer->header("Content-Encoding"));
  CHECK(answer->body == std::string(10'000, 'a'));
}

TEST_CASE("many threads share a client") {
  peer p;
  p.app.get("/{n}", [](std::int64_t n) { return n; });
  const auto url = p.url("/");
  const aft::http_client web;
  std::vector<std::thread> threads;
  std::atomic<int> right{0};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 25; ++i) {
        const auto n = std::to_string(t * 100 + i);
        const auto answer = web.get(url + n);
        right += answer && answer->body == n;
      }
    });
  }
  for (auto& t : threads) t.join();
  CHECK(right == 100);
}

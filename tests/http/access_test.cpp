#include <aft/http/access.hpp>

#include <doctest/doctest.h>

#include <aft/app.hpp>

namespace {

struct site : aft::app {
  explicit site(aft::access_options access = {}, aft::page_options pages = {})
      : app({.access = std::move(access), .pages = std::move(pages)}) {
    get("/", [] { return "read"; });
    post("/", [] { return "changed"; });
    get("/page", [] { return aft::html("<p>"); });
    get("/own", [] {
      return aft::response{200, "<p>", "text/html", {{"Content-Security-Policy", "default-src *"}}};
    });
  }
  using headers = std::vector<std::pair<std::string, std::string>>;
  aft::test_response ask(const char* method, headers lines, const char* target = "/") {
    return handle({method, target, std::move(lines), {}});
  }
  int status(const char* method, headers lines, const char* target = "/") {
    return ask(method, std::move(lines), target).status;
  }
};

std::string refused(aft::access_options access) {
  try {
    site s(std::move(access));
    s.prepare();
  } catch (const aft::configuration_error& e) {
    return e.what();
  }
  return "";
}

}  // namespace

TEST_CASE("a server answers under its own names alone") {
  site s({.hosts = {"api.example.org", "*.example.net"}});
  for (const char* host :
       {"localhost", "LOCALHOST:8080", "app.localhost", "127.0.0.1", "127.0.0.1:80", "[::1]:8080",
        "192.168.1.7", "api.example.org", "API.example.org:443", "api.example.org.",
        "a.example.net", "a.b.example.net"}) {
    CAPTURE(host);
    CHECK(s.status("GET", {{"Host", host}}) == 200);
  }
  CHECK(s.status("GET", {{"Host", ""}}) == 400);
  for (const char* host : {"rebound.example", "example.org", "xapi.example.org", "example.net",
                           "api.example.org.evil.example", "127.0.0.1.evil.example", "1.2.3",
                           "1.2.3.4.5", "localhost.evil.example", "evil-localhost"}) {
    CAPTURE(host);
    CHECK(s.status("GET", {{"Host", host}}) == 421);
  }
  CHECK(s.status("GET", {{"Host", "localhost"}}, "http://evil.example/") == 421);
  CHECK(s.status("GET", {{"Host", "evil.example"}}, "http://localhost/") == 200);
  CHECK(site({.hosts = {"*"}}).status("GET", {{"Host", "anything.example"}}) == 200);
}

TEST_CASE("a page of another origin changes nothing") {
  site s({.origins = {"https://app.example.org"}});
  const std::pair<std::string, std::string> host{"Host", "localhost:8080"};
  struct row {
    const char* what;
    site::headers lines;
    int post;
  };
  const row rows[] = {
      {"a program", {host}, 200},
      {"a page of ours", {host, {"Origin", "http://localhost:8080"}}, 200},
      {"the same, said by the browser", {host, {"Sec-Fetch-Site", "same-origin"}}, 200},
      {"an address typed by hand", {host, {"Sec-Fetch-Site", "none"}}, 200},
      {"a page that may", {host, {"Origin", "https://app.example.org"}}, 200},
      {"it, and the browser's word",
       {host, {"Origin", "https://app.example.org"}, {"Sec-Fetch-Site", "cross-site"}},
       200},
      {"a stranger's page", {host, {"Origin", "https://evil.example"}}, 403},
      {"its form", {host, {"Sec-Fetch-Site", "cross-site"}}, 403},
      {"a page of a neighbour", {host, {"Sec-Fetch-Site", "same-site"}}, 403},
      {"another port", {host, {"Origin", "http://localhost:9090"}}, 403},
      {"a page without an origin", {host, {"Origin", "null"}}, 403},
      {"an origin that only begins like ours", {host, {"Origin", "http://localhost:8080.a"}}, 403},
  };
  for (const auto& r : rows) {
    CAPTURE(r.what);
    CHECK(s.status("POST", r.lines) == r.post);
    CHECK(s.status("GET", r.lines) == 200);
  }
  auto upgrade = rows[6].lines;
  upgrade.push_back({"Connection", "Upgrade"});
  upgrade.push_back({"Upgrade", "websocket"});
  CHECK(s.status("GET", upgrade) == 403);
}

TEST_CASE("pages of known origins may read answers, and others may not") {
  site s({.origins = {"https://app.example.org"},
          .credentials = true,
          .response_headers = {"X-Total"}});
  const auto ask = [&](const char* origin, const char* method = "GET") {
    return s.ask(method, {{"Origin", origin}, {"Access-Control-Request-Method", "POST"}});
  };
  const auto known = ask("https://app.example.org");
  CHECK(known.header("Access-Control-Allow-Origin") == "https://app.example.org");
  CHECK(known.header("Access-Control-Allow-Credentials") == "true");
  CHECK(known.header("Access-Control-Expose-Headers") == "X-Total");
  CHECK(known.header("Vary") == "Origin");
  const auto foreign = ask("https://evil.example");
  CHECK(!foreign.header("Access-Control-Allow-Origin"));
  CHECK(foreign.header("Vary") == "Origin");  // a cache must not mix them up
  CHECK(s.handle({.target = "/missing", .headers = {{"Origin", "https://app.example.org"}}})
            .header("Access-Control-Allow-Origin"));

  const auto preflight = ask("https://app.example.org", "OPTIONS");
  CHECK(preflight.status == 204);
  CHECK(preflight.header("Access-Control-Allow-Methods")->find("PATCH") != std::string::npos);
  CHECK(preflight.header("Access-Control-Allow-Headers") == "Authorization, Content-Type");
  CHECK(preflight.header("Access-Control-Max-Age") == "600");
  CHECK(!ask("https://evil.example", "OPTIONS").header("Access-Control-Allow-Methods"));

  site any({.origins = {"*"}});
  CHECK(any.status("POST", {{"Origin", "https://x.example"}}) == 200);
  CHECK(any.status("POST", {{"Origin", "https://x.example"}, {"Cookie", "a=1"}}) == 403);

  site plain;
  CHECK(!plain.handle({}).header("Vary"));
  site open({.origins = {"*"}});
  CHECK(open.ask("GET", {{"Origin", "https://any.example"}}).header("Access-Control-Allow-Origin"));
}

TEST_CASE("the verdict belongs to the request, whatever the one before was") {
  site s({.hosts = {"a.example"}});
  for (int i = 0; i < 3; ++i) {
    CHECK(s.status("GET", {{"Host", "a.example"}}) == 200);
    CHECK(s.status("GET", {{"Host", "b.example"}}) == 421);
    CHECK(s.status("GET", {{"Host", "a.example"}}, "http://b.example/") == 421);
  }
}

TEST_CASE("what is no host, origin or header fails the start") {
  CHECK(refused({.hosts = {"a b"}}).find("is no host") != std::string::npos);
  CHECK(refused({.hosts = {"a.example:80"}}).find("is no host") != std::string::npos);
  CHECK(refused({.origins = {"app.example.org"}}).find("is no origin") != std::string::npos);
  CHECK(refused({.origins = {"https://a.example/"}}).find("is no origin") != std::string::npos);
  CHECK(refused({.origins = {"*"}, .credentials = true}).find("must be named") !=
        std::string::npos);
  CHECK(refused({.origins = {"*"}, .request_headers = {"a b"}}).find("no header name") !=
        std::string::npos);
}

TEST_CASE("pages have headers that keep others out, each of which can be changed or left out") {
  struct row {
    const char* name;
    std::string aft::page_options::*option;
    const char* value;
  };
  const row rows[] = {
      {"Content-Security-Policy", &aft::page_options::content_security_policy,
       "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
       "object-src 'none'"},
      {"Referrer-Policy", &aft::page_options::referrer_policy, "same-origin"},
      {"Cross-Origin-Opener-Policy", &aft::page_options::cross_origin_opener_policy, "same-origin"},
      {"X-Frame-Options", &aft::page_options::frame_options, "DENY"},
  };
  const auto ask = [](aft::page_options pages, const char* target, const char* name) {
    aft::app app({.pages = std::move(pages)});
    app.get("/page", [] { return aft::html("<p>"); });
    app.get("/data", [] { return "data"; });
    app.get("/own", [name] {
      return aft::response{200, "<p>", "text/html", {{name, "of the handler"}}};
    });
    return app.handle({.target = target});
  };
  for (const auto& r : rows) {
    CAPTURE(r.name);
    CHECK(ask({}, "/page", r.name).header(r.name) == r.value);
    aft::page_options changed, none;
    changed.*r.option = "of the options";
    (none.*r.option).clear();
    CHECK(ask(changed, "/page", r.name).header(r.name) == "of the options");
    CHECK(ask(changed, "/own", r.name).header(r.name) == "of the handler");
    CHECK(!ask(none, "/page", r.name).header(r.name));
    CHECK(!ask({}, "/data", r.name).header(r.name));
  }
  for (const char* target : {"/page", "/data", "/own", "/missing"}) {
    CHECK(ask({}, target, "X").header("X-Content-Type-Options") == "nosniff");
  }
}

TEST_CASE("a page has its headers, however many it sets itself") {
  for (std::size_t size = 0; size < 600; ++size) {
    aft::app app;
    app.get("/", [size] {
      return aft::response{200, "<p>", "text/html", {{"X", std::string(size, 'x')}}};
    });
    const auto got = app.handle({});
    CHECK(got.header("X-Frame-Options") == "DENY");
    CHECK(got.header("Referrer-Policy") == "same-origin");
  }
}

#include <aft/local.hpp>

#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include <aft/http/websocket.hpp>

#include "../server/client.hpp"
#include "../temporary_file.hpp"

extern char** environ;

namespace {

using namespace std::string_literals;

struct amount {
  int by;
};

// A local app with something to lose.
struct counting {
  temporary_folder folder;
  std::string place = folder / "counter";
  aft::manual_clock time;
  std::atomic<int> count{0};
  std::optional<aft::app> app{};
  std::optional<aft::local> here{};
  std::uint16_t port = 0;

  explicit counting(aft::access_options access = {}) {
    app.emplace(aft::app_options{.access = std::move(access), .time = &time});
    app->get("/count", [this] { return int(count); });
    app->post("/count", [this](aft::body<amount> more) { return count += more->by; });
    app->post("/reset", [this] { count = 0; });
    app->get("/socket", [] { return aft::websocket({}); });
    app->get("/page", [] { return aft::html("<p>here"); });
    here.emplace(*app, aft::local_options{.name = "counter", .directory = place});
    port = here->start({.port = 0, .threads = 1}).port;
  }
  ~counting() {
    here.reset();
    app.reset();
  }

  // Over a new connection; the lines come after Host, which stands in them where it is not ours.
  std::string ask(const std::string& request_line, const std::string& lines = "",
                  const std::string& body = "") const {
    client c(port);
    const auto host = lines.find("Host:") == lines.npos ? "Host: 127.0.0.1\r\n" : "";
    c.send(request_line + " HTTP/1.1\r\n" + host + lines +
           (body.empty() ? "" : "Content-Length: " + std::to_string(body.size()) + "\r\n") +
           "\r\n" + body);
    return c.response();
  }
  std::string token_line() const { return "Authorization: Bearer " + here->token() + "\r\n"; }
  std::string file() const { return place + "/server.json"; }
};

int status_of(const std::string& answer) {
  return answer.starts_with("HTTP/1.1 ") ? std::stoi(answer.substr(9, 3)) : 0;
}

std::string line_of(const std::string& answer, const std::string& name) {
  const auto at = answer.find("\r\n" + name + ": ");
  if (at == answer.npos) return "";
  const auto begin = at + name.size() + 4;
  return answer.substr(begin, answer.find("\r\n", begin) - begin);
}

const std::string json_line = "Content-Type: application/json\r\n";
const std::string upgrade_lines =
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

std::string text_of(const std::string& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

unsigned mode_of(const std::string& path) {
  struct stat about {};
  return ::lstat(path.c_str(), &about) == 0 ? about.st_mode & 07777 : 0;
}

std::string why_not(const aft::local_options& options) {
  aft::app app;
  try {
    aft::local here(app, options);
  } catch (const aft::configuration_error& e) {
    return e.what();
  }
  return "";
}

bool says(const std::string& text, const char* part) { return text.find(part) != text.npos; }

}  // namespace

TEST_CASE("whoever has the token is served, in every room of the app") {
  counting s;
  CHECK(status_of(s.ask("GET /count", s.token_line())) == 200);
  CHECK(status_of(s.ask("GET /count", "authorization: bearer " + s.here->token() + "\r\n")) == 200);
  CHECK(status_of(s.ask("POST /count", s.token_line() + json_line, R"({"by":2})")) == 200);
  CHECK(s.count == 2);
  CHECK(status_of(s.ask("GET /socket", s.token_line() + upgrade_lines)) == 101);
  CHECK(status_of(s.ask("GET /nowhere", s.token_line())) == 404);
  CHECK(s.here->token().size() == 43);  // 256 bits in base64url
}

TEST_CASE("without the token nothing is told, not even what there is") {
  counting s;
  const auto refused = s.ask("POST /count", json_line, R"({"by":1})");
  CHECK(status_of(refused) == 401);
  CHECK(line_of(refused, "Content-Type") == "application/problem+json");
  CHECK(line_of(refused, "WWW-Authenticate") == "Bearer");
  const auto body = [](const std::string& a) { return a.substr(a.find("\r\n\r\n")); };
  for (const char* line : {"GET /count", "GET /nowhere", "DELETE /count", "BREW /count",
                           "OPTIONS /count", "GET /%zz", "GET /count/", "OPTIONS *"}) {
    CAPTURE(line);
    const auto answer = s.ask(line);
    CHECK(status_of(answer) == 401);
    CHECK(body(answer) == body(refused));
    CHECK(line_of(answer, "Allow").empty());
  }
  CHECK(status_of(s.ask("POST /count", json_line, "{")) == 401);  // a body that nobody reads
  CHECK(status_of(s.ask("POST /count", "Content-Length: 999999999999\r\n")) == 401);
  CHECK(status_of(s.ask("GET /socket", upgrade_lines)) == 401);
  CHECK(s.app->handle({.target = "/count"}).status == 401);
  CHECK(s.count == 0);
}

TEST_CASE("a wrong token, or the right one in a wrong place, is none") {
  counting s;
  const auto& token = s.here->token();
  auto other = token;
  other.back() = other.back() == 'A' ? 'B' : 'A';
  for (const std::string& lines : std::vector<std::string>{
           "Authorization: Bearer " + other, "Authorization: Bearer " + token.substr(1),
           "Authorization: Bearer " + token + "A", "Authorization: Bearer"s,
           "Authorization: Bearer \""s + token + "\"", "Authorization: " + token,
           "Authorization: Basic " + token, "Proxy-Authorization: Bearer " + token,
           "X-Token: " + token, "Cookie: aft_page=" + token, "Cookie: aft_page=",
           "Authorization: Bearer " + other + "\r\nAuthorization: Bearer " + other}) {
    CAPTURE(lines);
    CHECK(status_of(s.ask("POST /reset", lines + "\r\n")) == 401);
  }
  for (const auto& query : {"?token=", "?access_token=", "?aft_token="}) {
    CHECK(status_of(s.ask("GET /count"s + query + token)) == 401);
  }
  CHECK(status_of(s.ask("POST /reset", "", "token=" + token)) == 401);
}

TEST_CASE("a page that lets its own name point here stays outside, with the token too") {
  counting s;
  for (const char* host : {"evil.example", "evil.example:80", "127.0.0.1.evil.example", ":8080",
                           "localhost.evil.example", "0x7f000001", "2130706433", "127.1"}) {
    CAPTURE(host);
    const auto lines = "Host: "s + host + "\r\n" + s.token_line();
    CHECK(status_of(s.ask("GET /count", lines)) == 421);
    CHECK(status_of(s.ask("POST /reset", lines)) == 421);
  }
  CHECK(status_of(s.ask("GET /count", "Host:\r\n" + s.token_line())) == 400);
  client nameless(s.port);
  nameless.send("GET /count HTTP/1.1\r\n" + s.token_line() + "\r\n");
  CHECK(status_of(nameless.response()) == 400);
  CHECK(status_of(s.ask("GET /count", "Host: 127.0.0.1\r\nHost: evil.example\r\n")) == 400);
  CHECK(status_of(s.ask("GET http://evil.example/count", s.token_line())) == 421);
}

TEST_CASE("pages of other origins change nothing and open no WebSocket, with the token too") {
  counting s;
  const auto own = "Host: 127.0.0.1:" + std::to_string(s.port) + "\r\n" + s.token_line();
  for (const char* origin : {"http://evil.example", "null", "http://127.0.0.1:1",
                             "http://localhost", "http://127.0.0.1.evil.example", "file://"}) {
    CAPTURE(origin);
    const auto lines = own + "Origin: " + origin + "\r\n";
    // As forms do: no preflight comes first.
    for (const char* type :
         {"application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain"}) {
      const auto answer =
          s.ask("POST /count", lines + "Content-Type: " + type + "\r\n", R"({"by":1})");
      CHECK(status_of(answer) == 403);
      CHECK(line_of(answer, "Access-Control-Allow-Origin").empty());
    }
    CHECK(status_of(s.ask("GET /socket", lines + upgrade_lines)) == 403);
  }
  CHECK(status_of(s.ask("POST /reset", own + "Sec-Fetch-Site: cross-site\r\n")) == 403);
  CHECK(s.count == 0);
}

TEST_CASE("a preflight needs no token, and what follows it does") {
  counting s({.origins = {"https://app.example"}});
  const auto origin = "Origin: https://app.example\r\n"s;
  const auto asked = origin + "Access-Control-Request-Method: POST\r\n";
  CHECK(status_of(s.ask("OPTIONS /count", asked)) == 204);
  const auto refused = s.ask("POST /reset", origin);
  CHECK(status_of(refused) == 401);
  CHECK(line_of(refused, "Access-Control-Allow-Origin") == "https://app.example");
  CHECK(status_of(s.ask("POST /reset", origin + s.token_line())) == 204);
  CHECK(status_of(s.ask("OPTIONS /count",
                        "Origin: https://evil.example\r\n"
                        "Access-Control-Request-Method: POST\r\n")) == 401);
}

namespace {

// As a browser: "http://HOST/?aft_token=..." is asked for, and where it leads and what it sets are
// kept.
struct opened_page {
  std::string host_line, target, location, cookie_line, set_cookie, cache_control;
  int status;

  opened_page(const counting& s, const std::string& link) {
    const auto host_end = link.find('/', 7);
    host_line = "Host: " + link.substr(7, host_end - 7) + "\r\n";
    target = link.substr(host_end);
    const auto answer = s.ask("GET " + target, host_line + "Sec-Fetch-Site: none\r\n");
    status = status_of(answer);
    const auto url = answer.find("content=\"0;url=");
    if (url != answer.npos) location = answer.substr(url + 15, answer.find("\">", url) - url - 15);
    cache_control = line_of(answer, "Cache-Control");
    set_cookie = line_of(answer, "Set-Cookie");
    cookie_line = "Cookie: " + set_cookie.substr(0, set_cookie.find(';')) + "\r\n";
  }
};

}  // namespace

TEST_CASE("a link opens a page in a browser once, and its cookie counts as the token") {
  counting s;
  const auto link = s.here->page_url("/page?a=1");
  CHECK(link.find(".localhost:" + std::to_string(s.port) + "/?aft_token=") == 7 + 32);
  CHECK(link.find(s.here->token()) == link.npos);

  const opened_page page(s, link);
  CHECK(page.status == 200);  // a redirection would keep the Strict cookie from its own target
  CHECK(page.cache_control == "no-store");
  const opened_page odd(s, s.here->page_url("/\"><script>'&\xc3\xa4"));
  CHECK(odd.location == "/&quot;&gt;&lt;script&gt;&#39;&amp;\xc3\xa4");
  CHECK(page.location == "/page?a=1");
  CHECK(page.set_cookie.ends_with("; Path=/; HttpOnly; SameSite=Strict"));
  CHECK(!says(page.set_cookie, s.here->token().c_str()));
  const auto known = page.host_line + page.cookie_line;
  CHECK(status_of(s.ask("GET " + page.location, known)) == 200);

  const auto origin = "Origin: http://" + page.host_line.substr(6);
  CHECK(status_of(s.ask("POST /reset", known + origin)) == 204);
  CHECK(status_of(s.ask("GET /socket", known + origin + upgrade_lines)) == 101);
  CHECK(status_of(s.ask("GET " + page.target, page.host_line)) == 401);  // the link, again
}

TEST_CASE("the cookie counts for pages of the app itself alone") {
  counting s({.origins = {"http://127.0.0.1:3000"}, .credentials = true});
  const opened_page page(s, s.here->page_url());
  const auto known = page.host_line + page.cookie_line;
  // Another server on this machine is the same site to a browser.
  for (const char* line : {"Sec-Fetch-Site: same-site\r\n", "Origin: http://127.0.0.1:1\r\n",
                           "Sec-Fetch-Site: cross-site\r\n", "Origin: http://127.0.0.1:3000\r\n"}) {
    CAPTURE(line);
    CHECK(status_of(s.ask("GET /count", known + line)) == 401);
  }
  CHECK(status_of(s.ask("GET /count", known + "Sec-Fetch-Site: same-origin\r\n")) == 200);
  CHECK(status_of(s.ask("GET /count", known + "Origin: http://evil.example\r\n")) == 401);
}

TEST_CASE("a link is for a minute, for GET, and for one of the app's own paths") {
  counting s;
  const auto late = s.here->page_url();
  s.time.advance(aft::seconds(61));
  CHECK(opened_page(s, late).status == 401);

  const auto link = s.here->page_url("/page");
  const auto word = link.substr(link.find('?'));
  CHECK(status_of(s.ask("POST /" + word)) == 401);
  CHECK(status_of(s.ask("GET //evil.example/x" + word.substr(0, word.size() - 1))) == 401);
  for (const auto& host : {"127.0.0.1"s, "localhost:" + std::to_string(s.port), "a.localhost"s,
                           "x" + link.substr(7, link.find('/', 7) - 7)}) {
    CAPTURE(host);
    CHECK(status_of(s.ask("GET /" + word, "Host: " + host + "\r\n")) == 401);
  }
  const auto host_line = "Host: " + link.substr(7, link.find(':', 7) - 7) + "\r\n";
  CHECK(says(s.ask("GET //evil.example/" + word, host_line), "content=\"0;url=/page\""));
  for (const auto& path :
       {""s, "page"s, "//evil.example"s, "/\\evil.example"s, "http://evil.example"s,
        "/\t/evil.example"s, "/a\nb"s, "/a\r\nb"s, "/a b"s, "/a\x7f"s, "/a\0b"s}) {
    CAPTURE(path);
    CHECK_THROWS_AS(s.here->page_url(path), aft::error);
  }

  const auto first = s.here->page_url();
  for (int i = 0; i < 64; ++i) s.here->page_url();
  CHECK(opened_page(s, first).status == 401);  // those nobody uses are not kept for ever

  counting other;
  CHECK(opened_page(other, s.here->page_url()).status == 401);
}

TEST_CASE("a page's file holds a link for its user alone, until the next or the stop") {
  counting s;
  const auto link_in = [](const std::string& file) {
    const auto html = text_of(file);
    const auto begin = html.find("0;url=") + 6;
    return html.substr(begin, html.find('"', begin) - begin);
  };
  const auto file = s.here->page_file("/page");
  CHECK(file.starts_with(s.place + "/"));
  CHECK(mode_of(file) == 0600);
  const opened_page page(s, link_in(file));
  CHECK(page.status == 200);
  CHECK(page.location == "/page");
  CHECK(opened_page(s, link_in(file)).status == 401);

  std::filesystem::remove(file);
  std::ofstream(s.folder / "precious") << "kept";
  std::filesystem::create_symlink(s.folder / "precious", file);
  CHECK(s.here->page_file() == file);
  CHECK(mode_of(file) == 0600);
  CHECK(text_of(s.folder / "precious") == "kept");
  CHECK(opened_page(s, link_in(file)).location == "/");
  CHECK_THROWS_AS(s.here->page_file("//evil.example"), aft::error);
  s.app->stop();
  CHECK(!std::filesystem::exists(file));
  CHECK_THROWS_AS(s.here->page_file(), aft::error);
  CHECK(!std::filesystem::exists(file));
}

TEST_CASE("a stop ends all that was known of the run") {
  counting s;
  const auto token_line = s.token_line(), unused = s.here->page_url();
  const opened_page page(s, s.here->page_url());
  s.app->stop();
  CHECK_THROWS_AS(s.here->page_url(), aft::error);  // the port may be another's now
  s.port = s.here->start({.port = s.port, .threads = 1}).port;
  CHECK(status_of(s.ask("GET /count", token_line)) == 401);
  CHECK(status_of(s.ask("GET /count", page.host_line + page.cookie_line)) == 401);
  CHECK(opened_page(s, unused).status == 401);
  const opened_page next(s, s.here->page_url());
  CHECK(next.status == 200);
  CHECK(next.host_line != page.host_line);
  CHECK(status_of(s.ask("GET /count", s.token_line())) == 200);
}

TEST_CASE("the discovery file is there while the app runs, for its user alone") {
  counting s;
  CHECK(mode_of(s.place) == 0700);
  CHECK(mode_of(s.file()) == 0600);
  const auto found = aft::local::find("counter", s.place);
  REQUIRE(found);
  CHECK(found->url == "http://127.0.0.1:" + std::to_string(s.port));
  CHECK(found->token == s.here->token());
  CHECK(found->pid == ::getpid());
  CHECK(found->started_at == s.time.now());

  s.app->stop();
  CHECK(!std::filesystem::exists(s.file()));
  CHECK(!aft::local::find("counter", s.place));
  s.here->start({.port = 0, .threads = 1});
  CHECK(aft::local::find("counter", s.place + "/"));
  s.here.reset();
  CHECK(!aft::local::find("counter", s.place));
  CHECK(!aft::local::find("counter", s.folder / "nowhere"));
}

TEST_CASE("a discovery file that is not this user's secret is not believed") {
  counting s;
  REQUIRE(aft::local::find("counter", s.place));
  const auto forged = text_of(s.file());

  SUBCASE("others may read it") { REQUIRE(::chmod(s.file().c_str(), 0644) == 0); }
  SUBCASE("others may write it") { REQUIRE(::chmod(s.file().c_str(), 0602) == 0); }
  SUBCASE("a link") {
    std::filesystem::rename(s.file(), s.folder / "elsewhere.json");
    std::filesystem::create_symlink(s.folder / "elsewhere.json", s.file());
  }
  SUBCASE("a pipe") {
    std::filesystem::remove(s.file());
    REQUIRE(::mkfifo(s.file().c_str(), 0600) == 0);
  }
  SUBCASE("a directory") {
    std::filesystem::remove(s.file());
    std::filesystem::create_directory(s.file());
    REQUIRE(::chmod(s.file().c_str(), 0600) == 0);
  }
  SUBCASE("no JSON") { std::ofstream(s.file()) << forged.substr(1); }
  SUBCASE("empty") { std::ofstream(s.file(), std::ios::trunc).flush(); }
  SUBCASE("endless") { std::ofstream(s.file()) << std::string(1 << 20, ' ') << forged; }
  SUBCASE("its directory can be written to by others") {
    REQUIRE(::chmod(s.place.c_str(), 0770) == 0);
  }
  SUBCASE("its directory is a link") {
    std::filesystem::rename(s.place, s.folder / "elsewhere");
    std::filesystem::create_directory_symlink(s.folder / "elsewhere", s.place);
    CHECK(!aft::local::find("counter", s.place + "/"));
  }
  CHECK(!aft::local::find("counter", s.place));
}

TEST_CASE("another user's discovery file is not believed, nor is his directory used") {
  if (::geteuid() != 0) {
    MESSAGE("SKIPPED: only root can give files to another user");
    return;
  }
  constexpr uid_t somebody = 65534;
  counting s;
  REQUIRE(::chown(s.file().c_str(), somebody, gid_t(-1)) == 0);
  CHECK(!aft::local::find("counter", s.place));
  REQUIRE(::chown(s.file().c_str(), 0, gid_t(-1)) == 0);
  REQUIRE(aft::local::find("counter", s.place));
  REQUIRE(::chown(s.place.c_str(), somebody, gid_t(-1)) == 0);
  CHECK(!aft::local::find("counter", s.place));
  CHECK(says(why_not({.name = "counter", .directory = s.place}), "belongs to another user"));
  REQUIRE(::chown(s.place.c_str(), 0, gid_t(-1)) == 0);
  const auto lock = s.place + "/server.lock";
  REQUIRE(::chown(lock.c_str(), somebody, gid_t(-1)) == 0);
  CHECK(!aft::local::find("counter", s.place));
  CHECK(says(why_not({.name = "counter", .directory = s.place}), "no file of this user"));
}

TEST_CASE("a directory where secrets cannot lie is refused, and the reason is said") {
  temporary_folder folder;
  const auto place = folder / "open";
  std::filesystem::create_directory(place);
  REQUIRE(::chmod(place.c_str(), 0777) == 0);
  CHECK(says(why_not({.name = "a", .directory = place}), "can be written to by others"));
  std::filesystem::create_directory_symlink(place, folder / "link");
  CHECK(says(why_not({.name = "a", .directory = folder / "link"}), "is a link or no directory"));
  CHECK(says(why_not({.name = "a", .directory = (folder / "link") + "/"}), "is a link"));
  std::ofstream(folder / "file") << "x";
  CHECK(says(why_not({.name = "a", .directory = folder / "file"}), "no directory"));
  CHECK(says(why_not({.name = "a", .directory = folder / "file/below"}), "cannot make"));
  REQUIRE(::chmod(place.c_str(), 0755) == 0);
  std::filesystem::create_symlink(folder / "elsewhere", place + "/server.lock");
  CHECK(says(why_not({.name = "a", .directory = place}), "remove it"));
  CHECK(!std::filesystem::exists(folder / "elsewhere"));
}

TEST_CASE("what lies in the way of the discovery file is replaced, not followed") {
  temporary_folder folder;
  const auto place = folder / "a";
  std::filesystem::create_directory(place);
  std::ofstream(folder / "precious") << "kept";
  for (const char* name : {"/server.json", "/server.json.new"}) {
    std::filesystem::create_symlink(folder / "precious", place + name);
  }
  aft::app app;
  aft::local here(app, {.name = "a", .directory = place});
  here.start();
  CHECK(aft::local::find("a", place));
  CHECK(text_of(folder / "precious") == "kept");
}

TEST_CASE("where the file cannot be written the app does not start, and may start later") {
  temporary_folder folder;
  const auto place = folder / "a", file = place + "/server.json";
  std::filesystem::create_directories(file + "/in the way");
  aft::app app;
  aft::local here(app, {.name = "a", .directory = place});
  const auto token = here.token();
  CHECK_THROWS_AS(app.start({.port = 0}), aft::configuration_error);
  CHECK(app.endpoints().empty());
  CHECK_THROWS_AS(here.page_url(), aft::error);
  CHECK(here.token() != token);
  std::filesystem::remove_all(file);
  app.start({.port = 0});  // however it is started
  CHECK(aft::local::find("a", place));
}

TEST_CASE("names are slugs") {
  temporary_folder folder;
  for (const char* name : {"", ".", "..", "../x", "a/b", "A", "a b", "-a", "a--b", "a\n"}) {
    CAPTURE(name);
    CHECK(says(why_not({.name = name, .directory = folder / "a"}), "is no name of a local app"));
    CHECK_THROWS_AS((void)aft::local::find(name, folder / "a"), aft::configuration_error);
  }
  CHECK(says(why_not({.name = std::string(101, 'a'), .directory = folder / "a"}), "is no name"));
}

TEST_CASE("the files lie in the user's runtime directory, else below the home directory") {
  struct environment {
    const char* name;
    std::optional<std::string> before{};
    explicit environment(const char* n) : name(n) {
      if (const char* value = std::getenv(name)) before = value;
    }
    ~environment() { before ? ::setenv(name, before->c_str(), 1) : ::unsetenv(name); }
  };
  const environment runtime("XDG_RUNTIME_DIR"), home("HOME");
  temporary_folder folder;
  ::setenv("HOME", (folder / "home").c_str(), 1);
  const auto runs_below = [&](const std::string& place) {
    aft::app app;
    aft::local here(app, {.name = "my-notes"});
    here.start();
    const bool found = aft::local::find("my-notes").has_value();
    return found && std::filesystem::exists(folder / place + "/my-notes/server.json");
  };
  ::setenv("XDG_RUNTIME_DIR", (folder / "run").c_str(), 1);
  CHECK(runs_below("run"));
  ::setenv("XDG_RUNTIME_DIR", "not/absolute", 1);
  CHECK(runs_below("home/.local/state"));
  CHECK(mode_of(folder / "home/.local/state") == 0700);
  ::unsetenv("XDG_RUNTIME_DIR");
  CHECK(runs_below("home/.local/state"));
  ::unsetenv("HOME");
  CHECK(says(why_not({.name = "my-notes"}), "give .directory"));
  CHECK_THROWS_AS((void)aft::local::find("my-notes"), aft::configuration_error);
}

TEST_CASE("a second start is told where the first one is, and disturbs nothing") {
  counting s;
  for (int i = 0; i < 3; ++i) {
    aft::app second;
    try {
      aft::local here(second, {.name = "counter", .directory = s.place});
      FAIL("it started");
    } catch (const aft::already_running& e) {
      CHECK(e.first().url == "http://127.0.0.1:" + std::to_string(s.port));
      CHECK(e.first().token == s.here->token());
      CHECK(e.what() == "counter is running already at " + e.first().url);
    }
    CHECK(second.handle({}).status == 404);  // the app that was refused is as it was
  }
  CHECK(aft::local::find("counter", s.place));
  s.here.reset();
  aft::app next;
  aft::local here(next, {.name = "counter", .directory = s.place});
}

TEST_CASE("a second start waits a while for the first one to listen") {
  temporary_folder folder;
  const aft::local_options options{.name = "a", .directory = folder / "a"};
  aft::app app;
  aft::local first(app, options);
  aft::app second;
  try {
    aft::local here(second, options);
    FAIL("it started");
  } catch (const aft::already_running& e) {
    CHECK(e.what() == "a is being started already"s);
    CHECK(e.first().url.empty());
  }
  CHECK(!aft::local::find("a", options.directory));
}

namespace {

constexpr const char* place_variable = "AFT_LOCAL_TEST_PLACE";

// This program again, as the test below it.
class other_process {
 public:
  explicit other_process(const std::string& place) {
    std::vector<std::string> words = {"app_test", "-tc=(as another process)", "--no-skip=true",
                                      "--minimal=true"};
    std::vector<char*> arguments;
    for (auto& w : words) arguments.push_back(w.data());
    arguments.push_back(nullptr);
    auto variable = std::string(place_variable) + "=" + place;
    std::vector<char*> variables{variable.data()};
    for (char** v = environ; *v; ++v) variables.push_back(*v);
    variables.push_back(nullptr);
    REQUIRE(::posix_spawn(&pid_, "/proc/self/exe", nullptr, nullptr, arguments.data(),
                          variables.data()) == 0);
  }
  other_process(const other_process&) = delete;
  other_process& operator=(const other_process&) = delete;
  ~other_process() { kill(); }

  void kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = 0;
};

}  // namespace

TEST_CASE("(as another process)" * doctest::skip()) {
  const char* place = std::getenv(place_variable);
  REQUIRE(place);
  aft::app app;
  aft::local here(app, {.name = "other", .directory = place});
  here.start();
  ::pause();
}

TEST_CASE("one process at a time runs a local app, and one that was killed leaves no trace") {
  temporary_folder folder;
  const auto place = folder / "other";
  std::optional<aft::local_server> first;
  {
    other_process other(place);
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!(first = aft::local::find("other", place))) {
      REQUIRE(std::chrono::steady_clock::now() < deadline);
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    CHECK(first->pid == other.pid());
    aft::app app;
    CHECK_THROWS_AS(aft::local(app, {.name = "other", .directory = place}), aft::already_running);
    other.kill();
  }
  // The file is still there, and so may be a stranger at that port: nobody hands him the token.
  CHECK(std::filesystem::exists(place + "/server.json"));
  CHECK(!aft::local::find("other", place));
  aft::app app;
  aft::local here(app, {.name = "other", .directory = place});
  CHECK(!std::filesystem::exists(place + "/server.json"));
  here.start();
  const auto now = aft::local::find("other", place);
  REQUIRE(now);
  CHECK(now->token != first->token);
}

TEST_CASE("while one begins over the file of a dead run, nobody believes that file") {
  temporary_folder folder;
  const aft::local_options options{.name = "a", .directory = folder / "a"};
  std::string left;
  {
    aft::app app;
    aft::local here(app, options);
    here.start();
    left = text_of(folder / "a/server.json");
  }
  std::ofstream(folder / "a/server.json") << left;
  REQUIRE(::chmod((folder / "a/server.json").c_str(), 0600) == 0);
  // As far as another process may have come: it has the lock, and nothing is removed.
  const int other = ::open((folder / "a/server.lock").c_str(), O_RDWR | O_CLOEXEC);
  struct flock first {};
  first.l_type = F_WRLCK;
  first.l_whence = SEEK_SET;
  first.l_len = 1;
  REQUIRE(::fcntl(other, F_OFD_SETLK, &first) == 0);
  CHECK(!aft::local::find("a", folder / "a"));
  aft::app app;
  try {
    aft::local here(app, options);
    FAIL("it started");
  } catch (const aft::already_running& e) {
    CHECK(e.first().url.empty());
  }
  ::close(other);
  aft::local here(app, options);
  CHECK(!std::filesystem::exists(folder / "a/server.json"));
  here.start();
  CHECK(aft::local::find("a", folder / "a"));
}

TEST_CASE("a local app is not offered to other machines") {
  temporary_folder folder;
  aft::app app;
  aft::local here(app, {.name = "a", .directory = folder / "a"});
  for (const char* address : {"0.0.0.0", "::", "192.168.1.2", "inherited", "::1:2", "12.7.0.0"}) {
    CAPTURE(address);
    CHECK_THROWS_AS(here.start({.address = address, .port = 0}), aft::configuration_error);
    CHECK_THROWS_AS(here.start({.port = 0, .also = {std::string(address) + ":0"}}),
                    aft::configuration_error);
  }
  CHECK(!aft::local::find("a", folder / "a"));
  CHECK_THROWS_AS(here.page_url(), aft::error);
  const auto socket = "unix:" + (folder / "a.sock");
  CHECK(here.start({.address = socket, .also = {"127.0.0.1:0"}}).url() == socket);
  CHECK(here.page_url().starts_with("http://"));
}

namespace {

// Another program's socket, which listens.
class stranger {
 public:
  explicit stranger(std::uint16_t port) {
    sockaddr_in6 at{};
    at.sin6_family = AF_INET6;
    at.sin6_addr = in6addr_loopback;
    at.sin6_port = htons(port);
    const int on = 1;
    ::setsockopt(fd_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    listens_ =
        ::bind(fd_, reinterpret_cast<sockaddr*>(&at), sizeof at) == 0 && ::listen(fd_, 1) == 0;
    socklen_t size = sizeof at;
    ::getsockname(fd_, reinterpret_cast<sockaddr*>(&at), &size);
    port_ = ntohs(at.sin6_port);
  }
  stranger(const stranger&) = delete;
  stranger& operator=(const stranger&) = delete;
  ~stranger() { ::close(fd_); }

  bool listens() const { return listens_; }
  std::uint16_t port() const { return port_; }

 private:
  int fd_ = ::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  bool listens_ = false;
  std::uint16_t port_ = 0;
};

bool there_is_ipv6() {
  if (stranger(0).listens()) return true;
  MESSAGE("SKIPPED: there is no ::1");
  return false;
}

}  // namespace

TEST_CASE("nobody else has the port of a local app at the other loopback address") {
  if (!there_is_ipv6()) return;
  temporary_folder folder;
  aft::app app;
  aft::local here(app, {.name = "a", .directory = folder / "a"});
  for (const unsigned threads : {1u, 3u}) {
    for (const char* address : {"127.0.0.1", "::1", "localhost"}) {
      CAPTURE(address);
      const auto port = here.start({.address = address, .port = 0, .threads = threads}).port;
      CHECK(app.endpoints().size() == 2);
      CHECK(!stranger(port).listens());
      CHECK(here.page_url().starts_with("http://"));
      app.stop();
    }
    CHECK(here.start({.port = 0, .also = {"http://127.0.0.1:0"}, .threads = threads}).port);
    for (const auto& at : app.endpoints()) CHECK(!stranger(at.port).listens());
    app.stop();
  }
}

TEST_CASE("a local app does not start where somebody has its port at the other address") {
  if (!there_is_ipv6()) return;
  temporary_folder folder;
  aft::app app;
  aft::local here(app, {.name = "a", .directory = folder / "a"});
  std::uint16_t port = 0;
  {
    const stranger first(0);
    port = first.port();
    REQUIRE(first.listens());
    CHECK_THROWS_AS(here.start({.port = port}), aft::configuration_error);
    CHECK(!aft::local::find("a", folder / "a"));
  }
  const auto again = "[::1]:" + std::to_string(port);
  CHECK(here.start({.port = port, .also = {again}}).port == port);  // one place, said twice
  CHECK(app.endpoints().size() == 2);
}

TEST_CASE("a local app has no pages at an address where its name does not lead") {
  temporary_folder folder;
  aft::app app;
  aft::local here(app, {.name = "a", .directory = folder / "a"});
  here.start({.address = "127.0.0.2", .port = 0});
  CHECK_THROWS_AS(here.page_url(), aft::error);
}

TEST_CASE("an app becomes local once, and before it begins") {
  temporary_folder folder;
  aft::app app;
  {
    aft::local here(app, {.name = "a", .directory = folder / "a"});
    CHECK_THROWS_AS(aft::local(app, {.name = "b", .directory = folder / "b"}),
                    aft::configuration_error);
  }
  CHECK(app.handle({}).status == 401);  // and stays so
  aft::app begun;
  begun.prepare();
  CHECK_THROWS_AS(aft::local(begun, {.name = "a", .directory = folder / "a"}),
                  aft::configuration_error);
  aft::app again;  // what failed holds no lock
  aft::local here(again, {.name = "a", .directory = folder / "a"});
}

TEST_CASE("a handler may make links while the app stops") {
  temporary_folder folder;
  aft::app app;
  std::optional<aft::local> here;
  std::atomic<bool> inside{false}, stopping{false};
  app.get("/link", [&] {
    inside = true;
    while (!stopping) std::this_thread::yield();
    return here->page_url();
  });
  here.emplace(app, aft::local_options{.name = "a", .directory = folder / "a"});
  const auto port = here->start().port;
  client c(port);
  c.send("GET /link HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + here->token() +
         "\r\n\r\n");
  while (!inside) std::this_thread::yield();
  std::thread stops([&] { app.stop(); });
  while (aft::local::find("a", folder / "a")) std::this_thread::yield();
  stopping = true;
  CHECK(status_of(c.response()) == 200);
  stops.join();
}

namespace {

struct end_it {
  int why;
};

// Holds its own thread up, which tells where the app is, until a job has said stop.
class waiting_clock : public aft::clock {
 public:
  aft::time_point now() const override {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (std::this_thread::get_id() == its_ && holds && !told &&
           std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return clock::now();
  }
  std::atomic<bool> holds{false}, told{false};

 private:
  const std::thread::id its_ = std::this_thread::get_id();
};

}  // namespace

TEST_CASE("a local app that is stopped while it starts is not to be found") {
  temporary_folder folder;
  waiting_clock time;
  aft::app app({.database = folder / "a.db", .time = &time});
  app.job<end_it>([&](end_it) {
    app.stop();
    time.told = true;
  });
  app.seed([](aft::transaction& tx) { aft::enqueue(tx, end_it{1}); });
  aft::local here(app, {.name = "a", .directory = folder / "a"});
  app.prepare();
  time.holds = true;
  here.start();
  CHECK(time.told);
  CHECK(!std::filesystem::exists(folder / "a/server.json"));
  app.stop();
}

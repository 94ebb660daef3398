// Event streams and WebSockets end with the sessions that they began under.

#include <functional>
#include <thread>

#include <doctest/doctest.h>

#include <aft/auth/api_key.hpp>
#include <aft/http/events.hpp>
#include <aft/http/stream.hpp>
#include <aft/http/websocket.hpp>

#include "../server/client.hpp"
#include "../temporary_file.hpp"
#include "../watchdog.hpp"
#include "guarded_app.hpp"

namespace auth = aft::auth;

namespace {

constexpr auto session_name = "__Host-session";

// A service with events, a socket and an endless export for who is signed in.
struct streaming_app : guarded_app {
  aft::event_feed feed{};
  std::atomic<int> sockets{0};
  std::uint16_t port = 0;

  explicit streaming_app(const std::string& file = ":memory:", aft::accounts how = {})
      : guarded_app(file, std::move(how)) {
    app.get("/events", [this](const aft::user&) { return aft::event_stream(feed); });
    app.get("/open", [this](const aft::optional_user&) { return aft::event_stream(feed); });
    app.get("/export", [](const aft::user&) {
      return aft::stream([](aft::buffer& out) {
        out.append(std::string(4096, 'x'));
        return true;
      });
    });
    app.get("/socket", [this](const aft::user&) {
      return aft::websocket({
          .on_open = [this](const aft::peer&) { ++sockets; },
          .on_message = [](const aft::peer& p, std::string_view text,
                           aft::message_kind) { p.send(text); },
          .on_close = [this](const aft::peer&, std::uint16_t, std::string_view) { --sockets; },
      });
    });
    port = app.start({.port = 0}).port;
  }
  ~streaming_app() { app.stop(); }
};

// The token of a new session.
std::string signed_in(streaming_app& a, const std::string& email = "ada@example.org") {
  browser b(a.app);
  return cookie_of(b.log_in(email).expect(200), session_name);
}

// Asks with a session's cookie, and has got the head of the answer.
struct asking : client {
  std::string head;
  asking(streaming_app& a, const std::string& path, const std::string& token,
         const std::string& more = "Connection: close\r\n")
      : client(a.port) {
    send("GET " + path + " HTTP/1.1\r\nHost: localhost\r\nCookie: __Host-session=" + token +
         "\r\n" + more + "\r\n");
    while (head.find("\r\n\r\n") == head.npos) {
      const auto byte = receive(1);
      if (byte.size() != 1) break;
      head += byte;
    }
  }
};
struct event_client : asking {
  event_client(streaming_app& a, const std::string& token, const std::string& path = "/events")
      : asking(a, path, token) {
    REQUIRE(head.starts_with("HTTP/1.1 200"));
  }
  // Whether it ended, and as a whole answer.
  bool has_ended() {
    const auto rest = receive();
    return rest.ends_with("0\r\n\r\n");
  }
};
struct socket_client : asking {
  socket_client(streaming_app& a, const std::string& token)
      : asking(a, "/socket", token,
               "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
               "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n") {
    REQUIRE(head.starts_with("HTTP/1.1 101"));
  }
  // 1008 and a reason, in one frame; the server waits for no answer of ours for long.
  bool has_ended() {
    const auto frame = receive(4);
    return frame.size() == 4 && frame[0] == '\x88' && frame[2] == '\x03' && frame[3] == '\xf0';
  }
};

struct change {
  std::string current, password;
};
struct password_only {
  std::string password;
};

void wait_until(const std::function<bool()>& is_so) {
  while (!is_so()) std::this_thread::yield();
}

}  // namespace

TEST_CASE("event streams and WebSockets end with their session, however it ends") {
  const watchdog over("open streams", std::chrono::seconds(200));
  using ending = std::function<void(streaming_app&, browser&, auth::account)>;
  const std::vector<std::pair<std::string, ending>> endings{
      {"logout", [](auto&, auto& b, const auto&) { b.post("/api/account/logout").expect(204); }},
      {"revoked",
       [](auto& a, auto& b, const auto&) {
         const auto id = a.app.db().template one<std::int64_t>("select max(id) from aft_session");
         b.del("/api/account/sessions/" + std::to_string(id)).expect(204);
       }},
      {"password",
       [](auto&, auto& b, const auto&) {
         b.post("/api/account/password", change{guarded_app::password, "umbrella stand toast"})
             .expect(200);
       }},
      {"renewed",
       [](auto&, auto& b, const auto&) {
         b.post("/api/account/reauthenticate", password_only{guarded_app::password}).expect(200);
       }},
      {"disabled",
       [](auto& a, auto&, const auto& who) {
         a.app.db().write([&](aft::transaction& tx) { auth::set_disabled(tx, who.id, true); });
       }},
      {"roles",
       [](auto& a, auto&, const auto& who) {
         a.app.db().write([&](aft::transaction& tx) { auth::set_roles(tx, who.id, {"editor"}); });
       }},
      {"erased",
       [](auto& a, auto&, const auto& who) {
         a.app.db().write([&](aft::transaction& tx) { auth::erase_account(tx, who.id); });
       }},
  };
  for (const auto& e : endings) {
    CAPTURE(e.first);
    aft::accounts how;
    how.stream_check = aft::hours(1);  // so that it is told
    streaming_app a(":memory:", std::move(how));
    const auto who = a.add("ada@example.org");
    browser ada(a.app);
    const auto token = cookie_of(ada.log_in("ada@example.org").expect(200), session_name);
    event_client events(a, token);
    socket_client socket(a, token);
    wait_until([&] { return a.feed.listeners() == 1 && a.sockets == 1; });
    e.second(a, ada, who);
    CHECK(events.has_ended());
    CHECK(socket.has_ended());
  }
}

TEST_CASE("to end all other sessions ends their streams, and not one's own") {
  const watchdog over("all other sessions");
  streaming_app a;
  a.add("ada@example.org");
  a.add("eve@example.org");
  browser ada(a.app);
  const auto here = cookie_of(ada.log_in("ada@example.org").expect(200), session_name);
  event_client mine(a, here), others(a, signed_in(a)), eves(a, signed_in(a, "eve@example.org"));
  wait_until([&] { return a.feed.listeners() == 3; });
  ada.del("/api/account/sessions").expect(200).expect_json("/ended", "1");
  CHECK(others.has_ended());
  a.feed.publish("still here");
  for (auto* c : {&mine, &eves}) {
    std::string got;
    while (got.find("still here") == got.npos && !has(got, "[")) got += c->receive(1);
    CHECK(has(got, "still here"));
  }
}

TEST_CASE("what anybody may follow ends with the session of who was signed in") {
  const watchdog over("streams for anybody");
  streaming_app a;
  a.add("ada@example.org");
  const auto token = signed_in(a);
  event_client as_ada(a, token, "/open"), as_nobody(a, "none", "/open");
  wait_until([&] { return a.feed.listeners() == 2; });
  a.app.db().write([&](aft::transaction& tx) { auth::end_session(tx, token); });
  CHECK(as_ada.has_ended());
  wait_until([&] { return a.feed.listeners() == 1; });
}

TEST_CASE("a download whose session ended breaks off, so that nobody takes it for whole") {
  const watchdog over("an export");
  streaming_app a;
  a.add("ada@example.org");
  const auto token = signed_in(a);
  asking all(a, "/export", token);
  REQUIRE(all.receive(10'000).size() == 10'000);
  a.app.db().write([&](aft::transaction& tx) { auth::end_session(tx, token); });
  std::string last;
  while (true) {
    const auto part = all.receive(65'536);
    last = part.size() < 16 ? last + part : part;
    if (part.size() < 65'536) break;
  }
  CHECK(!last.ends_with("0\r\n\r\n"));
  CHECK(last.find("[nothing came]") == last.npos);
}

TEST_CASE("a session that is revoked on one node ends on the other, with what is open there") {
  const watchdog over("two nodes", std::chrono::seconds(120));
  const temporary_folder folder;
  aft::accounts one, other;
  if (on_postgres()) other.stream_check = aft::hours(1);  // it is told
  else other.stream_check = aft::milliseconds(50);        // nobody tells another process of SQLite
  streaming_app a(folder / "nodes.db", std::move(one));
  a.add("ada@example.org");
  streaming_app b(a.app.db().url(), std::move(other));
  browser there(b.app);
  const auto token = cookie_of(there.log_in("ada@example.org").expect(200), session_name);
  browser here(a.app);
  here.header("Cookie", "__Host-session=" + token);
  here.get("/api/account/me").expect(200);  // one session, on both
  event_client events(b, token);
  socket_client socket(b, token);
  wait_until([&] { return b.feed.listeners() == 1 && b.sockets == 1; });
  browser owner(a.app);
  owner.log_in("ada@example.org").expect(200);
  owner.del("/api/account/sessions").expect(200).expect_json("/ended", "1");
  there.get("/api/account/me").expect(401);  // the next request
  CHECK(events.has_ended());
  CHECK(socket.has_ended());
}

TEST_CASE("what was opened with an API key ends when the key or its owner does") {
  const watchdog over("streams of API keys");
  for (const bool by_key : {true, false}) {
    aft::accounts how;
    how.api_keys = "notes";
    how.stream_check = aft::hours(1);
    streaming_app a(":memory:", std::move(how));
    const auto who = a.add("ada@example.org");
    aft::api_keys keys("notes");
    const auto made = a.app.db().write([&](aft::transaction& tx) {
      return keys.make(tx, {.subject = std::to_string(who.id), .name = "a"});
    });
    asking events(a, "/events", "none",
                  "Connection: close\r\nAuthorization: Bearer " + made.key + "\r\n");
    REQUIRE(events.head.starts_with("HTTP/1.1 200"));
    wait_until([&] { return a.feed.listeners() == 1; });
    CHECK(a.app.db().write([&](aft::transaction& tx) {
      return by_key ? aft::api_keys::revoke(tx, std::to_string(who.id), made.id)
                    : auth::set_disabled(tx, who.id, true);
    }));
    CHECK(events.receive().ends_with("0\r\n\r\n"));
  }
}

TEST_CASE("an open stream ends when its session is too old") {
  const watchdog over("limits of sessions");
  aft::accounts how;
  how.stream_check = aft::milliseconds(20);
  how.sessions.absolute = aft::days(30);
  how.sessions.idle = aft::days(60);
  streaming_app a(":memory:", std::move(how));
  a.add("ada@example.org");
  event_client events(a, signed_in(a));
  wait_until([&] { return a.feed.listeners() == 1; });
  a.time.advance(aft::days(30));
  CHECK(events.has_ended());
}

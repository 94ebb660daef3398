// Who is served first where a crowd asks at once.

#include <linux/sockios.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <aft/app.hpp>

#include "../turns.hpp"
#include "../watchdog.hpp"
#include "client.hpp"

namespace {

constexpr int crowd_size = 200;

std::string get(const std::string& path) { return "GET " + path + " HTTP/1.1\r\nHost: a\r\n\r\n"; }

// Until the server's socket has all that was sent, and has said so.
void wait_until_there(client& c) {
  int left = 1;
  while (::ioctl(c.fd(), SIOCOUTQ, &left) == 0 && left > 0) std::this_thread::yield();
}
void send_until_there(client& c, const std::string& bytes) {
  c.send(bytes);
  wait_until_there(c);
}

// One event loop, which can be held; what it serves then, in its order.
struct with_crowd {
  watchdog over{"a crowd", std::chrono::seconds(120)};
  aft::app app{{.database = ":memory:", .access = {.hosts = {"a"}}}};
  std::atomic<bool> held{false}, go{false}, blocks{false};
  std::atomic<int> unblocked{0};
  std::vector<std::string> served{};  // of the loop's thread; read when all is answered
  std::pair<std::string, std::function<void()>> while_served{};  // those of the first name
  std::vector<std::unique_ptr<client>> crowd{};
  std::uint16_t port = 0;

  with_crowd() {
    app.get("/hold", [this] {
      held = true;
      while (!go) std::this_thread::yield();
      return "held";
    });
    app.get("/{name}", [this](std::string name) {
      served.push_back(name);
      if (name == while_served.first) while_served.second();
      return "served";
    });
    app.post("/blocking", aft::blocking([this] {
               while (blocks) std::this_thread::yield();
               ++unblocked;
               return "blocked";
             }));
    port = app.start({.port = 0, .threads = 1}).port;
    for (int i = 0; i < crowd_size; ++i) {
      crowd.push_back(std::make_unique<client>(port));
      ask(*crowd.back(), get("/first"));
    }
  }
  static void ask(client& c, const std::string& request) {
    c.send(request);
    REQUIRE(c.response().starts_with("HTTP/1.1 200 "));
  }
  // All that is sent by `meanwhile`, and the crowd's requests, are there when the loop goes on.
  void come_at_once(const std::function<void()>& meanwhile) {
    served.clear();
    held = go = false;
    client holder(port);
    holder.send(get("/hold"));
    while (!held) std::this_thread::yield();
    for (auto& c : crowd) c->send(get("/crowd"));
    for (auto& c : crowd) wait_until_there(*c);
    meanwhile();
    go = true;
    CHECK(has(holder.response(), "held"));
    for (auto& c : crowd) CHECK(has(c->response(), "served"));
  }
  // While the first of the crowd is served.
  void in_the_crowd(std::function<void()> what) {
    while_served = {"crowd", [this, what = std::move(what)] {
                      if (std::count(served.begin(), served.end(), "crowd") == 1) what();
                    }};
  }
  // How many were served before that one.
  auto before(const std::string& name) const {
    return std::find(served.begin(), served.end(), name) - served.begin();
  }
};

const std::string blocking = "POST /blocking HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n";

}  // namespace

TEST_CASE_FIXTURE(with_crowd, "who is answered at once is so before a crowd of others") {
  client prompt(port);
  for (int i = 0; i < 3; ++i) ask(prompt, get("/first"));
  come_at_once([&] { send_until_there(prompt, get("/prompt")); });
  CHECK(has(prompt.response(), "served"));
  CHECK(before("prompt") == 0);
  CHECK(served.size() == crowd_size + 1);
}

TEST_CASE_FIXTURE(with_crowd, "who is answered at once waits for a few of a crowd, not for all") {
  client prompt(port);
  for (int i = 0; i < 3; ++i) ask(prompt, get("/first"));
  in_the_crowd([&] { send_until_there(prompt, get("/prompt")); });
  come_at_once([] {});
  CHECK(has(prompt.response(), "served"));
  CHECK(before("prompt") > 0);
  CHECK(before("prompt") <= 16);
  CHECK(served.size() == crowd_size + 1);
}

TEST_CASE_FIXTURE(with_crowd,
                  "who asked for a thread last is one of the crowd, and need not stay so") {
  client blocked(port), prompt(port);
  for (auto* c : {&blocked, &prompt}) {
    for (int i = 0; i < 3; ++i) ask(*c, get("/first"));
    ask(*c, blocking);
  }
  for (int i = 0; i < 2; ++i) ask(prompt, get("/first"));
  in_the_crowd([&] {
    send_until_there(blocked, get("/blocked"));
    send_until_there(prompt, get("/prompt"));
  });
  come_at_once([] {});
  CHECK(has(blocked.response(), "served"));
  CHECK(has(prompt.response(), "served"));
  CHECK(before("blocked") == crowd_size + 1);  // one of them is the prompt one
  CHECK(before("prompt") <= 16);
}

TEST_CASE_FIXTURE(with_crowd,
                  "who is answered at once is so before a crowd that threads are done with") {
  client prompt(port), holder(port);
  for (int i = 0; i < 3; ++i) ask(prompt, get("/first"));
  blocks = true;
  for (auto& c : crowd) c->send(blocking);
  for (auto& c : crowd) wait_until_there(*c);
  holder.send(get("/hold"));
  while (!held) std::this_thread::yield();
  blocks = false;
  while (unblocked < crowd_size) std::this_thread::yield();
  int answered = 0;  // of the crowd, when the prompt one is served
  while_served = {"prompt", [&] {
                    for (auto& c : crowd) {
                      pollfd p{c->fd(), POLLIN, 0};
                      answered += ::poll(&p, 1, 0);
                    }
                  }};
  send_until_there(prompt, get("/prompt"));
  go = true;
  CHECK(has(prompt.response(), "served"));
  CHECK(answered == 0);
  CHECK(has(holder.response(), "held"));
  for (auto& c : crowd) CHECK(has(c->response(), "blocked"));
}

TEST_CASE_FIXTURE(with_crowd, "a newcomer has its turn, however many are answered at once") {
  client one(port), other(port), newcomer(port);
  for (auto* c : {&one, &other}) {
    for (int i = 0; i < 3; ++i) ask(*c, get("/first"));
  }
  // While one of them is answered, the other asks.
  auto* next = &one;
  while_served = {"ping", [&] {
                    if (before("newcomer") < int(served.size())) return;
                    next = next == &one ? &other : &one;
                    send_until_there(*next, get("/ping"));
                  }};
  come_at_once([&] {
    send_until_there(one, get("/ping"));
    send_until_there(newcomer, get("/newcomer"));
  });
  CHECK(has(newcomer.response(), "served"));
  app.stop();
  CHECK(std::count(served.begin(), served.begin() + before("newcomer"), "ping") > 1);
  CHECK(before("newcomer") < 2 * crowd_size);
}

TEST_CASE_FIXTURE(with_crowd, "an event loop waits for no long turns of other threads") {
  if (!has_turns()) {
    MESSAGE("SKIPPED: this kernel gives no thread turns of its own");
    return;
  }
  std::uint64_t turn = 0;
  while_served = {"turn", [&] { turn = turn_here(); }};
  client c(port);
  c.send(get("/turn"));
  CHECK(has(c.response(), "served"));
  app.stop();
  CHECK(turn == 100'000);
}

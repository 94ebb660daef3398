// What a desktop program might serve, for pages that try to get at it.
//
//   local_server [--open]     without a token

#include <atomic>
#include <cstdio>
#include <cstring>
#include <string_view>

#include <aft/aft.hpp>

namespace {

struct state {
  int changes;
  int sockets;
};

class program {
 public:
  explicit program(aft::app& app) {
    app.get("/", [] {
      return aft::html("<!doctype html><title>ours</title><form method=post action=/changes>");
    });
    app.post("/changes", [this] { change(); });
    app.put("/changes", [this] { change(); });
    app.patch("/changes", [this] { change(); });
    app.del("/changes", [this] { change(); });
    app.get("/secret", [] { return "secret"; });
    app.get("/state", [this] { return state{changes_, sockets_}; });
    app.get("/events", [this] { return aft::event_stream(events_); });
    app.get("/socket", [this] {
      ++sockets_;
      return aft::websocket(
          {.on_message = [this](const aft::peer& p, std::string_view text, aft::message_kind) {
            change();
            p.send(text);
          }});
    });
  }

 private:
  void change() { events_.publish(std::to_string(++changes_)); }

  std::atomic<int> changes_{0}, sockets_{0};
  aft::event_feed events_;
};

}  // namespace

int main(int count, char** words) {
  const bool open = count == 2 && std::strcmp(words[1], "--open") == 0;
  if (count > 1 && !open) {
    std::fputs("usage: local_server [--open]\n", stderr);
    return 2;
  }
  aft::app app;
  program serves(app);
  if (open) {
    app.run({.port = 0});
    return 0;
  }
  aft::local here(app, {.name = "attacked"});
  app.get("/link", [&here] { return here.page_url("/"); });
  app.get("/file", [&here] { return here.page_file("/"); });
  here.run();
}

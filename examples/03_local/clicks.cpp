// A desktop program's own server: for programs and pages of its user, and for no page of the web.
//
// Run it with its folder in PATH. It listens at any free port; started again with a path, it writes
// what curl needs to ask the one that runs. For a browser, where a cookie takes the token's place:
// xdg-open $(clicks /page | curl -s -K -)
//
//   $ clicks /clicks | curl -s -K - -X POST
//   1
//   $ clicks /clicks | grep -v Bearer | curl -s -K - -X POST | cut -d, -f2-3
//   "title":"Unauthorized","status":401
//   $ clicks /clicks | curl -s -K - -X POST -H "Origin: https://evil.example" | cut -d, -f2-3
//   "title":"Forbidden","status":403
//   $ clicks
//   clicks is running already
#include <atomic>
#include <cstdio>

#include <aft/aft.hpp>

constexpr const char* page = R"(<!doctype html><title>Clicks</title>
<form method="post" action="/clicks"><button>Click</button></form>)";

int write_for_curl(const char* path) {
  const auto running = aft::local::find("clicks");
  if (!running) return std::fputs("clicks is not running\n", stderr), 1;
  std::printf("url = \"%s%s\"\nheader = \"Authorization: Bearer %s\"\n", running->url.c_str(), path,
              running->token.c_str());
  return 0;
}

int main(int count, char** words) {
  if (count > 1) return write_for_curl(words[1]);
  try {
    std::atomic<int> clicks{0};
    aft::app app;
    aft::local here(app, {.name = "clicks"});
    app.get("/", [] { return aft::html(page); });
    app.post("/clicks", [&clicks] { return ++clicks; });
    app.get("/page", [&here] { return here.page_file("/"); });
    here.run();
  } catch (const aft::already_running&) {
    std::puts("clicks is running already");
  }
}

// The loops when Asio waits for them: what they promise does not depend on who waits.

#include <doctest/doctest.h>

#include <aft/http/routes.hpp>

#include "client.hpp"
#include "http/dispatcher.hpp"
#include "http/route_list.hpp"
#include "server/server.hpp"

namespace {

struct site_routes : aft::routes {
  explicit site_routes(aft::http::route_list& list) : routes(list) {}
};

struct with_asio {
  aft::http::route_list list;
  site_routes routes{list};
  aft::logger log;
  aft::http::dispatcher dispatch{log, nullptr};

  with_asio() {
    routes.get("/", [] { return "root"; });
    routes.post("/echo", [](aft::body<std::string> in) { return *in; });
    dispatch.start(list);
  }
  aft::server::http_server start(aft::listen_options options = {}) {
    options.port = 0;
    return {dispatch, log, options, true};
  }
};

const std::string get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

bool ends_with(const std::string& text, std::string_view end) { return text.ends_with(end); }

}  // namespace

TEST_CASE_FIXTURE(with_asio, "requests are answered, alone and many at once") {
  auto server = start();
  client c(server.where().port);
  for (int i = 0; i < 5; ++i) {
    c.send(get);
    CHECK(ends_with(c.response(), "root"));
  }
  std::string many;
  for (int i = 0; i < 100; ++i) many += get;
  c.send(many);
  for (int i = 0; i < 100; ++i) CHECK(ends_with(c.response(), "root"));
}

TEST_CASE_FIXTURE(with_asio, "a body that comes in pieces is put together") {
  auto server = start();
  client c(server.where().port);
  c.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc");
  c.send("def");
  CHECK(ends_with(c.response(), "abcdef"));
}

TEST_CASE_FIXTURE(with_asio, "idle connections and slow heads run out of time") {
  auto server =
      start({.timeouts = {.head = aft::milliseconds(300), .idle = aft::milliseconds(300)}});
  client idle(server.where().port), slow(server.where().port);
  idle.send(get);
  slow.send("GET / HT");
  CHECK(ends_with(idle.receive(), "root"));
  CHECK(slow.receive().starts_with("HTTP/1.1 408 "));
}

TEST_CASE_FIXTURE(with_asio, "stopping closes idle connections") {
  auto server = start();
  client c(server.where().port);
  c.send(get);
  CHECK(ends_with(c.response(), "root"));
  server.stop(aft::seconds(5));
  CHECK(c.receive() == "");
}

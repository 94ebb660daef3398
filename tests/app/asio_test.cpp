#include <aft/asio.hpp>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>

#include <doctest/doctest.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>

#include <aft/aft.hpp>

#include "../server/client.hpp"
#include "../temporary_file.hpp"
#include "../test_database.hpp"
#include "../watchdog.hpp"

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

struct greeting {
  std::string text;
  std::int64_t number;
};

asio::awaitable<void> pause(std::chrono::milliseconds d) {
  asio::steady_timer timer(co_await asio::this_coro::executor, d);
  co_await timer.async_wait(asio::use_awaitable);
}

// Made within a transaction.
struct stamped {};

// Waits for ever, and says how it ended.
struct sleepers {
  std::atomic<int> asleep{0}, cancelled{0};
  asio::awaitable<std::string> sleep() {
    asio::steady_timer timer(co_await asio::this_coro::executor, 1h);
    ++asleep;
    boost::system::error_code failed;
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, failed));
    if (failed == asio::error::operation_aborted) ++cancelled;
    throw boost::system::system_error(failed);
  }
};

}  // namespace

template <>
struct aft::from_request<stamped> {
  static stamped from(aft::transaction&) { return {}; }
};

namespace {

template <class F>
bool soon(F&& f) {
  for (int i = 0; i < 3000; ++i) {
    if (f()) return true;
    std::this_thread::sleep_for(10ms);
  }
  return false;
}

std::string get(const std::string& path) {
  return "GET " + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n";
}

}  // namespace

TEST_CASE("a coroutine answers what other handlers answer") {
  watchdog dog("coroutines");
  aft::app app;
  app.get("/text/{word}", [](std::string word) -> asio::awaitable<std::string> {
    co_await pause(1ms);
    co_return word;
  });
  app.get("/json/{n}", [](std::int64_t n, const aft::request& r) -> asio::awaitable<greeting> {
    co_await pause(1ms);
    greeting g{std::string(r.query()), n};
    co_return g;
  });
  app.get("/maybe", []() -> asio::awaitable<std::optional<greeting>> {
    co_await pause(1ms);
    std::optional<greeting> none;
    co_return none;
  });
  app.post("/nothing", [](aft::body<greeting> in) -> asio::awaitable<void> {
    co_await pause(1ms);
    if (in->number != 5) throw aft::problem{409, "not five"};
  });
  app.get("/fault", []() -> asio::awaitable<std::string> {
    co_await pause(1ms);
    throw std::runtime_error("broken");
  });
  app.get("/plain", [] { return "plain"; });

  auto ask = [](auto&& send) {
    CHECK(send(get("/text/abc")).ends_with("\r\n\r\nabc"));
    CHECK(send(get("/json/7?q")).ends_with(R"({"text":"q","number":7})"));
    CHECK(send(get("/json/x")).starts_with("HTTP/1.1 400 "));
    CHECK(send(get("/maybe")).starts_with("HTTP/1.1 404 "));
    CHECK(send(get("/fault")).starts_with("HTTP/1.1 500 "));
    CHECK(send("POST /nothing HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
               "Content-Length: 23\r\n\r\n{\"text\":\"x\",\"number\":5}")
              .starts_with("HTTP/1.1 204 "));
    CHECK(send("POST /nothing HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
               "Content-Length: 23\r\n\r\n{\"text\":\"x\",\"number\":6}")
              .starts_with("HTTP/1.1 409 "));
  };
  SUBCASE("over a socket") {
    const auto where = app.start({.port = 0});
    client c(where.port);
    ask([&](const std::string& bytes) {
      c.send(bytes);
      return c.response();
    });
  }
  SUBCASE("without one") {
    CHECK(app.handle({.target = "/text/abc"}).body == "abc");
    CHECK(app.handle({.target = "/maybe"}).status == 404);
    CHECK(app.handle({.target = "/fault"}).status == 500);
  }
  SUBCASE("in order, when many requests come at once") {
    const auto where = app.start({.port = 0});
    client c(where.port);
    std::string many;
    for (int i = 0; i < 50; ++i) many += get("/text/" + std::to_string(i)) + get("/plain");
    c.send(many);
    for (int i = 0; i < 50; ++i) {
      CHECK(c.response().ends_with("\r\n\r\n" + std::to_string(i)));
      CHECK(c.response().ends_with("\r\n\r\nplain"));
    }
  }
}

TEST_CASE("many coroutines wait on one loop at a time") {
  watchdog dog("many coroutines");
  aft::app app;
  std::atomic<int> here{0};
  app.get("/", [&here]() -> asio::awaitable<std::string> {
    ++here;
    while (here < 100) co_await pause(1ms);
    co_return "all";
  });
  const auto where = app.start({.port = 0, .threads = 1});
  std::vector<std::unique_ptr<client>> clients;
  for (int i = 0; i < 100; ++i) {
    clients.push_back(std::make_unique<client>(where.port));
    clients.back()->send(get("/"));
  }
  for (auto& c : clients) CHECK(c->response().ends_with("all"));
}

TEST_CASE("a coroutine is cancelled when its client leaves, its time is up, or the server stops") {
  watchdog dog("cancelled coroutines");
  aft::app app;
  sleepers all;
  app.get("/", [&all] { return all.sleep(); });
  app.get("/late", [&all] { return all.sleep(); }).deadline(aft::milliseconds(100));
  const auto where = app.start({.port = 0, .drain = aft::duration()});
  SUBCASE("the client leaves") {
    {
      client c(where.port);
      c.send(get("/"));
      CHECK(soon([&] { return all.asleep == 1; }));
    }
    CHECK(soon([&] { return all.cancelled == 1; }));
  }
  SUBCASE("the deadline passes") {
    client c(where.port);
    c.send(get("/late"));
    const auto answer = c.response();
    CHECK(answer.starts_with("HTTP/1.1 503 "));
    CHECK(answer.find("Retry-After: 1\r\n") != answer.npos);
    CHECK(all.cancelled == 1);
    c.send(get("/late"));
    CHECK(c.response().starts_with("HTTP/1.1 503 "));
  }
  SUBCASE("the server stops") {
    client c(where.port);
    c.send(get("/"));
    CHECK(soon([&] { return all.asleep == 1; }));
    app.stop();
    CHECK(all.cancelled == 1);
  }
}

TEST_CASE("a coroutine writes to the database without waiting on its loop") {
  watchdog dog("write_later");
  temporary_folder folder;
  aft::app app({.database = new_database(folder / "a.db")});
  app.migrate({"001", "create table item (id integer primary key, name text not null) strict"});
  app.post(
      "/items/{name}", [](std::string name, aft::database& db) -> asio::awaitable<std::string> {
        auto add = [name](aft::transaction& tx) {
          return tx.one<std::int64_t>("insert into item (name) values ($1) returning id", name);
        };
        const auto id = co_await aft::write_later(db, add);
        auto mark = [id](aft::transaction& tx) {
          tx.execute("update item set name = name || '!' where id = $1", id);
        };
        co_await aft::write_later(db, mark);
        co_return db.read([id](aft::reader& r) {
          return r.one<std::string>("select name from item where id = $1", id);
        });
      });
  app.post("/fails", [](aft::database& db) -> asio::awaitable<std::string> {
    std::string what;
    auto fail = [](aft::transaction& tx) {
      tx.execute("insert into item (name) values ('gone')");
      throw std::runtime_error("undo it");
    };
    try {
      co_await aft::write_later(db, fail);
    } catch (const std::runtime_error& e) {
      what = e.what();
    }
    co_return what;
  });
  CHECK(app.handle({"POST", "/items/a"}).body == "a!");
  CHECK(app.handle({"POST", "/fails"}).body == "undo it");
  CHECK(app.db().read([](aft::reader& r) { return r.one<int>("select count(*) from item"); }) == 1);
}

TEST_CASE("a coroutine asks the database without waiting on its loop") {
  watchdog dog("find_later");
  temporary_folder folder;
  aft::app app({.database = new_database(folder / "a.db")});
  app.migrate({"001", "create table item (id integer primary key, name text not null) strict"});
  app.get("/items/{name}",
          [](std::string name, aft::database& db) -> asio::awaitable<std::optional<std::string>> {
            auto found = co_await aft::find_later<std::string>(
                db, "select name || '!' from item where name = $1", name);
            co_return found;
          });
  app.get("/items", [](aft::database& db) -> asio::awaitable<std::vector<std::string>> {
    auto all = co_await aft::all_later<std::string>(db, "select name from item order by name");
    co_return all;
  });
  app.get("/fails", [](aft::database& db) -> asio::awaitable<std::string> {
    std::string what = "nothing";
    try {
      co_await aft::all_later<std::string>(db, "select nonsense from item");
    } catch (const aft::storage_error& e) {
      what = e.what();
    }
    co_return what;
  });
  app.db().write([](aft::transaction& tx) {
    for (const auto* name : {"a", "b"}) tx.execute("insert into item (name) values ($1)", name);
  });
  CHECK(app.handle({"GET", "/items/a"}).body == "a!");
  CHECK(app.handle({"GET", "/items/c"}).status == 404);
  CHECK(app.handle({"GET", "/items"}).body == R"(["a","b"])");
  CHECK(app.handle({"GET", "/fails"}).body.find("nonsense") != std::string::npos);
}

TEST_CASE("coroutines that ask together all go on, each with its own, on their own loop") {
  watchdog dog("many who ask");
  temporary_folder folder;
  aft::logger log;
  aft::clock time;
  aft::database db(new_database(folder / "a.db"), {}, log, time);
  int sum = 0, failed = 0;
  const auto loop = std::this_thread::get_id();
  bool strayed = false;
  const auto one = [&](int number) -> asio::awaitable<void> {
    const auto found = co_await aft::find_later<int>(db, "select 10 / cast($1 as integer)", number);
    strayed = strayed || std::this_thread::get_id() != loop;
    sum += found.value_or(1000);
  };
  const auto wrong = [&]() -> asio::awaitable<void> {
    try {
      co_await aft::all_later<int>(db, "select nonsense");
    } catch (const aft::storage_error&) {
      ++failed;
    }
  };
  for (int round = 0; round < 5; ++round) {
    asio::io_context io(1);
    sum = failed = 0;
    for (int i = 0; i < 100; ++i) {
      asio::co_spawn(io, one(1 + i % 5), asio::detached);
      if (i % 10 == 0) asio::co_spawn(io, wrong(), asio::detached);
    }
    // The context knows of no work while only the database has them.
    const auto held = asio::make_work_guard(io);
    while (sum != 20 * (10 + 5 + 3 + 2 + 2) || failed != 10) io.run_one();
    CHECK(!strayed);
  }
  for (int round = 0; round < 5; ++round) {  // who is destroyed meanwhile is not called
    asio::io_context io(1);
    for (int i = 0; i < 100; ++i) asio::co_spawn(io, one(1), asio::detached);
    io.poll_one();
  }
  CHECK(db.one<int>("select 7") == 7);
}

TEST_CASE("a full queue of the writer is an error that the coroutine gets") {
  watchdog dog("a full queue");
  temporary_folder folder;
  aft::app app(
      {.database = new_database(folder / "a.db"), .storage = {.max_queue = 1, .max_writers = 1}});
  app.migrate({"001", "create table item (name text not null) strict"});
  app.get("/", [](aft::database& db) -> asio::awaitable<std::string> {
    std::string what = "written";
    auto add = [](aft::transaction& tx) { tx.execute("insert into item values ('x')"); };
    try {
      co_await aft::write_later(db, add);
    } catch (const aft::storage_error& e) {
      what = e.fault() == aft::storage_fault::busy ? "busy" : "other";
    }
    co_return what;
  });
  const auto where = app.start({.port = 0});
  std::atomic<bool> held{false}, go_on{false};
  std::thread holder([&] {
    app.db().write([&](aft::transaction&) {
      held = true;
      while (!go_on) std::this_thread::yield();
    });
  });
  CHECK(soon([&] { return held.load(); }));
  client a(where.port), b(where.port);  // one waits in the queue, the other finds it full
  a.send(get("/"));
  b.send(get("/"));
  std::string answers;
  CHECK(soon([&] {
    char part[4096];
    for (const auto* c : {&a, &b}) {
      const auto n = ::recv(c->fd(), part, sizeof part, MSG_DONTWAIT);
      if (n > 0) answers.append(part, std::size_t(n));
    }
    return answers.find("busy") != answers.npos;
  }));
  go_on = true;
  holder.join();
}

TEST_CASE("a coroutine may end at once, stop its app, and leave work behind") {
  watchdog dog("ends of coroutines");
  aft::app app;
  std::atomic<bool> worked{false};
  app.get("/at-once", []() -> asio::awaitable<std::string> {
    std::string text = "at once";
    co_await asio::dispatch(asio::use_awaitable);
    co_return text;
  });
  app.get("/leaves-work", [&worked]() -> asio::awaitable<std::string> {
    auto background = [&worked]() -> asio::awaitable<void> {
      co_await pause(50ms);
      worked = true;
    };
    const auto here = co_await asio::this_coro::executor;
    asio::co_spawn(here, background, asio::detached);
    co_return "left";
  });
  app.get("/stop", [&app]() -> asio::awaitable<std::string> {
    co_await pause(1ms);
    app.stop();
    co_return "stopping";
  });
  auto ask = [&](std::uint16_t port) {
    client c(port), d(port);
    c.send(get("/at-once") + get("/at-once"));
    CHECK(c.response().ends_with("at once"));
    CHECK(c.response().ends_with("at once"));
    c.send("GET /at-once HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    CHECK(c.receive().ends_with("at once"));
    d.send(get("/leaves-work"));
    CHECK(d.response().ends_with("left"));
    CHECK(soon([&] { return worked.load(); }));
    d.send(get("/stop"));
    CHECK(d.response().ends_with("stopping"));
  };
  SUBCASE("on a loop of its own") {
    ask(app.start({.port = 0}).port);
    app.stop();
  }
  SUBCASE("on the host's") {
    asio::io_context io;
    const auto where = app.start_on(io, {.port = 0});
    std::thread host([&] { io.run(); });
    ask(where.port);
    host.join();
    app.stop();
  }
}

TEST_CASE("a deadline reaches a coroutine that came over no socket") {
  watchdog dog("a deadline without a socket");
  aft::app app;
  sleepers all;
  app.get("/", [&all] { return all.sleep(); }).deadline(aft::milliseconds(50));
  CHECK(app.handle({.target = "/"}).status == 503);
  CHECK(all.cancelled == 1);
}

TEST_CASE("a coroutine that takes what none may keep while it waits fails the start") {
  temporary_folder folder;
  aft::app app({.database = new_database(folder / "a.db")});
  app.get("/a", [](aft::reader&) -> asio::awaitable<std::string> { co_return "a"; });
  app.get("/b", [](aft::transaction&) -> asio::awaitable<std::string> { co_return "b"; });
  app.get("/c", [](stamped) -> asio::awaitable<std::string> { co_return "c"; });
  std::string why;
  try {
    app.prepare();
  } catch (const aft::configuration_error& e) {
    why = e.what();
  }
  CHECK(why.find("GET /a") != why.npos);
  CHECK(why.find("is a coroutine, but takes aft::reader&") != why.npos);
  CHECK(why.find("is a coroutine, but takes aft::transaction&") != why.npos);
  CHECK(why.find("GET /c") != why.npos);
}

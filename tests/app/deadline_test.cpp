// A route's deadline, on every lane.

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include <aft/app.hpp>

#include "../temporary_file.hpp"
#include "../test_database.hpp"

namespace {

// Reads for minutes.
std::int64_t read_for_long(aft::reader& db) {
  return db.one<std::int64_t>(
      "with recursive n(i) as (select 1 union all select i + 1 from n where i < 20000000000) "
      "select count(*) from n");
}

}  // namespace

TEST_CASE("a query ends when the deadline of its request has passed") {
  temporary_folder folder;
  aft::app app({.database = new_database(folder / "a.db")});
  app.get("/read", [](aft::reader& db) { return read_for_long(db); })
      .deadline(aft::milliseconds(100));
  app.get("/write", [](aft::transaction& tx) { return read_for_long(tx); })
      .deadline(aft::milliseconds(100));
  app.get("/work", aft::blocking([](aft::reader& db) { return read_for_long(db); }))
      .deadline(aft::milliseconds(100));
  for (const auto* path : {"/read", "/write", "/work"}) {
    const auto answer = app.handle({.target = path});
    CHECK(answer.status == 503);
    CHECK(answer.header("Retry-After") == "1");
  }
}

TEST_CASE("a late transaction keeps nothing, and others keep theirs") {
  temporary_folder folder;
  aft::app app({.database = new_database(folder / "a.db")});
  app.migrate({"001", "create table item (name text not null) strict"});
  app.post("/late",
           [](aft::transaction& tx) {
             tx.execute("insert into item values ('early')");
             std::this_thread::sleep_for(std::chrono::milliseconds(200));
             tx.execute("insert into item values ('late')");
           })
      .deadline(aft::milliseconds(100));
  app.post("/other", [](aft::transaction& tx) { tx.execute("insert into item values ('other')"); });
  CHECK(app.handle({"POST", "/late"}).status == 503);
  CHECK(app.handle({"POST", "/other"}).status == 204);
  CHECK(app.db().read([](aft::reader& db) {
    return db.all<std::string>("select name from item");
  }) == std::vector<std::string>{"other"});
}

TEST_CASE("what waited for its lane until its deadline is not run any more") {
  aft::app app({.lanes = {.work_threads = 1}});
  std::atomic<bool> busy{false};
  std::atomic<int> ran{0};
  app.get("/slow", aft::blocking([&] {
            busy = true;
            std::this_thread::sleep_for(std::chrono::milliseconds(300));
            return "slow";
          }));
  app.get("/quick", aft::blocking([&] {
            ++ran;
            return "quick";
          }))
      .deadline(aft::milliseconds(50));
  std::thread first([&] { CHECK(app.handle({.target = "/slow"}).status == 200); });
  while (!busy) std::this_thread::yield();
  CHECK(app.handle({.target = "/quick"}).status == 503);
  first.join();
  CHECK(ran == 0);
  CHECK(app.handle({.target = "/quick"}).status == 200);
}

TEST_CASE("a handler can ask how much time is left") {
  aft::app app({.lanes = {.deadline = aft::seconds(20)}});
  app.get("/", [](const aft::request& r) { return r.time_left().in_milliseconds(); });
  app.get("/own", [](const aft::request& r) { return r.time_left().in_milliseconds(); })
      .deadline(aft::seconds(5));
  app.get("/none", [](const aft::request& r) { return r.time_left() > aft::days(1) ? "none" : ""; })
      .deadline({});
  const auto app_wide = std::stoll(app.handle({.target = "/"}).body);
  const auto own = std::stoll(app.handle({.target = "/own"}).body);
  CHECK(app_wide > 5'000);
  CHECK(app_wide <= 20'000);
  CHECK(own > 0);
  CHECK(own <= 5'000);
  CHECK(app.handle({.target = "/none"}).body == "none");
}

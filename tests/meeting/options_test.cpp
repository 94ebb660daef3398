#include <aft/meeting/options.hpp>

#include <atomic>
#include <stdexcept>
#include <thread>

#include <doctest/doctest.h>

#include <aft/app.hpp>

namespace {

struct caller {
  std::string name;
};
struct tenant {
  std::string name;
};

struct note {
  std::int64_t id;
  std::string text;
};

struct with_notes {
  aft::app app{{.database = ":memory:", .lanes = {.work_threads = 1, .max_waiting = 1}}};
  with_notes() {
    app.migrate(
        {"001", "create table note (id integer primary key, text text not null unique) strict"});
  }
  int count() {
    return app.db().read([](aft::reader& r) { return r.one<int>("select count(*) from note"); });
  }
};

}  // namespace

template <>
struct aft::from_request<caller> {
  static caller from(aft::reader& db) { return {db.one<std::string>("select 'ada'")}; }
};
template <>
struct aft::from_request<tenant> {
  static tenant from(const caller& u, aft::reader& db) {
    return {u.name + db.one<std::string>("select ' of 1'")};
  }
};

TEST_CASE_FIXTURE(with_notes, "a handler takes a reader or a transaction, by its signature") {
  app.post("/notes", [](aft::body<std::string> text, aft::transaction& tx) {
    auto saved = tx.one<note>("insert into note (text) values ($1) returning *", *text);
    return aft::created{saved, "/notes/" + std::to_string(saved.id)};
  });
  app.get("/notes/{id}", [](std::int64_t id, aft::reader& db) {
    return db.find<note>("select * from note where id = $1", id);
  });
  auto made = app.handle({"POST", "/notes", {}, "hello"});
  CHECK(made.status == 201);
  CHECK(made.header("Location") == "/notes/1");
  CHECK(app.handle({.target = "/notes/1"}).body == R"({"id":1,"text":"hello"})");
  CHECK(app.handle({.target = "/notes/2"}).status == 404);
  CHECK(app.handle({.target = "/notes/x"}).status == 400);
}

TEST_CASE_FIXTURE(with_notes,
                  "a handler that throws leaves nothing, one that returns a problem does") {
  auto insert = [](aft::transaction& tx) { tx.execute("insert into note (text) values ('x')"); };
  app.post("/throws", [insert](aft::transaction& tx) {
    insert(tx);
    throw aft::conflict("no");
  });
  app.post("/returns", [insert](aft::transaction& tx) {
    insert(tx);
    return aft::conflict("noted");
  });
  CHECK(app.handle({"POST", "/throws", {}, ""}).status == 409);
  CHECK(count() == 0);
  CHECK(app.handle({"POST", "/returns", {}, ""}).status == 409);
  CHECK(count() == 1);
  const auto twice = app.handle({"POST", "/returns", {}, ""});  // unique, and nobody asked
  CHECK(twice.status == 409);
  CHECK(twice.body.find("one like it") != std::string::npos);
}

TEST_CASE_FIXTURE(with_notes, "a reader beside a transaction sees what that has written") {
  app.post("/", [](aft::transaction& tx, aft::reader& db) {
    tx.execute("insert into note (text) values ('x')");
    return db.one<int>("select count(*) from note");
  });
  CHECK(app.handle({"POST", "/", {}, ""}).body == "1");
}

TEST_CASE_FIXTURE(with_notes,
                  "a write that would wait on an event loop is refused with its remedy") {
  std::string why;
  app.post("/", [&why](aft::database& db) {
    try {
      db.write([](aft::transaction&) {});
    } catch (const aft::storage_error& e) {
      why = e.what();
    }
  });
  app.post("/blocking", aft::blocking([](aft::database& db) {
             return db.write([](aft::transaction& tx) {
               return tx.one<int>("insert into note (text) values ('x') returning id");
             });
           }));
  app.handle({"POST", "/", {}, ""});
  CHECK(why.find("take a transaction&") != std::string::npos);
  CHECK(app.handle({"POST", "/blocking", {}, ""}).body == "1");
}

TEST_CASE_FIXTURE(with_notes, "a blocking handler may not hold a transaction") {
  app.post("/", aft::blocking([](aft::transaction&) {}));
  CHECK_THROWS_AS(app.prepare(), aft::configuration_error);
}

TEST_CASE_FIXTURE(with_notes, "when the work lane is full, 503 comes at once") {
  std::atomic<bool> inside{false}, go{false};
  app.get("/", aft::blocking([&] {
            inside = true;
            while (!go) std::this_thread::yield();
          }));
  app.prepare();
  std::thread first([&] { app.handle({.target = "/"}); });
  while (!inside) std::this_thread::yield();
  std::atomic<int> full{0};
  std::vector<std::thread> more;
  for (int i = 0; i < 4; ++i) {
    more.emplace_back([&] {
      auto r = app.handle({.target = "/"});
      if (r.status == 503 && r.header("Retry-After")) ++full;
    });
  }
  while (full < 3) std::this_thread::yield();  // one waits, the others were told
  go = true;
  first.join();
  for (auto& t : more) t.join();
  CHECK(full == 3);
}

TEST_CASE("a handler without its database fails the start, and says what to do") {
  aft::app app;
  app.get("/", [](aft::reader&) {});
  try {
    app.prepare();
    FAIL("it started");
  } catch (const aft::configuration_error& e) {
    CHECK(std::string(e.what()).find(".database") != std::string::npos);
  }
}

TEST_CASE_FIXTURE(with_notes, "several arguments may need the reader at once") {
  app.get("/who", [](const caller& u, const tenant& t, aft::reader& db) {
    return u.name + ", " + t.name + ", " + db.one<std::string>("select 'here'");
  });
  CHECK(app.handle({.target = "/who"}).body == "ada, ada of 1, here");
  CHECK(app.handle({.target = "/who"}).body == "ada, ada of 1, here");
}

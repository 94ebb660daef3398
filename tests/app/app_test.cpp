#include <aft/app.hpp>

#include <memory>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "../temporary_file.hpp"
#include "../test_database.hpp"

namespace {
struct note {
  std::int64_t id;
  std::string title;
};
struct new_note {
  std::string title;
};
struct index_note {
  std::int64_t id;
};
}  // namespace

TEST_CASE("from a request to a durable row and a finished job") {
  temporary_folder folder;
  const auto file = new_database(folder / "notes.db");
  for (int run = 0; run < 2; ++run) {
    aft::app app({.database = file});
    app.migrate({"001_notes",
                 "create table note (id integer primary key, title text not null) strict;"
                 "create table word (note integer not null, length integer not null) strict;"});
    app.post("/notes", [](aft::body<new_note> in, aft::transaction& tx) -> aft::created<note> {
      auto saved = tx.one<note>("insert into note (title) values ($1) returning *", in->title);
      aft::enqueue(tx, index_note{saved.id});
      return {saved, "/notes/" + std::to_string(saved.id)};
    });
    app.job<index_note>([](index_note job, aft::transaction& tx) {
      tx.execute("insert into word select id, length(title) from note where id = $1", job.id);
    });
    auto made = app.handle(
        {"POST", "/notes", {{"Content-Type", "application/json"}}, R"({"title":"abc"})"});
    CHECK(made.status == 201);
    CHECK(app.run_due_jobs() == 1);
    app.db().read(
        [&](aft::reader& db) { CHECK(db.one<int>("select count(*) from word") == run + 1); });
  }
}

TEST_CASE("what the schema refuses is a conflict that the client hears of") {
  temporary_folder folder;
  std::string logged;
  aft::app app({.database = new_database(folder / "people.db"),
                .log = [&](const aft::log_record& r) { logged += r.message; },
                .least_log_level = aft::log_level::error});
  app.migrate({"001_people",
               "create table person (id integer primary key, name text not null unique) strict;"
               "create table pet (id integer primary key, age integer not null check (age >= 0),"
               " owner integer not null references person deferrable initially deferred) strict;"});
  app.post("/people/{name}", [](std::string name, aft::transaction& tx) {
    tx.execute("insert into person (name) values ($1)", name);
  });
  app.post("/pets/{owner}/{age}", [](std::int64_t owner, int age, aft::transaction& tx) {
    tx.execute("insert into pet (owner, age) values ($1, $2)", owner, age);
  });
  CHECK(app.handle({"POST", "/people/ada"}).status == 204);
  const auto twice = app.handle({"POST", "/people/ada"});
  CHECK(twice.status == 409);
  CHECK(twice.header("Content-Type") == "application/problem+json");
  CHECK(twice.body.find("insert") == std::string::npos);
  CHECK(app.handle({"POST", "/pets/77/1"}).status == 409);  // found at the commit
  CHECK(logged == "");
  CHECK(app.handle({"POST", "/pets/1/-1"}).status == 500);  // the program has not looked
  CHECK(logged != "");
  app.db().read([](aft::reader& r) {
    CHECK(r.one<int>("select count(*) from person") == 1);
    CHECK(r.one<int>("select count(*) from pet") == 0);
  });
}

TEST_CASE("an app is stopped before it started, twice, and by its end") {
  aft::app app;
  app.stop();
  app.get("/", [] { return "x"; });
  app.start({.port = 0});
  app.stop();
  app.stop();
  app.start({.port = 0});
}

TEST_CASE("an app can be started once at a time, and again after its stop") {
  aft::app app;
  app.get("/", [] { return "x"; });
  auto first = app.start({.port = 0});
  CHECK(first.port != 0);
  CHECK_THROWS_AS(app.start({.port = 0}), aft::configuration_error);
  app.stop();
  app.start({.port = 0});
}

TEST_CASE("a port in use is one clear sentence") {
  aft::app a, b;
  const auto where = a.start({.port = 0, .threads = 2});
  for (unsigned threads : {1u, 2u}) {
    try {
      b.start({.port = where.port, .threads = threads});
      FAIL("it started");
    } catch (const aft::configuration_error& e) {
      CHECK(std::string(e.what()) ==
            "port " + std::to_string(where.port) + " of 127.0.0.1 is in use; choose another port");
    }
  }
}

TEST_CASE("an address that is none is refused") {
  aft::app app;
  CHECK_THROWS_AS(app.start({.address = "nowhere", .port = 0}), aft::configuration_error);
  CHECK_THROWS_AS(app.start({.address = "203.0.113.1", .port = 0}), aft::configuration_error);
}

TEST_CASE("requests without a socket are answered on many threads at once") {
  aft::app app({.database = new_database()});
  app.migrate({"001", "create table t (x integer) strict"});
  app.get("/read", [](aft::reader& db) { return db.one<int>("select count(*) from t"); });
  app.post("/write", [](aft::transaction& tx) { tx.execute("insert into t values (1)"); });
  std::vector<std::thread> threads;
  for (int i = 0; i < 6; ++i) {
    threads.emplace_back([&] {
      for (int k = 0; k < 40; ++k) {
        CHECK(app.handle({"POST", "/write", {}, ""}).status == 204);
        CHECK(app.handle({.target = "/read"}).status == 200);
      }
    });
  }
  for (auto& t : threads) t.join();
  CHECK(app.handle({.target = "/read"}).body == "240");
}

TEST_CASE("a handler may hand a request to its own app") {
  aft::app app;
  app.get("/inner", [] { return "inner"; });
  app.get("/outer", [&app] { return app.handle({.target = "/inner"}).body; });
  CHECK(app.handle({.target = "/outer"}).body == "inner");
}

TEST_CASE("many apps live beside each other") {
  std::vector<std::unique_ptr<aft::app>> apps;
  for (int i = 0; i < 20; ++i) {
    auto& app = *apps.emplace_back(
        std::make_unique<aft::app>(aft::app_options{.database = new_database()}));
    app.get("/", [i] { return i; });
    app.start({.port = 0, .threads = 1});
  }
  for (int i = 19; i >= 0; --i) {
    CHECK(apps[std::size_t(i)]->handle({.target = "/"}).body == std::to_string(i));
    if (i % 2) apps[std::size_t(i)]->stop();
  }
}

TEST_CASE("two states of one type are refused, and so is a database that is not there") {
  aft::app app;
  int a = 0, b = 0;
  app.state(a);
  CHECK_THROWS_AS(app.state(b), aft::configuration_error);
  CHECK_THROWS_AS(app.db(), aft::configuration_error);
}

TEST_CASE("an app backs itself up by the clock, and tells how old the proof is") {
  if (on_postgres()) return;
  temporary_folder folder;
  aft::manual_clock time{aft::time_point(aft::seconds(1'769'860'800))};
  aft::app app({.database = folder / "test.db",
                .backups = {.directory = folder / "backups", .every = aft::hours(1)},
                .time = &time});
  CHECK(app.run_due_backups() == 2);
  time.advance(aft::minutes(30));
  CHECK(app.run_due_backups() == 0);
  CHECK(app.backups().verified_age == aft::minutes(30));
  app.start({.port = 0, .threads = 1});
  app.stop();
}

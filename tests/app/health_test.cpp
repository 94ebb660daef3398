#include <aft/health.hpp>

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>

#include <doctest/doctest.h>

#include <aft/app.hpp>

#include "../temporary_file.hpp"
#include "../test_database.hpp"

namespace {
bool holds(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }
}  // namespace

TEST_CASE("an app that works is alive and ready, and nobody keeps that answer") {
  temporary_folder folder;
  aft::app app({.database = new_database(folder / "a.db")});
  app.migrate({"001", "create table t (id integer primary key) strict;"});
  app.serve_health();
  const auto live = app.handle({.target = "/healthz/live"});
  CHECK(live.status == 200);
  CHECK(live.body == R"({"status":"ok"})");
  const auto ready = app.handle({.target = "/healthz/ready"});
  CHECK(ready.status == 200);
  CHECK(ready.body ==
        R"({"status":"ok","checks":{"draining":{"status":"ok"},"database":{"status":"ok"},)"
        R"("migrations":{"status":"ok"},"disk":{"status":"ok"}}})");
  CHECK(holds(std::string(ready.header("Cache-Control").value_or("")), "no-store"));
}

TEST_CASE("what is wrong is said, without what strangers need not know, and logged once") {
  temporary_folder folder;
  std::string logged;
  aft::app app({.database = new_database(folder / "a.db"),
                .log = [&](const aft::log_record& r) { logged += std::string(r.message) + "\n"; }});
  app.serve_health({.path = "/health"});
  bool is_open = true, throws = false;
  app.check("payments", [&]() -> std::optional<std::string> {
    if (throws) throw std::runtime_error("no route to 10.1.2.3");
    if (is_open) return {};
    return "closed at night";
  });
  CHECK(app.handle({.target = "/health/ready"}).status == 200);
  is_open = false;
  for (int i = 0; i < 2; ++i) {
    const auto r = app.handle({.target = "/health/ready"});
    CHECK(r.status == 503);
    CHECK(holds(r.body, R"("payments":{"status":"failed","reason":"closed at night"})"));
  }
  CHECK(app.handle({.target = "/health/live"}).status == 200);
  CHECK(logged == "the health check payments is failed: closed at night\n");
  throws = true;
  const auto r = app.handle({.target = "/health/ready"});
  CHECK(holds(r.body, R"("payments":{"status":"failed","reason":"it does not answer"})"));
  is_open = true, throws = false;
  CHECK(app.handle({.target = "/health/ready"}).status == 200);
}

TEST_CASE("a schema of a later version is degraded, and a disk with too little room failed") {
  temporary_folder folder;
  aft::app app({.database = new_database(folder / "a.db")});
  app.serve_health({.min_free_bytes = std::uint64_t(1) << 60});
  app.prepare();
  app.db().write([](aft::transaction& tx) {
    tx.execute(
        "insert into aft_migration (line, position, name, checksum, sql, applied_at) "
        "select 'host', 1, 'later', '', '', applied_at from aft_migration limit 1");
  });
  const auto r = app.handle({.target = "/healthz/ready"});
  CHECK(holds(r.body, R"("migrations":{"status":"degraded","reason":"the schema is of another)"));
  CHECK(holds(r.body, R"("disk":{"status":"failed","reason":"it is full"})") == !on_postgres());
  CHECK(r.status == (on_postgres() ? 200 : 503));
}

TEST_CASE("an archive that does not work degrades, and its numbers tell how far it is behind") {
  if (on_postgres()) return;  // has archives of its own
  temporary_folder folder;
  const auto archive = folder / "archive";
  aft::app app({.database = new_database(folder / "a.db"),
                .storage = {.archive = {.directory = archive, .interval = aft::milliseconds(1)}},
                .log = [](const aft::log_record&) {}});
  app.serve_health();
  app.serve_metrics();
  const auto ready = [&] { return app.handle({.target = "/healthz/ready"}).body; };
  const auto numbers = [&] { return app.handle({.target = "/metrics"}).body; };
  const auto soon = [](auto&& f) {
    for (int i = 0; i < 60'000 && !f(); ++i) ::usleep(1000);
    return f();
  };
  app.prepare();
  CHECK(soon([&] { return holds(ready(), R"("archive":{"status":"ok"})"); }));
  CHECK(soon([&] { return holds(numbers(), "aft_archive_lag_seconds 0.0"); }));
  CHECK(holds(numbers(), "aft_archive_working 1\n"));
  std::filesystem::rename(archive, archive + ".away");
  std::ofstream(archive) << "in the way";
  app.db().write([](aft::transaction& tx) { tx.execute("create table t (pad text) strict"); });
  for (const int rows : {3000, 1, 1, 1}) {  // enough for a log that begins anew
    app.db().write([rows](aft::transaction& tx) {
      for (int i = 0; i < rows; ++i) tx.execute("insert into t values (hex(randomblob(2000)))");
    });
  }
  CHECK(soon([&] {
    return holds(ready(), R"("archive":{"status":"degraded","reason":"it has failed"})");
  }));
  CHECK(app.handle({.target = "/healthz/ready"}).status == 200);
  CHECK(!holds(ready(), archive));
  CHECK(holds(numbers(), "aft_archive_working 0\n"));
}

TEST_CASE("an app that drains is not ready, but still answers") {
  aft::app app;
  app.serve_health();
  app.get("/", [] { return "here\n"; });
  CHECK(app.handle({.target = "/healthz/ready"}).status == 200);
  app.drain();
  const auto r = app.handle({.target = "/healthz/ready"});
  CHECK(r.status == 503);
  CHECK(holds(r.body, R"("draining":{"status":"failed","reason":"it is about to stop"})"));
  CHECK(app.handle({}).status == 200);
  CHECK(app.handle({.target = "/healthz/live"}).status == 200);
  app.start({.port = 0});
  CHECK(app.handle({.target = "/healthz/ready"}).status == 200);
  app.stop();
  CHECK(app.handle({.target = "/healthz/ready"}).status == 503);
}

// Jobs know the request that enqueued them.

#include <stdexcept>

#include <doctest/doctest.h>

#include <aft/ground/context.hpp>

#include "job_app.hpp"

namespace {

struct greet {
  int times = 1;
};
struct follow_up {
  int x = 0;
};

const std::string trace = "4bf92f3577b34da6a3ce929d0e0e4736";
const std::string parent = "00-" + trace + "-00f067aa0ba902b7-00";

struct with_routes : job_app {
  std::string failed_for{};

  with_routes() {
    app.post("/in", [](aft::transaction& tx) { aft::enqueue(tx, greet{}); });
    app.post("/by", aft::blocking([](aft::database& db) {
               db.write([](aft::transaction& tx) { aft::enqueue(tx, greet{}, {.unique = "k"}); });
             }));
    app.job<greet>([this](greet, aft::transaction& tx) {
      note();
      aft::enqueue(tx, follow_up{});
    });
    app.job<follow_up>([this](follow_up) { note(); });
  }
  void note() {
    const auto* c = aft::current_context();
    REQUIRE(c);
    ran += c->route + " " + c->request_id + " " + c->trace.trace_id + "\n";
  }
  std::string post(const std::string& path) {
    const auto r =
        app.handle({.method = "POST", .target = path, .headers = {{"traceparent", parent}}});
    CHECK(r.status == 204);
    return std::string(r.header("X-Request-Id").value_or("none"));
  }
};

}  // namespace

TEST_CASE_FIXTURE(with_routes, "a job works for the request that enqueued it, and so do its own") {
  for (const auto* path : {"/in", "/by"}) {
    CAPTURE(path);
    const auto id = post(path);
    CHECK(id.size() > 20);
    CHECK(run() == 2);
    CHECK(take_ran() == "greet " + id + " " + trace + "\nfollow_up " + id + " " + trace + "\n");
  }
}

TEST_CASE_FIXTURE(with_routes, "a job of nobody's has no request, and what it logs neither") {
  enqueue(greet{});
  run();
  CHECK(take_ran() == "greet  \nfollow_up  \n");
}

TEST_CASE("each attempt is in the log, with the request that caused it") {
  std::string seen;
  aft::manual_clock time{aft::time_point(aft::seconds(1'769'860'800))};
  aft::app app({.database = new_database(),
                .log =
                    [&seen](const aft::log_record& r) {
                      if (r.room != "jobs") return;
                      seen += std::string(to_string(r.level)) + "|" + std::string(r.message) + "|" +
                              std::string(r.route) + "|" + std::string(r.request_id) + "|" +
                              std::string(r.trace_id) + "|" + (r.took ? "took" : "") + "\n";
                    },
                .log_levels = {{"jobs", aft::log_level::debug}},
                .time = &time});
  app.post("/", [](aft::transaction& tx) { aft::enqueue(tx, greet{}); });
  int runs = 0;
  app.job<greet>([&runs](greet) {
    if (++runs == 1) throw std::runtime_error("no");
    if (runs == 2) throw aft::snooze_job{aft::seconds(1)};
  });
  const auto r = app.handle({.method = "POST", .headers = {{"traceparent", parent}}});
  for (int i = 0; i < 3; ++i) {
    app.run_due_jobs();
    time.advance(aft::minutes(1));
  }
  const auto rest =
      "|greet|" + std::string(r.header("X-Request-Id").value()) + "|" + trace + "|took\n";
  CHECK(seen == "warning|job 1 (greet) failed in attempt 1 of 25: no" + rest +
                    "debug|job 1 (greet) is returned in attempt 2 of 25" + rest +
                    "debug|job 1 (greet) is done in attempt 2 of 25" + rest);
}

TEST_CASE("a failed attempt is logged with the request that caused it") {
  std::string seen;
  aft::manual_clock time{aft::time_point(aft::seconds(1'769'860'800))};
  aft::app app({.database = new_database(),
                .log =
                    [&seen](const aft::log_record& r) {
                      seen += std::string(r.route) + "|" + std::string(r.request_id);
                    },
                .time = &time});
  app.post("/", [](aft::transaction& tx) { aft::enqueue(tx, greet{}); });
  app.job<greet>([](greet) { throw std::runtime_error("no"); });
  const auto r = app.handle({.method = "POST"});
  app.run_due_jobs();
  CHECK(seen == "greet|" + std::string(r.header("X-Request-Id").value()));
}

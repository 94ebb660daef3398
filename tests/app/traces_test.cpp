#include <aft/traces.hpp>

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <thread>

#include <doctest/doctest.h>

#include <aft/app.hpp>
#include <aft/ground/span.hpp>
#include <aft/jobs/job.hpp>

#include "../client/raw_server.hpp"
#include "../metrics_reader.hpp"
#include "../test_database.hpp"
#include "../watchdog.hpp"

namespace {

// The part of OTLP that these tests look at.
struct otlp_value {
  std::optional<std::string> stringValue, intValue;
};
struct otlp_attribute {
  std::string key;
  otlp_value value;
};
struct otlp_status {
  int code;
  std::string message;
};
struct otlp_span {
  std::string traceId, spanId, name, startTimeUnixNano, endTimeUnixNano;
  std::optional<std::string> parentSpanId;
  int kind;
  std::vector<otlp_attribute> attributes;
  std::optional<otlp_status> status;

  std::string at(std::string_view key) const {
    for (const auto& a : attributes) {
      if (a.key == key) return a.value.stringValue ? *a.value.stringValue : *a.value.intValue;
    }
    return "none";
  }
};
struct otlp_scope {
  std::vector<otlp_span> spans;
};
struct otlp_resource {
  std::vector<otlp_attribute> attributes;
};
struct otlp_resource_spans {
  otlp_resource resource;
  std::vector<otlp_scope> scopeSpans;
};
struct otlp_request {
  std::vector<otlp_resource_spans> resourceSpans;
};

// Takes traces, as an OpenTelemetry collector does. Read it when the apps that send are gone.
struct collector {
  std::string url;
  std::mutex mutex;
  std::vector<otlp_span> all;  // guarded by mutex, as is the next
  std::string bodies;
  aft::app app;  // which ends first

  collector() {
    app.post("/v1/traces", [this](aft::body<std::string> in, const aft::request& r) {
      CHECK(r.header("Content-Type") == "application/json");
      const auto read = aft::json::read<otlp_request>(*in, {.ignore_unknown = true});
      REQUIRE(read);
      std::lock_guard lock(mutex);
      bodies += *in;
      for (const auto& resource : read->resourceSpans) {
        CHECK(resource.resource.attributes.at(0).key == "service.name");
        for (const auto& scope : resource.scopeSpans) {
          all.insert(all.end(), scope.spans.begin(), scope.spans.end());
        }
      }
    });
    const auto at = app.start({.port = 0});
    url = "http://127.0.0.1:" + std::to_string(at.port) + "/v1/traces";
  }
  const std::vector<otlp_span>& taken() {
    app.stop();
    return all;
  }
  const otlp_span& only(std::string_view name, std::string_view text = "") {
    const otlp_span* found = nullptr;
    taken();
    for (const auto& s : all) {
      if (s.name != name || s.at("db.query.text").find(text) == std::string::npos) continue;
      CHECK_FALSE(found);
      found = &s;
    }
    CAPTURE(name);
    REQUIRE(found);
    return *found;
  }
};

struct fetch_rates {};
struct ask_rates {};

double sum_of(const std::string& metrics, const std::string& name) {
  double sum = 0;
  for (const auto& [key, value] : metrics_reader::read(metrics)) {
    if (key == name || key.starts_with(name + "{")) sum += value;
  }
  return sum;
}

}  // namespace

TEST_CASE("a request, its queries, its job and the server that the job asks are one trace") {
  const watchdog dog("one trace");
  collector c;
  {
    aft::app peer;
    peer.get("/rates", [] { return "1.08"; });
    peer.use(aft::traces{.url = c.url, .service = "rates"});
    const auto at = peer.start({.port = 0});
    const auto rates = "http://127.0.0.1:" + std::to_string(at.port) + "/rates?key=hidden";

    const aft::http_client web;
    aft::app app({.database = new_database()});
    app.use(aft::traces{.url = c.url, .service = "shop"});
    app.migrate({"001", "create table item (name text not null) strict"});
    app.post("/orders/{id}", [](std::int64_t, aft::transaction& tx) {
      tx.execute("insert into item (name) values ($1)", "hidden");
      aft::enqueue(tx, fetch_rates{});
    });
    app.job<fetch_rates>([&](fetch_rates, aft::reader& db) {
      CHECK(db.one<int>("select count(*) from item") == 1);
    });
    app.job<ask_rates>([&](ask_rates) { CHECK(web.get(rates)->body == "1.08"); });
    app.post("/ask", [](aft::transaction& tx) { aft::enqueue(tx, ask_rates{}); });
    CHECK(app.handle({.method = "POST", .target = "/orders/7?token=hidden"}).status == 204);
    CHECK(app.handle({.method = "POST", .target = "/ask"}).status == 204);
    CHECK(app.run_due_jobs() == 2);
  }
  const auto& order = c.only("POST /orders/{id}");
  CHECK_FALSE(order.parentSpanId);
  CHECK(order.kind == 2);
  CHECK(order.traceId.size() == 32);
  CHECK(order.at("http.response.status_code") == "204");
  CHECK(order.at("http.route") == "/orders/{id}");
  CHECK(order.at("aft.request.id") != "none");
  CHECK(order.startTimeUnixNano.size() == 19);
  CHECK(order.startTimeUnixNano <= order.endTimeUnixNano);
  const auto& insert = c.only("INSERT", "insert into item");
  CHECK(insert.parentSpanId == order.spanId);
  CHECK(insert.kind == 3);
  CHECK(insert.at("db.system.name") == (on_postgres() ? "postgresql" : "sqlite"));
  CHECK(insert.at("db.query.text") == "insert into item (name) values ($1)");
  const auto& job = c.only("process fetch_rates");
  CHECK(job.parentSpanId == order.spanId);
  CHECK(job.kind == 5);
  CHECK(job.at("aft.job.attempt") == "1");
  CHECK(job.at("aft.request.id") == order.at("aft.request.id"));
  const auto& count = c.only("SELECT", "select count(*) from item");
  CHECK(count.parentSpanId == job.spanId);
  for (const auto* s : {&insert, &job, &count}) CHECK(s->traceId == order.traceId);

  const auto& asked = c.only("process ask_rates");
  const auto& call = c.only("GET");
  CHECK(call.parentSpanId == asked.spanId);
  CHECK(call.kind == 3);
  CHECK(call.at("server.address") == "127.0.0.1");
  CHECK(call.at("http.response.status_code") == "200");
  const auto& answer = c.only("GET /rates");
  CHECK(answer.parentSpanId == call.spanId);
  CHECK(answer.traceId == asked.traceId);
  CHECK(asked.traceId == c.only("POST /ask").traceId);
  CHECK(asked.traceId != order.traceId);
  CHECK(c.bodies.find("hidden") == c.bodies.npos);
}

TEST_CASE("the host's own parts, and what failed") {
  const watchdog dog("own parts");
  collector c;
  {
    aft::app app({.database = new_database()});
    app.use(aft::traces{.url = c.url});
    app.get("/report", aft::blocking([](aft::database& db) {
              aft::span step("render");
              step.note("rows", db.read([](aft::reader& r) { return r.one<int>("select 7"); }));
              db.write([](aft::transaction& tx) { tx.one<int>("select 8"); });
              return "x";
            }));
    app.get("/broken", []() -> std::string { throw std::runtime_error("no"); });
    app.job<fetch_rates>([](fetch_rates) { throw std::runtime_error("no"); });
    CHECK(app.handle({.target = "/report"}).status == 200);
    CHECK(app.handle({.target = "/broken"}).status == 500);
    CHECK(app.handle({.target = "/nowhere"}).status == 404);
    app.db().write([](aft::transaction& tx) { aft::enqueue(tx, fetch_rates{}); });
    app.run_due_jobs();
  }
  const auto& report = c.only("GET /report");
  const auto& render = c.only("render");
  CHECK(render.parentSpanId == report.spanId);
  CHECK(render.kind == 1);
  CHECK(render.at("rows") == "7");
  CHECK(c.only("SELECT", "select 7").parentSpanId == render.spanId);
  CHECK(c.only("SELECT", "select 8").parentSpanId == render.spanId);  // on the writer's thread
  CHECK_FALSE(report.status);
  REQUIRE(c.only("GET /broken").status);
  CHECK(c.only("GET /broken").status->code == 2);
  CHECK(c.only("GET").at("http.route") == "none");
  const auto& job = c.only("process fetch_rates");
  CHECK_FALSE(job.parentSpanId);  // of nobody's request
  CHECK(job.status.has_value());
}

TEST_CASE("what is not to be collected is not, and nobody else is told to") {
  const watchdog dog("nothing");
  collector c;
  std::string told;
  {
    aft::app app({.database = new_database()});
    app.use(aft::traces{.url = c.url, .sample = 0});
    app.get("/", [&told](aft::reader& db) {
      told = aft::write_traceparent(aft::current_context()->trace);
      return db.one<int>("select 1");
    });
    app.handle(
        {.headers = {{"traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}}});
  }
  CHECK(c.taken().empty());
  CHECK(told.starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-"));
  CHECK(told.ends_with("-00"));  // it was a stranger who said 01
}

TEST_CASE("a part of the traces is collected, whole") {
  const watchdog dog("a part");
  collector c;
  {
    aft::app app({.database = new_database()});
    app.use(aft::traces{.url = c.url, .sample = 0.5});
    app.get("/", [](aft::reader& db) { return db.one<int>("select 1"); });
    for (int i = 0; i < 400; ++i) app.handle({});
  }
  std::size_t requests = 0, queries = 0;
  for (const auto& s : c.taken()) {
    requests += s.name == "GET /";
    queries += s.name == "SELECT" && s.at("db.query.text") == "select 1";
  }
  CHECK(requests > 100);  // by chance once in 10^24 runs
  CHECK(requests < 300);
  CHECK(queries == requests);
}

TEST_CASE("a trusted proxy says what is collected, and is the parent") {
  const watchdog dog("a trusted proxy");
  collector c;
  {
    aft::app app;
    app.use(aft::traces{.url = c.url, .sample = 0});
    app.get("/", [] { return "x"; });
    const auto at = app.start({.port = 0, .trusted_proxies = {"127.0.0.1"}});
    const aft::http_client web;
    const auto url = "http://127.0.0.1:" + std::to_string(at.port) + "/";
    const std::string trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0";
    CHECK(web.get(url, {.headers = {{"traceparent", trace + "1"}}})->status == 200);
    CHECK(web.get(url, {.headers = {{"traceparent", trace + "0"}}})->status == 200);
    CHECK(web.get(url)->status == 200);
  }
  CHECK(c.taken().size() == 1);
  CHECK(c.only("GET /").parentSpanId == "00f067aa0ba902b7");
  CHECK(c.only("GET /").traceId == "4bf92f3577b34da6a3ce929d0e0e4736");
}

TEST_CASE("a collector that is away holds nobody up, and what is lost is counted") {
  const watchdog dog("a collector that is away");
  std::atomic<int> warned{0};
  {
    aft::app app({.log = [&](const aft::log_record& r) { warned += r.room == "traces"; }});
    app.use(aft::traces{.url = "http://127.0.0.1:" + unused_port() + "/",
                        .max_waiting = 4,
                        .batch = 2,
                        .every = aft::milliseconds(1),
                        .client = {.retries = 0, .breaker = {.least_calls = 0}}});
    app.get("/", [] { return "x"; });
    for (int i = 0; i < 50; ++i) CHECK(app.handle({}).status == 200);
    while (sum_of(app.metrics().text(), "aft_traces_dropped_total") < 50) std::this_thread::yield();
    CHECK(sum_of(app.metrics().text(), "aft_traces_exported_total") == 0);
  }
  CHECK(warned == 1);
}

TEST_CASE("traces are counted when they are taken") {
  const watchdog dog("counted");
  collector c;
  aft::app app;
  app.use(aft::traces{.url = c.url, .every = aft::milliseconds(1)});
  app.get("/", [] { return "x"; });
  for (int i = 0; i < 7; ++i) app.handle({});
  while (sum_of(app.metrics().text(), "aft_traces_exported_total") < 7) std::this_thread::yield();
  CHECK(sum_of(app.metrics().text(), "aft_traces_dropped_total") == 0);
}

TEST_CASE("options that make no sense are refused") {
  aft::app app;
  CHECK_THROWS_AS(app.use(aft::traces{.sample = 1.5}), aft::configuration_error);
  CHECK_THROWS_AS(app.use(aft::traces{.url = "localhost:4318"}), aft::configuration_error);
  CHECK_THROWS_AS(app.use(aft::traces{.max_waiting = 1}), aft::configuration_error);
  app.use(aft::traces{});
  CHECK_THROWS_AS(app.use(aft::traces{}), aft::configuration_error);  // once
}

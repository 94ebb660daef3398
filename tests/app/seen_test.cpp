// What an app tells of itself: metrics and the access log.

#include <stdexcept>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <aft/app.hpp>
#include <aft/jobs/job.hpp>

#include "../metrics_reader.hpp"
#include "../temporary_file.hpp"
#include "../test_database.hpp"

namespace {

struct work {
  int x = 0;
};

double sum_of(const samples& all, const std::string& name) {
  double sum = 0;
  for (const auto& [key, value] : all) {
    if (key == name || key.starts_with(name + "{")) sum += value;
  }
  return sum;
}

}  // namespace

TEST_CASE("all rooms are measured, by route template and never by what strangers send") {
  temporary_folder folder;
  aft::app app({.database = new_database(folder / "a.db")});
  app.migrate({"001", "create table t (id integer primary key) strict;"});
  app.get("/notes/{id}", [](std::int64_t id) { return std::to_string(id); });
  app.post("/notes", [](aft::transaction& tx) {
    tx.execute("insert into t default values");
    aft::enqueue(tx, work{});
  });
  app.job<work>([](work) { throw std::runtime_error("no"); }, {.max_attempts = 2});
  app.serve_metrics();
  for (int i = 0; i < 3; ++i) app.handle({.target = "/notes/" + std::to_string(i)});
  app.handle({.method = "POST", .target = "/notes"});
  app.handle({.target = "/notes/x"});
  app.handle({.target = "/secret-path"});
  app.handle({.method = "BREW", .target = "/notes/1"});
  app.run_due_jobs();

  const auto answer = app.handle({.target = "/metrics"});
  CHECK(answer.status == 200);
  CHECK(answer.header("Content-Type") == "text/plain; version=0.0.4; charset=utf-8");
  const auto all = metrics_reader::read(answer.body);
  CHECK(answer.body.find("secret") == answer.body.npos);
  CHECK(answer.body.find("BREW") == answer.body.npos);
  const auto requests = [&](const std::string& method, int status, const std::string& route) {
    const auto found =
        all.find("http_server_request_duration_seconds_count{http_request_method=\"" + method +
                 "\",http_response_status_code=\"" + std::to_string(status) + "\",http_route=\"" +
                 route + "\"}");
    return found == all.end() ? -1 : found->second;
  };
  CHECK(requests("GET", 200, "/notes/{id}") == 3);
  CHECK(requests("POST", 204, "/notes") == 1);
  CHECK(requests("GET", 404, "") == 1);
  CHECK(requests("_OTHER", 501, "") == 1);
  CHECK(sum_of(all, "http_server_response_body_size_bytes_total") > 0);
  CHECK(sum_of(all, "db_writer_transactions_total") > 1);
  CHECK(all.at("db_writer_wait_time_seconds_count") > 1);
  CHECK(all.at("db_writer_commit_size_sum") >= all.at("db_writer_commit_size_count"));
  CHECK(all.at("messaging_process_duration_seconds_count{messaging_system=\"aft\","
               "messaging_destination_name=\"work\"}") == 1);
  CHECK(all.at("aft_jobs_attempts_total{kind=\"work\",outcome=\"failed\"}") == 1);
  CHECK(all.at("aft_jobs_attempts_total{kind=\"work\",outcome=\"done\"}") == 0);
  CHECK(all.at("aft_jobs_states{queue=\"default\",state=\"later\"}") == 1);
  CHECK(all.at("db_client_operation_duration_seconds_count{db_operation_name=\"INSERT\"}") >= 2);
  CHECK(all.at("process_threads") >= 1);
  CHECK(all.at("process_open_file_descriptors") >= 3);
  CHECK(all.at("process_memory_usage_bytes") > 1e6);
  CHECK(sum_of(all, "process_cpu_time_seconds_total") > 0);
  CHECK(all.count("process_uptime_seconds") == 1);
  CHECK(all.count("db_wal_pages") == (on_postgres() ? 0 : 1));
}

TEST_CASE("metrics come as OpenMetrics to those who like it best, with the host's own") {
  aft::app app;
  app.serve_metrics("/internal/metrics");
  app.metrics().count({"shop.books.sold", "Books sold.", "{book}"}).add(2);
  const auto answer = app.handle({.target = "/internal/metrics",
                                  .headers = {{"Accept",
                                               "application/openmetrics-text;version=1.0.0,"
                                               "text/plain;version=0.0.4;q=0.5"}}});
  CHECK(answer.header("Content-Type") ==
        "application/openmetrics-text; version=1.0.0; charset=utf-8");
  CHECK(metrics_reader::read(answer.body, true).at("shop_books_sold_total") == 2);
  CHECK(app.handle({.target = "/internal/metrics", .headers = {{"Accept", "*/*"}}})
            .header("Content-Type") == "text/plain; version=0.0.4; charset=utf-8");
}

TEST_CASE("each answer is a record of the access log, where one is wished") {
  std::string seen;
  aft::app app({.log =
                    [&](const aft::log_record& r) {
                      seen += std::string(r.room) + "|" + std::string(r.route) + "|" +
                              std::to_string(r.status) + "|" + std::string(r.user_id) + "|" +
                              (r.took && !r.request_id.empty() && !r.trace_id.empty() ? "whole\n"
                                                                                      : "parts\n");
                    },
                .access_log = true});
  app.get("/notes/{id}", [](std::int64_t) {
    aft::set_current_user("u7");
    return "x";
  });
  const auto r = app.handle({.target = "/notes/1?token=hidden"});
  CHECK(r.header("X-Request-Id"));
  app.handle({.target = "/none"});
  CHECK(seen == "access|GET /notes/{id}|200|u7|whole\naccess||404||whole\n");
}

TEST_CASE("a handler that is slow is named") {
  std::string seen;
  aft::app app({.log = [&](const aft::log_record& r) { seen += std::string(r.route); },
                .slow_handler = aft::microseconds(1)});
  app.get("/slow", aft::blocking([] { return "x"; }));
  app.handle({.target = "/slow"});
  CHECK(seen == "GET /slow");
}

TEST_CASE("a query that is slow is named with its route, and the host hears of all") {
  std::string seen, heard;
  bool failed = false;
  const aft::function<void(const aft::query_seen&)> hear = [&](const aft::query_seen& q) {
    if (q.text.find("'mine'") == q.text.npos) return;
    heard += q.text;
    failed = failed || !q.is_ok;
  };
  aft::app app({.database = new_database(),
                .storage = {.on_query = &hear},
                .log =
                    [&](const aft::log_record& r) {
                      const bool mine = !r.fields.empty() &&
                                        r.fields[0].value.find("'mine'") != std::string_view::npos;
                      if (mine) seen += std::string(r.route) + ": " + std::string(r.message) + "\n";
                    },
                .slow_query = aft::microseconds(1)});
  app.post("/", [](aft::transaction& tx) { tx.one<std::string>("select 'mine' || $1", "x"); });
  app.handle({.method = "POST"});
  CHECK(seen == "POST /: a query took long\n");
  CHECK(heard == "select 'mine' || $1");
  CHECK_FALSE(failed);
  app.db().read(
      [](aft::reader& db) { CHECK_THROWS(db.one<int>("select 1 where 'mine' = $1", "x")); });
  CHECK(failed);
}

TEST_CASE("a query that is slow is logged with its plan, once a minute, and without values") {
  std::vector<std::string> plans;
  aft::app app({.database = new_database(),
                .log =
                    [&](const aft::log_record& r) {
                      if (r.fields.empty() ||
                          r.fields[0].value.find("from item") == std::string_view::npos) {
                        return;
                      }
                      plans.emplace_back(r.fields.size() > 1 ? r.fields[1].value : "no plan");
                    },
                .slow_query = aft::microseconds(1)});
  app.migrate({"001",
               "create table item (id integer primary key, name text not null) strict;"
               "create index item_name on item (name);"
               "insert into item (id, name) values (4711, 'x');"});
  // Each counts to a thousand, so that none is done in a microsecond.
  app.get("/", [](aft::reader& db) {
    return db.all<int>(
        "select id from item where name = $1 and id > $2 or (with recursive n(i) as (select 1 "
        "union all select i + 1 from n where i < 1000) select count(*) from n) = 0",
        "hidden", 4710);
  });
  app.post("/", [](aft::transaction& tx) {
    tx.execute(
        "update item set name = $1 where id = $2 and (with recursive n(i) as (select 1 "
        "union all select i + 1 from n where i < 1000) select count(*) from n) > 0 "
        "and exists (select 1 from item)",
        "hidden", 4711);
    return tx.one<int>(  // the transaction goes on as before
        "select count(*) from item where (with recursive n(i) as (select 1 "
        "union all select i + 1 from n where i < 1000) select count(*) from n) > 0");
  });
  CHECK(app.handle({}).status == 200);
  CHECK(app.handle({}).status == 200);
  CHECK(app.handle({.method = "POST"}).body == "1");
  REQUIRE(plans.size() == 4);
  CAPTURE(plans[0]);
  CAPTURE(plans[2]);
  CHECK(plans[0].find(on_postgres() ? "Scan" : "SCAN item") != std::string::npos);
  CHECK(plans[1] == "no plan");
  CHECK(plans[2].find(on_postgres() ? "Update on item" : "SEARCH item USING INTEGER PRIMARY KEY") !=
        std::string::npos);
  for (const auto& plan : plans) {
    CHECK(plan.find("hidden") == std::string::npos);
    CHECK(plan.find("4711") == std::string::npos);
  }
}

TEST_CASE("a query alone has a plan, too, and one without a plan none") {
  std::vector<std::string> plans;
  const aft::function<void(const aft::query_seen&)> hear = [&](const aft::query_seen& q) {
    if (q.text.find("item") != q.text.npos) plans.push_back(q.is_ok ? q.plan() : "failed");
  };
  aft::app app({.database = new_database(), .storage = {.on_query = &hear}, .slow_query = {}});
  app.migrate({"001", "create table item (id integer primary key) strict;"});
  app.serve_metrics();
  auto& db = app.db();
  plans.clear();
  CHECK(db.all<int>("select id from item where id = $1", 4711).empty());
  db.write([](aft::transaction& tx) {
    tx.execute("create temp table item2 (id integer)");
    tx.execute("insert into item (id) values ($1)", 4711);
  });
  REQUIRE(plans.size() == 3);
  CHECK(plans[0] != "");
  CHECK(plans[1] == "");
  CHECK(db.one<int>("select count(*) from item") == 1);  // it was committed for all that
}

#include <aft/ground/log.hpp>

#include <stdexcept>
#include <string>

#include <doctest/doctest.h>

#include <aft/ground/context.hpp>
#include <aft/ground/json.hpp>

TEST_CASE("a logger passes on what is at least as important as it wants") {
  std::string seen;
  aft::logger log([&](const aft::log_record& r) { seen += std::string(r.message) + "|"; },
                  aft::log_level::warning);
  log.write(aft::log_level::info, "test", "small");
  log.write(aft::log_level::error, "test", "great");
  CHECK(seen == "great|");
}

TEST_CASE("a logger without a sink is silent, and one that throws does no harm") {
  aft::logger().write(aft::log_level::error, "test", "nobody hears");
  aft::logger log([](const aft::log_record&) { throw std::runtime_error("full"); });
  CHECK_NOTHROW(log.write(aft::log_level::error, "test", "x"));
}

TEST_CASE("records have the time, and the request that the thread works for") {
  std::string seen;
  aft::manual_clock time{aft::time_point(aft::seconds(1'769'860'800))};
  aft::logger log(aft::log_as_text([&](std::string_view line) { seen = line; }),
                  aft::log_level::info, {}, &time);
  log.write(aft::log_level::info, "test", "nobody's\nline");
  CHECK(seen == "2026-01-31T12:00:00Z info test: nobody's line");
  const aft::context_scope scope({.request_id = "r1",
                                  .trace = {std::string(32, 'a'), std::string(16, 'b')},
                                  .route = "GET /"});
  aft::set_current_user("u7");
  log.write(aft::log_level::error, "test", "somebody's");
  CHECK(seen ==
        "2026-01-31T12:00:00Z error test: somebody's (GET /) user=u7 request_id=r1 trace_id=" +
            std::string(32, 'a'));
}

TEST_CASE("JSON lines hold all that a record has, and secrets redact themselves") {
  std::string seen;
  aft::manual_clock time{aft::time_point(aft::seconds(1'769'860'800))};
  aft::logger log(aft::log_as_json([&](std::string_view line) { seen = line; }),
                  aft::log_level::info, {}, &time);
  const aft::log_field fields[] = {{"rows", "17"}, {"key", aft::secret("hunter2")}};
  log.write({.level = aft::log_level::warning,
             .room = "storage",
             .message = "said \"no\"\n",
             .route = "GET /notes/{id}",
             .status = 503,
             .took = aft::milliseconds(1500),
             .fields = fields});
  CHECK(
      seen ==
      R"({"time":"2026-01-31T12:00:00Z","level":"warning","room":"storage","message":"said \"no\"\n",)"
      R"("route":"GET /notes/{id}","status":503,"duration_seconds":1.500000,)"
      R"("fields":{"rows":"17","key":"***"}})");
  log.write(aft::log_level::info, "test", "broken \xff\xc3 bytes");
  CHECK(aft::json::valid(seen));
}

TEST_CASE("a room can have a level of its own") {
  std::string seen;
  aft::logger log([&](const aft::log_record& r) { seen += std::string(r.message) + "|"; },
                  aft::log_level::warning,
                  {{"jobs", aft::log_level::debug}, {"access", aft::log_level::error}});
  log.write(aft::log_level::debug, "jobs", "a");
  log.write(aft::log_level::info, "storage", "b");
  log.write(aft::log_level::warning, "access", "c");
  log.write(aft::log_level::warning, "storage", "d");
  CHECK(seen == "a|d|");
}

TEST_CASE("errors are reported once of a kind, and all of them are logged") {
  std::string reported, logged;
  aft::logger log(aft::report_errors(
      [&](const aft::log_record& r) {
        reported += std::string(r.message) + "|";
        throw std::runtime_error("full");
      },
      [&](const aft::log_record& r) { logged += std::string(r.message) + "|"; }));
  log.write(aft::log_level::error, "jobs", "job 1 failed");
  log.write(aft::log_level::error, "jobs", "job 23 failed");
  log.write(aft::log_level::warning, "jobs", "slow");
  log.write(aft::log_level::error, "storage", "job 1 failed");
  CHECK(reported == "job 1 failed|job 1 failed|");
  CHECK(logged == "job 1 failed|job 23 failed|slow|job 1 failed|");
}

#include <aft/meeting/job_routes.hpp>

#include <stdexcept>

#include <doctest/doctest.h>

#include <aft/app.hpp>

#include "../test_database.hpp"

namespace {

namespace jobs = aft::jobs;

struct mail {
  int n = 0;
};
struct print {
  int n = 0;
};
struct on_duty {};

bool has(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

}  // namespace

template <>
struct aft::from_request<on_duty> {
  static aft::result<on_duty, aft::problem> from(
      aft::header<"Authorization", std::optional<std::string>> h) {
    if (!h.value) return aft::unauthorized("sign in first");
    if (*h.value != "Bearer duty") return aft::forbidden("not on duty");
    return on_duty{};
  }
};

namespace {

// The clock starts at 2026-01-31T12:00:00Z.
struct with_operators {
  aft::manual_clock time{aft::time_point(aft::seconds(1'769'860'800))};
  aft::app app{{.database = new_database(), .time = &time}};

  with_operators() {
    app.job<mail>([](mail m) {
      if (m.n < 0) throw std::runtime_error("down");
    });
    app.job<print>([](print) {});
    app.schedule("nightly", aft::schedule("0 3 * * *", "Europe/Berlin"), print{7});
    aft::job_routes<on_duty>(app.group("/admin", "operations"));
    app.prepare();
  }
  template <class Job>
  std::int64_t enqueue(const Job& job, const aft::job_options& options = {}) {
    return app.db().write([&](aft::transaction& tx) { return aft::enqueue(tx, job, options); });
  }
  aft::test_response ask(std::string method, std::string target, std::string body = "") {
    std::vector<std::pair<std::string, std::string>> headers{{"Authorization", "Bearer duty"}};
    if (!body.empty()) headers.push_back({"Content-Type", "application/json"});
    return app.handle({std::move(method), "/admin" + target, std::move(headers), std::move(body)});
  }
  std::string get(std::string target) {
    const auto r = ask("GET", std::move(target));
    return r.status == 200 ? r.body : std::to_string(r.status) + " " + r.body;
  }
  std::string at(std::int64_t id, std::string_view what = "") {
    return "/jobs/" + std::to_string(id) + std::string(what);
  }
};

}  // namespace

TEST_CASE_FIXTURE(with_operators, "nobody sees or operates jobs whom the guard refuses") {
  const auto id = std::to_string(enqueue(mail{1}));
  const std::pair<const char*, std::string> all[] = {
      {"GET", "/jobs"},
      {"GET", "/jobs/" + id},
      {"GET", "/jobs/counts"},
      {"POST", "/jobs/" + id + "/retry"},
      {"POST", "/jobs/" + id + "/cancel"},
      {"DELETE", "/jobs/" + id},
      {"POST", "/jobs/retry"},
      {"POST", "/jobs/cancel"},
      {"POST", "/jobs/drop"},
      {"GET", "/queues"},
      {"POST", "/queues/default/pause"},
      {"POST", "/queues/default/resume"},
      {"GET", "/schedules"},
      {"POST", "/schedules/nightly/pause"},
      {"POST", "/schedules/nightly/resume"},
      {"POST", "/schedules/nightly/run"},
      {"DELETE", "/schedules/nightly"},
  };
  for (const auto& one : all) {
    const std::string method = one.first, target = one.second;
    CAPTURE(method);
    CAPTURE(target);
    const std::string body = target == "/jobs/drop" ? R"({"all":true})" : "";
    CHECK(app.handle({method, "/admin" + target, {}, body}).status == 401);
    CHECK(app.handle({method, "/admin" + target, {{"Authorization", "x"}}, body}).status == 403);
  }
  CHECK(has(get("/jobs"), R"("state":"ready")"));
  CHECK(has(get("/queues"), R"("is_paused":false)"));
  CHECK(has(get("/schedules"), R"("name":"nightly")"));
}

TEST_CASE_FIXTURE(with_operators, "jobs are listed over HTTP by filters, in pages") {
  for (int i = 0; i < 5; ++i) enqueue(mail{i}, {.queue = "post"});
  time.advance(aft::hours(1));
  const auto last = enqueue(print{}, {.delay = aft::hours(1)});
  CHECK(has(get("/jobs?state=later"), R"("kind":"print")"));
  CHECK(!has(get("/jobs?state=later"), R"("kind":"mail")"));
  CHECK(has(get("/jobs?queue=post&limit=10"), R"("arguments":{"n":4})"));
  CHECK(has(get("/jobs?kind=print"), "\"id\":" + std::to_string(last)));
  CHECK(!has(get("/jobs?created_before=2026-01-31T12:30:00Z"), R"("kind":"print")"));
  CHECK(get("/jobs?queue=none") == R"({"items":[],"next":null})");

  std::string seen, cursor;
  int pages = 0;
  do {
    auto page = *aft::json::read<aft::job_page>(get("/jobs?limit=4" + cursor));
    for (const auto& job : page.items) seen += job.arguments.text;
    cursor = page.next ? "&cursor=" + std::to_string(*page.next) : "";
    ++pages;
  } while (!cursor.empty());
  CHECK(pages == 2);
  CHECK(seen == R"({"n":0}{"n":4}{"n":3}{"n":2}{"n":1}{"n":0})");

  CHECK(ask("GET", "/jobs?state=sleeping").status == 400);
  CHECK(ask("GET", "/jobs?limit=1000").status == 400);
  CHECK(ask("GET", "/jobs?stat=ready").status == 400);
  CHECK(has(get("/jobs/counts"), R"({"queue":"post","state":"ready","count":5})"));
}

TEST_CASE_FIXTURE(with_operators, "one job is seen with its history, retried, cancelled, dropped") {
  const auto id = enqueue(mail{-1}, {.max_attempts = 1});
  app.run_due_jobs();
  const auto dead = get(at(id));
  CHECK(has(dead, R"("state":"dead")"));
  CHECK(has(dead, R"("error":"down")"));
  CHECK(has(dead, R"("history":[{"attempt":1)"));
  CHECK(ask("POST", at(id, "/cancel")).status == 409);
  CHECK(ask("POST", at(id, "/retry")).status == 204);
  CHECK(has(get(at(id)), R"("state":"ready")"));
  CHECK(ask("POST", at(id, "/cancel")).status == 204);
  CHECK(has(get(at(id)), R"("state":"cancelled")"));
  CHECK(ask("DELETE", at(id)).status == 204);
  CHECK(ask("DELETE", at(id)).status == 404);
  CHECK(ask("GET", at(id)).status == 404);
  CHECK(ask("POST", at(id, "/retry")).status == 404);
}

TEST_CASE_FIXTURE(with_operators, "all jobs of a selection are acted on at once, not by mistake") {
  for (int i = 0; i < 7; ++i) enqueue(mail{i}, {.queue = i % 2 ? "odd" : "even"});
  CHECK(ask("POST", "/jobs/cancel", "{}").status == 422);
  CHECK(ask("POST", "/jobs/cancel", R"({"queue":"odd","kindd":"mail"})").status == 422);
  CHECK(ask("POST", "/jobs/cancel", R"({"queue":"odd"})").body == R"({"jobs":3})");
  CHECK(ask("POST", "/jobs/retry", R"({"state":"cancelled","kind":"mail"})").body ==
        R"({"jobs":3})");
  CHECK(ask("POST", "/jobs/drop", R"({"all":true})").body == R"({"jobs":7})");
}

TEST_CASE_FIXTURE(with_operators, "queues show how long they wait, and are paused and resumed") {
  enqueue(mail{1}, {.queue = "post", .priority = 5});
  time.advance(aft::minutes(1));
  enqueue(mail{2}, {.queue = "post", .priority = -1});
  enqueue(mail{3}, {.queue = "a/b c"});
  CHECK(has(get("/queues"), R"({"name":"post","is_paused":false,"ready":2,"running":0,)"
                            R"("waiting_since":"2026-01-31T12:00:00Z"})"));
  CHECK(ask("POST", "/queues/post/pause").status == 204);
  CHECK(ask("POST", "/queues/a%2Fb%20c/pause").status == 204);
  CHECK(app.run_due_jobs() == 0);
  CHECK(has(get("/queues"), R"({"name":"post","is_paused":true)"));
  CHECK(ask("POST", "/queues/post/resume").status == 204);
  CHECK(app.run_due_jobs() == 2);
  CHECK(ask("POST", "/queues/a%2Fb%20c/resume").status == 204);
  CHECK(app.run_due_jobs() == 1);
  CHECK(get("/queues") == "[]");
}

TEST_CASE_FIXTURE(with_operators,
                  "schedules show their next moments, are paused, resumed and run") {
  const auto all = get("/schedules");
  CHECK(has(all, R"("name":"nightly","kind":"print")"));
  CHECK(has(all, R"("next":["2026-02-01T02:00:00Z","2026-02-02T02:00:00Z")"));
  CHECK(ask("POST", "/schedules/nightly/pause").status == 204);
  CHECK(has(get("/schedules"), R"("is_paused":true)"));
  time.advance(aft::days(2));
  CHECK(app.run_due_jobs() == 0);
  const auto ran = ask("POST", "/schedules/nightly/run");
  CHECK(ran.status == 202);
  CHECK(has(ran.body, "\"id\":"));
  CHECK(app.run_due_jobs() == 1);
  CHECK(ask("POST", "/schedules/nightly/resume").status == 204);
  time.advance(aft::days(1));
  CHECK(app.run_due_jobs() == 1);
  CHECK(ask("DELETE", "/schedules/nightly").status == 204);
  for (const char* what : {"/pause", "/resume", "/run"}) {
    CHECK(ask("POST", std::string("/schedules/nightly") + what).status == 404);
  }
}

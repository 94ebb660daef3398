#include <aft/jobs/job.hpp>

#include <stdexcept>

#include <doctest/doctest.h>

#include "job_app.hpp"

namespace {

struct mail {
  std::string to;
  int copies = 1;
};
struct renamed {
  static constexpr std::string_view job_name = "old-name";
  int x;
};
struct counts {
  int x;
};

struct with_app : job_app {
  int waiting() { return int(list({.state = aft::jobs::job_state::ready}).size()); }
};

}  // namespace

TEST_CASE("a job has the name of its struct, or the one it says") {
  CHECK(aft::job_name<mail>() == "mail");
  CHECK(aft::job_name<renamed>() == "old-name");
}

TEST_CASE_FIXTURE(with_app, "a job runs with what it was enqueued with") {
  app.job<mail>([this](mail m, aft::job_context& c) {
    ran += m.to + std::to_string(m.copies) + "/" + std::to_string(c.attempt());
    CHECK(c.enqueued_at() == time.now());
  });
  enqueue(mail{"ines", 2});
  CHECK(ran.empty());
  CHECK(app.run_due_jobs() == 1);
  CHECK(ran == "ines2/1");
  CHECK(waiting() == 0);
  CHECK(app.run_due_jobs() == 0);
}

TEST_CASE_FIXTURE(with_app, "a job exists if its transaction commits, and never otherwise") {
  app.job<mail>([this](const mail& m) { ran += m.to; });
  CHECK_THROWS(app.db().write([](aft::transaction& tx) {
    aft::enqueue(tx, mail{"never"});
    throw std::runtime_error("undo");
  }));
  CHECK(app.run_due_jobs() == 0);
}

TEST_CASE_FIXTURE(with_app,
                  "a job that throws runs again, later and later, and in the end no more") {
  app.job<mail>([this](mail, aft::job_context& c) {
    ran += std::to_string(c.attempt());
    throw std::runtime_error("the server is down");
  });
  enqueue(mail{"x"}, {.max_attempts = 3});
  CHECK(app.run_due_jobs() == 1);
  CHECK(app.run_due_jobs() == 0);  // not due yet
  time.advance(aft::seconds(2));
  CHECK(app.run_due_jobs() == 1);
  time.advance(aft::seconds(2));
  CHECK(app.run_due_jobs() == 0);
  time.advance(aft::seconds(20));
  CHECK(app.run_due_jobs() == 1);
  time.advance(aft::days(100));
  CHECK(app.run_due_jobs() == 0);
  CHECK(ran == "123");
  app.db().read([](aft::reader& r) {
    CHECK(r.one<std::string>("select error from aft_job where state = 2") == "the server is down");
  });
  CHECK(has(logged, "failed in attempt 3 of 3, the last: the server is down"));
}

TEST_CASE_FIXTURE(with_app, "the effect of a job with a transaction, and its end, are one") {
  app.migrate({"001", "create table effect (x integer) strict"});
  int attempts = 0;
  app.job<counts>([&](counts c, aft::transaction& tx) {
    tx.execute("insert into effect values ($1)", c.x);
    if (++attempts == 1) throw std::runtime_error("half way");
  });
  enqueue(counts{5});
  app.run_due_jobs();
  auto effects = [&] {
    return app.db().read([](aft::reader& r) { return r.one<int>("select count(*) from effect"); });
  };
  CHECK(effects() == 0);  // undone with its attempt
  time.advance(aft::minutes(1));
  app.run_due_jobs();
  CHECK(effects() == 1);
  CHECK(waiting() == 0);
}

TEST_CASE_FIXTURE(with_app, "delays, priorities and order") {
  app.job<mail>([this](mail m) { ran += m.to; });
  enqueue(mail{"a"});
  enqueue(mail{"b"}, {.priority = 5});
  enqueue(mail{"c"}, {.delay = aft::hours(1)});
  enqueue(mail{"d"});
  app.run_due_jobs();
  CHECK(ran == "bad");
  time.advance(aft::hours(1));
  app.run_due_jobs();
  CHECK(ran == "badc");
}

TEST_CASE_FIXTURE(with_app, "jobs of several kinds run by their urgency, not by kind") {
  app.job<mail>([this](mail m) { ran += m.to; });
  app.job<counts>([this](counts c) { ran += std::to_string(c.x); });
  enqueue(mail{"a"});
  enqueue(counts{1}, {.priority = 2});
  enqueue(mail{"b"}, {.priority = 3});
  enqueue(counts{2});
  enqueue(mail{"c"}, {.priority = 2});
  CHECK(run() == 5);
  CHECK(ran == "b1ca2");
}

struct login {
  std::string user;
  aft::secret password;
};
TEST_CASE_FIXTURE(with_app, "a job with a secret is refused, as it would be stored") {
  app.job<login>([](login) {});
  CHECK_THROWS_AS(enqueue(login{"ada", {"hunter2"}}), aft::error);
  CHECK(waiting() == 0);
}

TEST_CASE_FIXTURE(with_app, "a job of a kind that nobody knows waits") {
  app.job<mail>([this](mail m) { ran += m.to; });
  enqueue(counts{1});
  enqueue(mail{"x"});
  CHECK(app.run_due_jobs() == 1);
  CHECK(waiting() == 1);
}

TEST_CASE_FIXTURE(with_app, "arguments that no longer fit make a job dead, with the reason kept") {
  app.job<mail>([this](mail m) { ran += m.to; });
  app.db().write(
      [](aft::transaction& tx) { aft::jobs::store(tx, "mail", R"({"to":5,"colour":"red"})", {}); });
  CHECK(app.run_due_jobs() == 1);
  CHECK(ran.empty());
  app.db().read([](aft::reader& r) {
    const auto error = r.one<std::string>("select error from aft_job where state = 2");
    CHECK(has(error, "/to must be a string"));
    CHECK(has(error, "/colour is not a known member"));
  });
}

TEST_CASE_FIXTURE(with_app, "a job may take states, a reader and the database") {
  std::string greeting = "hello ";
  app.state(greeting);
  app.job<mail>([this](mail m, aft::reader& db, std::string& g, aft::database& all) {
    ran += g + m.to + std::to_string(db.one<int>("select 1"));
    all.write([](aft::transaction& tx) { aft::enqueue(tx, counts{7}); });
  });
  app.job<counts>([this](const counts& c) { ran += std::to_string(c.x); });
  enqueue(mail{"x"});
  CHECK(app.run_due_jobs() == 2);
  CHECK(ran == "hello x17");
}

TEST_CASE("a job that cannot be run as it is written fails the start") {
  auto why = [](auto add) -> std::string {
    aft::app app({.database = new_database()});
    add(app);
    try {
      app.prepare();
    } catch (const aft::configuration_error& e) {
      return e.what();
    }
    return "it started";
  };
  CHECK(has(why([](aft::app& a) { a.job<mail>([](mail, std::string&) {}); }), "nobody provides"));
  CHECK(has(why([](aft::app& a) {
              a.job<mail>([](mail) {});
              a.job<mail>([](mail) {});
            }),
            "two handlers for the job mail"));
  CHECK(has(why([](aft::app& a) { a.job<mail>([](mail) {}, {.max_attempts = 1'000'000}); }),
            "the job_policy of mail has 1000000 attempts; 1 to 1000 can be"));
  aft::app without;
  without.job<mail>([](mail) {});
  CHECK_THROWS_AS(without.prepare(), aft::configuration_error);
}

// Testing without a socket: an app is asked in the test's own process, with the whole stack, on a
// database that goes with it, and a clock that the test moves. Any test framework will do; this one
// has none.
//
// Run it: build/release/examples/15_testing/testing. It prints:
//
//   a task is made, found, and refused where it is wrong
//   a reminder comes when its time has come, and not before
#include <cstdio>

#include <aft/aft.hpp>

// ---- the program

struct new_task {
  aft::text<1, 100> title;
};
struct task {
  std::int64_t id;
  std::string title;
  bool reminded;
};
struct remind {
  std::int64_t task;
};

void define(aft::app& app) {
  app.migrate({"001_task",
               "create table task (id integer primary key, title text not null, "
               "reminded boolean not null default false) strict"});
  app.post("/tasks", [](aft::body<new_task> in, aft::transaction& tx) {
    auto made = tx.one<task>("insert into task (title) values ($1) returning *", in->title);
    aft::enqueue(tx, remind{made.id}, {.delay = aft::hours(24)});
    return aft::created{made, "/tasks/" + std::to_string(made.id)};
  });
  app.get("/tasks/{id}", [](std::int64_t id, aft::reader& db) {
    return db.find<task>("select * from task where id = $1", id);
  });
  app.job<remind>([](remind job, aft::transaction& tx) {
    tx.execute("update task set reminded = true where id = $1", job.task);
  });
}

// ---- its tests

struct tested_app {
  aft::manual_clock time{aft::time_point(aft::seconds(1'769'860'800))};
  aft::app app{{.database = ":memory:", .time = &time}};
  aft::test_client api{app};
  tested_app() { define(app); }
};

void test_tasks() {
  tested_app t;
  const auto made = t.api.post("/tasks", new_task{"Buy milk"}).expect(201).json<task>();
  t.api.get("/tasks/" + std::to_string(made.id)).expect(200).expect_json("/title", "\"Buy milk\"");
  t.api.get("/tasks/99").expect(404);
  t.api.post("/tasks", aft::raw_json{R"({"title":""})"}).expect(422).expect_error("/title");
  std::puts("a task is made, found, and refused where it is wrong");
}

void test_reminder() {
  tested_app t;
  t.api.post("/tasks", new_task{"Buy milk"}).expect(201);
  t.time.advance(aft::hours(23));
  t.app.run_due_jobs();
  t.api.get("/tasks/1").expect_json("/reminded", "false");
  t.time.advance(aft::hours(1));
  t.app.run_due_jobs();
  t.api.get("/tasks/1").expect_json("/reminded", "true");
  std::puts("a reminder comes when its time has come, and not before");
}

int main() try {
  test_tasks();
  test_reminder();
} catch (const aft::expectation_failed& e) {
  std::printf("%s\n", e.what());  // the request, the answer, and the line that expected another
  return 1;
}

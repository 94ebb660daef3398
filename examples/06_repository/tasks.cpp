// A repository: rows found, changed and listed without SQL, pages by cursor, filters and sorting
// that the query's struct declares, and a version that tells who comes second.
//
// Run it from an empty directory: build/release/examples/06_repository/tasks
//
//   $ for t in Tea Milk; do curl -s localhost:8080/tasks --json "{\"title\":\"$t\"}"; echo; done
//   {"id":1,"title":"Tea","state":"open","version":1}
//   {"id":2,"title":"Milk","state":"open","version":1}
//   $ t='localhost:8080/tasks?sort=title&limit=1'; curl -s "$t&cursor=$(curl -s $t|cut -d\" -f18)"
//   {"items":[{"id":1,"title":"Tea","state":"open","version":1}],"next":null}
//   $ curl -s -X PATCH localhost:8080/tasks/2 --json '{"state":"done","version":1}'
//   {"id":2,"title":"Milk","state":"done","version":2}
//   $ curl -s -X PATCH localhost:8080/tasks/2 --json '{"title":"Oats","version":1}' | cut -d, -f2,3
//   "title":"Precondition Failed","status":412
//   $ curl -s 'localhost:8080/tasks?state=done'
//   {"items":[{"id":2,"title":"Milk","state":"done","version":2}],"next":null}
//   $ curl -s 'localhost:8080/tasks?sort=size' | tr '{' '\n' | tail -1 | cut -d, -f2-4
//   "pointer":"/sort","code":"value","detail":"must name some of id
#include <aft/aft.hpp>

enum class progress { open, done };

struct task {
  std::int64_t id;
  std::string title;
  progress state;
  std::int64_t version;
};

struct new_task {
  aft::text<1, 200> title;
};

struct task_changes {  // what is left out stays as it is
  std::optional<aft::text<1, 200>> title;
  std::optional<progress> state;
  std::int64_t version;
};

struct task_query {  // ?state=open&title=Tea&title=Milk&sort=-title&limit=10
  std::optional<progress> state;
  std::vector<std::string> title;
  std::optional<std::string> sort, cursor;
  aft::bounded<int, 1, 100> limit{20};
};

int main() {
  aft::app app({.database = "tasks.db"});
  const aft::repository<task> tasks("task", {.sort = {"title"}});

  app.migrate({"001_tasks",
               "create table task (id integer primary key, title text not null, "
               "state text not null default 'open', version integer not null) strict;"
               "create index task_by_title on task (title, id)"});

  app.get("/tasks", [&tasks](aft::query<task_query> q, aft::reader& db) {
    return tasks.list(db, *q);  // 400 with all mistakes, or a page
  });

  app.get("/tasks/{id}", [&tasks](std::int64_t id, aft::reader& db) { return tasks.find(db, id); });

  app.post("/tasks", [&tasks](aft::body<new_task> in, aft::transaction& tx) {
    auto saved = tasks.insert(tx, *in);
    return aft::created{saved, "/tasks/" + std::to_string(saved.id)};
  });

  app.patch("/tasks/{id}",
            [&tasks](std::int64_t id, aft::body<task_changes> in, aft::transaction& tx) {
              return tasks.update(tx, id, *in);  // 404, or 412 where somebody else came first
            });

  app.del("/tasks/{id}", [&tasks](std::int64_t id, aft::transaction& tx) {
    if (!tasks.erase(tx, id)) throw aft::not_found("there is no such task");
  });

  app.document({.title = "Tasks", .version = "1"});
  app.run({.port = 8080});
}

// A program of somebody else's: from a request to a row and a job, through public headers alone.

#if defined(AFT_TWO_FILES)
#include "aft.hpp"
#else
#include <aft/aft.hpp>
#endif

struct note {
  std::int64_t id;
  aft::text<1, 20> title;
};
struct new_note {
  aft::text<1, 20> title;
};
struct index_note {
  std::int64_t id;
};

int main() {
  aft::app app({.database = ":memory:"});
  app.migrate({"001", "create table note (id integer primary key, title text not null) strict"});
  app.post("/notes", [](aft::body<new_note> in, aft::transaction& tx) {
    auto saved = tx.one<note>("insert into note (title) values ($1) returning *", in->title);
    aft::enqueue(tx, index_note{saved.id});
    return aft::created{saved, "/notes/" + std::to_string(saved.id)};
  });
  app.job<index_note>([](index_note, aft::transaction&) {});
  const auto made = app.handle(
      {"POST", "/notes", {{"Content-Type", "application/json"}}, R"({"title":"hello"})"});
  app.start({.port = 0});
  app.stop();
  return made.status == 201 && app.run_due_jobs() <= 1 ? 0 : 1;
}

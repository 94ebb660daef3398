// A database, validation, a transaction and a durable job.
//
// Run it from an empty directory: build/release/examples/02_notes/notes
//
//   $ curl -s localhost:8080/notes --json '{"title":"Shop","text":"Milk and tea"}'
//   {"id":1,"title":"Shop","text":"Milk and tea","words":null}
//   $ curl -s localhost:8080/notes/1 | cut -d, -f4
//   "words":3}
//   $ curl -s localhost:8080/notes --json '{"title":"","txt":"Milk"}' | tr '{' '\n' | cut -d, -f2-4
//
//   "title":"Unprocessable Content","status":422,"detail":"the request does not fit; see errors"
//   "pointer":"/title","code":"length","detail":"must not be empty"}
//   "pointer":"/txt","code":"unknown","detail":"is not a known member"}
//   "pointer":"/text","code":"missing","detail":"is required"}]}
#include <aft/aft.hpp>

struct new_note {
  aft::text<1, 200> title;  // 1 to 200 characters
  std::string text;
};

struct note {
  std::int64_t id;
  std::string title;
  std::string text;
  std::optional<std::int64_t> words;  // null until the job has counted
};

struct count_words {
  std::int64_t note;
};

int main() {
  aft::app app({.database = "notes.db"});

  app.migrate({"001_notes",
               "create table note (id integer primary key, title text not null, "
               "text text not null, words integer) strict"});

  app.get("/notes/{id}", [](std::int64_t id, aft::reader& db) {
    return db.find<note>("select * from note where id = $1", id);  // 404 where it is empty
  });

  app.post("/notes", [](aft::body<new_note> in, aft::transaction& tx) {
    auto saved = tx.one<note>("insert into note (title, text) values ($1, $2) returning *",
                              in->title, in->text);
    aft::enqueue(tx, count_words{saved.id});  // commits with the note, or not at all
    return aft::created{saved, "/notes/" + std::to_string(saved.id)};
  });

  app.job<count_words>([](count_words job, aft::transaction& tx) {
    const auto text = tx.one<std::string>("select text from note where id = $1", job.note);
    std::int64_t words = 0;
    for (std::size_t at = 0; (at = text.find_first_not_of(' ', at)) != text.npos; ++words) {
      at = text.find(' ', at);
    }
    tx.execute("update note set words = $2 where id = $1", job.note, words);
  });

  app.document({.title = "Notes", .version = "1"});  // /openapi.json, and /docs to look at
  app.run({.port = 8080});
}

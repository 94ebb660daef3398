// Everything that attackers type, over HTTP: the tables stay as they are, no row too many is
// given, and no answer is a 500.

#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <aft/app.hpp>
#include <aft/http/arguments.hpp>
#include <aft/storage/repository.hpp>
#include <aft/storage/text_index.hpp>

#include "../injections.hpp"
#include "../test_database.hpp"

namespace {

struct listed_note {
  std::int64_t id;
  std::string title;
};
struct listed_query {
  std::optional<std::string> title{}, title_min{}, cursor{}, sort{};
};
struct search_query {
  std::string words;
};
struct sent_note {
  std::string title;
};

std::string encoded(std::string_view text) {
  std::string all;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    all += {'%', "0123456789ABCDEF"[byte >> 4], "0123456789ABCDEF"[byte & 15]};
  }
  return all;
}

}  // namespace

TEST_CASE("no injection passes over HTTP") {
  const aft::repository<listed_note> notes("note", {.sort = {"title"}});
  const aft::text_index index("note", {"title"});
  aft::app app({.database = new_database()});
  app.migrate(aft::migration{
      "001", "create table note (id integer primary key, title text not null) strict"});
  app.migrate(index.step("002"));
  app.seed([](aft::transaction& tx) {
    tx.execute("insert into note (title) values ('zebra'), ('zebu'), ('zucchini')");
  });
  app.get("/notes",
          [&](aft::query<listed_query> q, aft::reader& db) { return notes.list(db, *q); });
  app.get("/search", [&](aft::query<search_query> q, aft::reader& db) {
    return index.search<listed_note>(db, q->words);
  });
  app.get("/notes/{title}", [](std::string title, aft::reader& db) {
    return db.find<listed_note>("select id, title from note where title = $1", title);
  });
  app.del("/notes/{id}",
          [&](std::int64_t id, aft::transaction& tx) { return notes.erase(tx, id); });
  app.post("/notes", [&](aft::body<sent_note> in, aft::transaction& tx) {
    const auto saved = notes.insert(tx, *in);
    notes.erase(tx, saved.id);
    return saved;
  });
  const auto rows = [&] {
    return app.db().read([](aft::reader& r) {
      return r.all<listed_note>("select id, title from note order by id").size();
    });
  };
  const auto ask = [&](const std::string& method, const std::string& target,
                       const std::string& body = {}) {
    aft::test_request request{method, target, {}, body};
    if (!body.empty()) request.headers.emplace_back("Content-Type", "application/json");
    const auto answer = app.handle(request);
    CAPTURE(target);
    CAPTURE(answer.body);
    CHECK(answer.status < 500);
    if (method == "GET") {
      CHECK(answer.body.find("zebu") == std::string::npos);
      CHECK(answer.body.find("zucchini") == std::string::npos);
    }
  };
  for (const auto text : injections) {
    CAPTURE(text);
    const auto value = encoded(text);
    ask("GET", "/notes?title=" + value);
    ask("GET", "/notes?title=zebra&sort=" + value);
    ask("GET", "/notes?title=zebra&cursor=" + value);
    ask("GET", "/notes?title=zebra&" + value + "=1");
    ask("GET", "/notes?title=zebra&title_min=" + value);
    ask("GET", "/search?words=zebra%20" + value);
    ask("GET", "/notes/" + value);
    ask("DELETE", "/notes/x" + value);
    ask("POST", "/notes", aft::json::write(sent_note{std::string(text)}));
    ask("POST", "/notes", R"({"title":")" + std::string(text) + "\"}");
  }
  CHECK(rows() == 3);
}

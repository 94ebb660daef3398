// Everything that attackers type, through everything that takes a value or a name.

#include <algorithm>
#include <string>

#include <doctest/doctest.h>

#include <aft/ground/digest.hpp>
#include <aft/storage/move.hpp>
#include <aft/storage/repository.hpp>
#include <aft/storage/sealed.hpp>
#include <aft/storage/sql_text.hpp>
#include <aft/storage/text_index.hpp>
#include <aft/storage/upkeep.hpp>

#include "../injections.hpp"
#include "storage_fixture.hpp"

namespace {

struct note {
  std::int64_t id;
  std::string title;
};
struct note_query {
  std::optional<std::string> title{}, title_min{}, cursor{}, sort{};
};

bool is_name(std::string_view text) {
  return text.find_first_not_of(
             "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789") == text.npos &&
         !text.empty() && !(text[0] >= '0' && text[0] <= '9');
}

struct attacked : storage_fixture {
  const aft::repository<note> notes{"note", {.sort = {"title"}}};
  const aft::text_index words{"note", {"title"}};

  attacked() {
    db.migrate(
        "host",
        {aft::migration{"001",
                        "create table note (id integer primary key, title text not null) strict;"
                        "create table vault (secret text not null) strict"},
         words.step("002")});
    db.write([](aft::transaction& tx) {
      tx.execute("insert into note (title) values ('zebra'), ('zebu'), ('zucchini')");
      tx.execute("insert into vault values ('zinc')");
    });
  }

  // All rows, and all there is beside them.
  std::string state() {
    return db.read([&](aft::reader& r) {
      std::string all;
      for (const auto& n : r.all<note>("select id, title from note order by id")) {
        all += std::to_string(n.id) + n.title + ";";
      }
      all += r.one<std::string>("select secret from vault");
      const auto tables = on_postgres() ? r.one<std::int64_t>(
                                              "select count(*) from pg_class where relnamespace = "
                                              "current_schema()::regnamespace")
                                        : r.one<std::int64_t>("select count(*) from sqlite_schema");
      return all + std::to_string(tables);
    });
  }

  // True where it is done; false where the engine has no place for such a text, which it says.
  template <class F>
  bool takes(std::string_view text, F&& f) {
    try {
      f();
      return true;
    } catch (const aft::storage_error& e) {
      CAPTURE(std::string(e.what()));
      CHECK(e.fault() == aft::storage_fault::statement);
      const bool has_odd_bytes = std::any_of(text.begin(), text.end(), [](char c) {
        return c == 0 || static_cast<unsigned char>(c) >= 0x80;
      });
      CHECK(has_odd_bytes);
      CHECK(on_postgres());
      return false;
    }
  }
  template <class F>
  void refuses(F&& f) {
    CHECK_THROWS_AS(f(), aft::error);
  }
};

}  // namespace

TEST_CASE("the corpus of injections is large, and each of it is another") {
  std::vector<std::string_view> all(std::begin(injections), std::end(injections));
  std::sort(all.begin(), all.end());
  CHECK(all.size() >= 150);
  CHECK(std::adjacent_find(all.begin(), all.end()) == all.end());
}

TEST_CASE_FIXTURE(attacked, "no value becomes part of a statement") {
  const auto before = state();
  for (const auto text : injections) {
    CAPTURE(text);
    takes(text, [&] {
      db.read([&](aft::reader& r) {
        const auto found = r.all<note>("select id, title from note where title = $1", text);
        CHECK(found.empty());
        aft::sql_text q("select id, title from note where title = $1", text);
        const auto of_more = r.all<note>(q.add("or title in ($1, $2)", text, text));
        CHECK(of_more.empty());
      });
    });
    // Of second order: what was stored is used again.
    const bool stored = takes(text, [&] {
      db.write([&](aft::transaction& tx) {
        const auto id =
            tx.one<std::int64_t>("insert into note (title) values ($1) returning id", text);
        const auto back = tx.one<std::string>("select title from note where id = $1", id);
        CHECK(back == text);
        CHECK(tx.all<note>("select id, title from note where title = $1", back).size() == 1);
        CHECK(tx.execute("update note set title = title || $2 where title = $1", back, back) == 1);
        CHECK(tx.execute("delete from note where title = $1", back + back) == 1);
      });
    });
    if (!stored) continue;
    struct undone {};
    CHECK_THROWS_AS(db.write([&](aft::transaction& tx) {
      tx.savepoint([&] {
        tx.execute("insert into note (title) values ($1)", text);
        throw undone();
      });
    }),
                    undone);
  }
  CHECK(state() == before);
}

TEST_CASE_FIXTURE(attacked, "no filter, sorting, cursor or search gives a row too many") {
  const auto before = state();
  for (const auto text : injections) {
    CAPTURE(text);
    const std::string value(text);
    db.read([&](aft::reader& r) {
      CHECK(!notes.list(r, note_query{.cursor = value}));
      CHECK(!notes.list(r, note_query{.sort = value}));
      CHECK(!notes.list(r, note_query{.sort = "-" + value}));
      CHECK(!notes.list(r, note_query{.sort = "title," + value}));
    });
    takes(text, [&] {
      db.read([&](aft::reader& r) {
        const auto found = notes.list(r, note_query{.title = value});
        REQUIRE(found);
        CHECK(found->items.empty());
      });
    });
    takes(text, [&] {
      db.read([&](aft::reader& r) {
        const auto found =
            notes.list(r, note_query{.title = value}, aft::sql_text("title = $1", value));
        REQUIRE(found);
        CHECK(found->items.empty());
      });
    });
    db.read([&](aft::reader& r) {
      CHECK(words.search<note>(r, value).size() <= 1);  // "z%" is a z with nothing behind it
      CHECK(words.search<note>(r, "zebra " + value).size() <= 1);
      const auto all =
          r.all<note>(aft::sql_text("select id, title from note where").add(words.where(r, value)));
      CHECK(all.size() <= 1);
    });
  }
  CHECK(state() == before);
}

TEST_CASE_FIXTURE(attacked, "no text becomes a name") {
  const auto before = state();
  const aft::key_ring keys({{"k1", std::string(32, 'k')}});
  for (const auto text : injections) {
    CAPTURE(text);
    const std::string name(text);
    if (!is_name(text)) {
      refuses([&] { aft::quoted_name(text); });
      refuses([&] { aft::sql_text().add_name(text); });
      refuses([&] { aft::text_index(text, {"title"}); });
      refuses([&] { aft::text_index("note", {name}); });
      refuses([&] { aft::text_index("note", {"title"}, text); });
      refuses([&] { aft::repository<note>{text}; });
    }
    // Names like others, but of nothing that is there.
    refuses([&] { aft::repository<note>("note", {.sort = {name}}); });
    refuses([&] { aft::repository<note>("note", {.key = name}); });
    refuses([&] { aft::erase_in_chunks(db, text, aft::sql_text("1 = 1")); });
    if (text != "rowid" && text != "oid") {  // SQLite's own names of the key
      refuses([&] { aft::erase_in_chunks(db, "note", aft::sql_text("1 = 0"), {.key = name}); });
    }
    refuses([&] { aft::reseal(db, keys, {.table = name, .column = "title"}); });
    refuses([&] { aft::reseal(db, keys, {.table = "note", .column = name}); });
  }
  CHECK(state() == before);
}

TEST_CASE_FIXTURE(attacked, "names that only a schema could hold are moved as they are") {
  if (!on_postgres()) return;
  const std::string odd = R"(a"b'; drop table note; --)";
  const std::vector<aft::migration> steps{
      {"001",
       R"(create table "a""b'; drop table note; --" (id integer primary key, "x"");--" text))",
       R"(create table "a""b'; drop table note; --" (id bigint primary key, "x"");--" text))"}};
  aft::database from(folder / "odd.db", {}, log, time);
  aft::database to(new_url(), {}, log, time);
  from.migrate("host", steps);
  to.migrate("host", steps);
  from.write([](aft::transaction& tx) {
    for (const auto text : injections) {
      if (text.find('\0') != text.npos || text.find_first_of("\xbf\xc0\xe0\xff\xed\xf4") == 0)
        continue;
      tx.execute(R"(insert into "a""b'; drop table note; --" ("x"");--") values ($1))", text);
    }
  });
  const auto m = aft::move(from, to);
  REQUIRE(m.tables.size() == 1);
  CHECK(m.tables[0].table == odd);
  CHECK(m.tables[0].rows > 200);
}

#include <aft/storage/repository.hpp>

#include <algorithm>
#include <chrono>
#include <set>

#include <doctest/doctest.h>

#include "storage_fixture.hpp"

namespace {

enum class kind { memo, list };

struct note {
  std::int64_t id;
  std::string title;
  std::optional<std::string> text;
  kind type;
  std::vector<std::string> tags;
  std::int64_t version;
  aft::time_point created_at;
  friend bool operator==(const note&, const note&) = default;
};
struct setting {
  std::string name;
  std::string value;
  friend bool operator==(const setting&, const setting&) = default;
};
struct new_note {
  aft::text<1, 20> title;
  std::optional<std::string> text;
  kind type = kind::memo;
  std::vector<std::string> tags;
  aft::time_point created_at;
};
struct note_changes {
  std::optional<std::string> title;
  std::optional<std::optional<std::string>> text;
  std::optional<std::int64_t> version;
};
struct note_query {
  aft::bounded<int, 1, 100> limit{2};
  std::optional<std::string> cursor{}, sort{};
  bool count = false;
  std::optional<kind> type{};
  std::vector<std::string> title{};
  std::optional<aft::time_point> created_at_min{}, created_at_max{};
};

struct with_notes : storage_fixture {
  const aft::repository<note> notes{"note",
                                    {.sort = {"title", "created_at"}, .order = "-created_at"}};
  with_notes() {
    schema(
        "create table note (id integer primary key, title text not null unique, text text default "
        "'none', type text not null, tags text not null default '[]', version integer not null, "
        "created_at integer not null) strict");
  }
  note insert(const std::string& title, int day = 0, kind type = kind::memo) {
    return db.write([&](aft::transaction& tx) {
      return notes.insert(tx, new_note{title, {}, type, {"a"}, time.now() + aft::days(1) * day});
    });
  }
  // All titles, page by page.
  std::vector<std::string> walk(note_query q, const aft::sql_text& where = {}) {
    std::vector<std::string> titles;
    for (int pages = 0; pages < 1000; ++pages) {
      auto page = db.read([&](aft::reader& r) { return notes.list(r, q, where); });
      REQUIRE(page);
      CHECK(page->items.size() <= std::size_t(*q.limit));
      for (const auto& n : page->items) titles.push_back(n.title);
      if (!page->next) return titles;
      CHECK(page->items.size() == std::size_t(*q.limit));
      q.cursor = page->next;
    }
    FAIL("there is no end");
    return titles;
  }
  aft::problem refused(const note_query& q) {
    auto page = db.read([&](aft::reader& r) { return notes.list(r, q); });
    REQUIRE(!page);
    return page.reason();
  }
};

using titles = std::vector<std::string>;

}  // namespace

TEST_CASE_FIXTURE(with_notes, "a row comes back with what the database has made of it") {
  const auto saved = insert("first");
  CHECK(saved == note{1, "first", "none", kind::memo, {"a"}, 1, time.now()});
  db.read([&](aft::reader& r) {
    CHECK(notes.find(r, 1) == saved);
    CHECK(!notes.find(r, 2));
  });
  db.write([&](aft::transaction& tx) {
    note other = saved;
    other.id = 7;
    other.title = "other";
    other.text.reset();
    other.version = 99;
    const auto kept = notes.insert(tx, other);
    CHECK(kept.id == 7);
    CHECK(kept.version == 1);
    CHECK(!kept.text);  // of a whole row all is written
    other.id = 0;
    other.title = "third";
    const auto id = notes.insert(tx, other).id;  // the database's choice
    CHECK(id != 0);
    CHECK(id != 7);
  });
}

TEST_CASE_FIXTURE(with_notes, "a value that is taken throws, or is told where that is asked for") {
  insert("first");
  db.write([&](aft::transaction& tx) {
    const new_note again{"first", {}, kind::memo, {}, tx.now()};
    CHECK_THROWS_AS(notes.insert(tx, again), aft::constraint_error);
    CHECK(!notes.try_insert(tx, again));
    CHECK(notes.try_insert(tx, new_note{"second", "x", kind::list, {}, tx.now()})->text == "x");
  });
}

TEST_CASE_FIXTURE(with_notes, "of two who change the same row, the second hears of it") {
  const auto read = insert("first");
  db.write([&](aft::transaction& tx) {
    note mine = read, yours = read;
    mine.title = "mine";
    yours.title = "yours";
    const auto first = notes.update(tx, mine);
    REQUIRE(first);
    CHECK(first->version == 2);
    const auto second = notes.update(tx, yours);
    REQUIRE(!second);
    CHECK(second.reason().status == 412);
    CHECK(second.reason().code == "stale");
    CHECK(notes.find(tx, 1)->title == "mine");
    yours.id = 9;
    CHECK(notes.update(tx, yours).reason().status == 404);
    CHECK(notes.update(tx, *notes.find(tx, 1))->version == 3);
  });
}

TEST_CASE_FIXTURE(with_notes,
                  "changes touch what they have, and compare the version where they have it") {
  insert("first");
  db.write([&](aft::transaction& tx) {
    using null = std::optional<std::string>;
    CHECK(notes.update(tx, 1, note_changes{"new", {}, {}})->text == "none");
    CHECK(notes.update(tx, 1, note_changes{{}, null(), 2})->text == std::nullopt);
    CHECK(notes.update(tx, 1, note_changes{{}, null("x"), 2}).reason().status == 412);
    CHECK(notes.update(tx, 1, note_changes{{}, null("x"), 3})->text == "x");
    CHECK(notes.update(tx, 1, note_changes{{}, {}, 9}).reason().status == 412);
    CHECK(notes.update(tx, 5, note_changes{"new", {}, {}}).reason().status == 404);
    CHECK(notes.find(tx, 1)->title == "new");
  });
}

TEST_CASE_FIXTURE(with_notes, "a row is put whether or not it is there, and erased once") {
  db.write([&](aft::transaction& tx) {
    note n{3, "put", "a", kind::list, {}, 0, tx.now()};
    CHECK(notes.upsert(tx, n).version == 1);
    n.text = "b";
    const auto again = notes.upsert(tx, n);
    CHECK(again.version == 2);
    CHECK(again.text == "b");
    CHECK(tx.one<int>("select count(*) from note") == 1);
    n.id = 0;
    n.title = "fresh";
    CHECK(notes.upsert(tx, n).id != 0);
    CHECK(tx.one<int>("select count(*) from note") == 2);
    CHECK(notes.erase(tx, 3));
    CHECK(!notes.erase(tx, 3));
  });
}

TEST_CASE_FIXTURE(with_notes,
                  "pages hold each row once, in every order, while rows come in between") {
  for (int i = 0; i < 7; ++i) insert("n" + std::to_string(i), i / 3);
  CHECK(walk({}) == titles{"n6", "n5", "n4", "n3", "n2", "n1", "n0"});
  CHECK(walk({.sort = "title"}) == titles{"n0", "n1", "n2", "n3", "n4", "n5", "n6"});
  CHECK(walk({.sort = "-id"}) == titles{"n6", "n5", "n4", "n3", "n2", "n1", "n0"});
  CHECK(walk({.sort = "created_at,-title"}) == titles{"n2", "n1", "n0", "n5", "n4", "n3", "n6"});
  CHECK(walk({.sort = "-created_at,title"}) == titles{"n6", "n3", "n4", "n5", "n0", "n1", "n2"});
  CHECK(walk({.limit = 7, .sort = "id"}).size() == 7);
  CHECK(walk({.limit = 100}).size() == 7);

  note_query q{.sort = "id"};
  auto page = db.read([&](aft::reader& r) { return notes.list(r, q); });
  insert("between", 1);
  db.write([&](aft::transaction& tx) { notes.erase(tx, 2); });  // the row of the cursor itself
  q.cursor = page->next;
  CHECK(walk(q) == titles{"n2", "n3", "n4", "n5", "n6", "between"});
}

// The best of some, so that a busy machine changes little.
TEST_CASE_FIXTURE(with_notes, "a page deep in a large table costs what the first one does") {
  constexpr std::int64_t rows = 50'000;
  db.write([&](aft::transaction& tx) {
    tx.execute("create index note_by_time on note (created_at, id)");
    tx.execute(
        "insert into note (id, title, type, version, created_at) with recursive number (i) as "
        "(select 1 union all select i + 1 from number where i < $1) "
        "select i, 'note ' || i, 'memo', 1, $2 + i / 10 from number",
        rows, std::int64_t(0));
    if (on_postgres()) tx.execute("analyze note");
  });
  const auto best = [&](const note_query& q) {
    auto shortest = std::chrono::steady_clock::duration::max();
    for (int i = 0; i < 20; ++i) {
      const auto began = std::chrono::steady_clock::now();
      const auto page = db.read([&](aft::reader& r) { return notes.list(r, q); });
      shortest = std::min(shortest, std::chrono::steady_clock::now() - began);
      REQUIRE(page);
      CHECK(page->items.size() == 2);
    }
    return shortest;
  };
  for (const auto* order : {"id", "-id", "created_at", "-created_at"}) {
    CAPTURE(order);
    note_query q{.sort = order};
    const auto first = best(q);
    q.limit = 100;
    for (int pages = 0; pages < rows / 2 / 100; ++pages) {
      q.cursor = db.read([&](aft::reader& r) { return notes.list(r, q); })->next;
    }
    q.limit = 2;
    CHECK(best(q) < 5 * first);  // who counts from the beginning passes 25,000 rows
  }
}

TEST_CASE_FIXTURE(with_notes, "a list is filtered by what its query declares, and by the program") {
  for (int i = 0; i < 6; ++i) insert("n" + std::to_string(i), i, i % 2 ? kind::list : kind::memo);
  const auto day = [&](int n) { return time.now() + aft::days(n); };
  CHECK(walk({.sort = "id", .type = kind::list}) == titles{"n1", "n3", "n5"});
  CHECK(walk({.sort = "id", .title = {"n1", "n2", "none"}}) == titles{"n1", "n2"});
  CHECK(walk({.sort = "id", .created_at_min = day(2), .created_at_max = day(4)}) ==
        titles{"n2", "n3", "n4"});
  CHECK(walk({.sort = "id", .type = kind::memo}, aft::sql_text("id > $1 or id = $2", 3, 1)) ==
        titles{"n0", "n4"});
  auto counted = db.read([&](aft::reader& r) {
    return notes.list(r, note_query{.limit = 1, .count = true, .type = kind::list});
  });
  CHECK(counted->total == std::optional<std::int64_t>(3));
  CHECK(!db.read([&](aft::reader& r) { return notes.list(r, note_query{}); })->total);
}

TEST_CASE_FIXTURE(with_notes, "a cursor of another list, or of nobody, is refused") {
  for (int i = 0; i < 4; ++i) insert("n" + std::to_string(i), i);
  auto first = db.read([&](aft::reader& r) { return notes.list(r, note_query{.sort = "title"}); });
  const auto cursor = first->next.value();
  auto is_refused = [&](const note_query& q) {
    const auto p = refused(q);
    CHECK(p.status == 400);
    REQUIRE(p.errors.size() == 1);
    CHECK(p.errors[0].in == "query");
    CHECK(p.errors[0].pointer == "/cursor");
  };
  is_refused({.cursor = cursor});
  is_refused({.cursor = cursor, .sort = "-title"});
  is_refused({.cursor = cursor, .sort = "title", .type = kind::memo});
  is_refused({.cursor = "!", .sort = "title"});
  is_refused({.cursor = "AAAA", .sort = "title"});
  for (std::size_t i = 0; i < cursor.size(); ++i) {
    is_refused({.cursor = cursor.substr(0, i) + "%" + cursor.substr(i + 1), .sort = "title"});
    if (i) is_refused({.cursor = cursor.substr(0, i), .sort = "title"});
  }
  CHECK(walk({.limit = 3, .cursor = cursor, .sort = "title"}) == titles{"n2", "n3"});
  // What the program filters by belongs to the list as well.
  db.read([&](aft::reader& r) {
    CHECK(
        !notes.list(r, note_query{.cursor = cursor, .sort = "title"}, aft::sql_text("id > $1", 0)));
  });
}

TEST_CASE_FIXTURE(with_notes, "all that is wrong with a list is told at once") {
  const auto p = refused({.cursor = "x", .sort = "text", .title = titles(51, "x")});
  CHECK(p.status == 400);
  std::set<std::string> at;
  for (const auto& e : p.errors) at.insert(e.pointer + " " + e.code);
  CHECK(at == std::set<std::string>{"/sort value", "/title length"});
  for (const auto* sort : {"title,", ",", "-", "--title", "title,title", "title,-title", "Title",
                           "title desc", " title", "id;", "title,,id"}) {
    CHECK(refused({.sort = sort}).errors.at(0).pointer == "/sort");
  }
}

TEST_CASE_FIXTURE(with_notes,
                  "what the program has wrong is said when it is built, or first used") {
  auto why = [](auto f) -> std::string {
    try {
      f();
    } catch (const aft::error& e) {
      return e.what();
    }
    return "nothing was thrown";
  };
  using repository = aft::repository<note>;
  auto has = [](const std::string& text, const char* part) { return text.find(part) != text.npos; };
  CHECK(has(why([] { repository("note", {.key = "nr"}); }), "nr of"));
  CHECK(has(why([] { repository("note", {.version = "title"}); }), "must be an integer"));
  CHECK(has(why([] { repository("note", {.sort = {"size"}}); }), "size of"));
  CHECK(has(why([] { repository("note", {.sort = {"text"}}); }), "may be NULL"));
  CHECK(has(why([] { repository("note", {.order = "title"}); }), "the order \"title\""));
  CHECK(has(why([] { repository("note; drop", {}); }), "name of a table"));
  struct wrong_filter {
    std::optional<int> size;
  };
  db.read([&](aft::reader& r) {
    CHECK(has(why([&] { (void)notes.list(r, wrong_filter()); }), "size of"));
  });
}

TEST_CASE("a table whose key is text, and has no version, is no different") {
  storage_fixture f;
  f.schema("create table setting (name text primary key not null, value text not null) strict");
  const aft::repository<setting> settings("setting", {.key = "name"});
  f.db.write([&](aft::transaction& tx) {
    CHECK(settings.insert(tx, setting{"a", "1"}) == setting{"a", "1"});
    CHECK(settings.upsert(tx, setting{"a", "2"}).value == "2");
    CHECK(settings.update(tx, setting{"a", "3"})->value == "3");
    CHECK(settings.update(tx, "b", setting{"", "3"}).reason().status == 404);
    CHECK(settings.find(tx, "a")->value == "3");
    for (const auto* name : {"b", "c", "d"}) settings.upsert(tx, {name, "0"});
    auto page = settings.list(tx, aft::page_request{.limit = 3});
    CHECK(page->items.size() == 3);
    page = settings.list(tx, aft::page_request{.limit = 3, .cursor = page->next});
    CHECK(page->items == std::vector<setting>{{"d", "0"}});
    CHECK(!page->next);
  });
}

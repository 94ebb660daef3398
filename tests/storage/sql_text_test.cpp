#include <aft/storage/sql_text.hpp>

#include <doctest/doctest.h>

#include "storage_fixture.hpp"

TEST_CASE("pieces keep their own parameters, whatever stands before them") {
  aft::sql_text q("select * from t where a = $1 and b <> $2", 1, "two");
  q.add("and c = $2 || $1 -- $9", std::string("three"), "four").add("/* $3 */ order by");
  q.add_name("c").add("limit $1", 5);
  CHECK(q.text() ==
        "select * from t where a = $1 and b <> $2 and c = $4 || $3    order by \"c\" limit $5");
  CHECK(q.values().size() == 5);
  aft::sql_text whole("select $1 where '$1 it''s' <> \"x\"", 0);
  whole.add(aft::sql_text("and $1 < $2", 8, 9)).add(aft::sql_text());
  CHECK(whole.text() == "select $1 where '$1 it''s' <> \"x\" and $2 < $3");
  whole.add(whole);
  CHECK(whole.values().size() == 6);
  CHECK(aft::sql_text().empty());
}

TEST_CASE("a name that is none is refused") {
  CHECK(aft::quoted_name("created_at") == "\"created_at\"");
  CHECK(aft::quoted_name("Order") == "\"Order\"");
  for (const auto* name : {"", "a b", "a\"b", "1a", "a.b", "a;drop table t", "ä", "a-b", "a\n"}) {
    CHECK_THROWS_AS((void)aft::quoted_name(name), aft::storage_error);
  }
  CHECK_THROWS_AS((void)aft::quoted_name(std::string(64, 'a')), aft::storage_error);
  CHECK_THROWS_AS((void)aft::quoted_name(std::string_view("a\0b", 3)), aft::storage_error);
}

TEST_CASE("words that begin or end a transaction are known") {
  using aft::detail::controls_transaction;
  for (const auto* text :
       {"commit", "COMMIT;", " begin immediate", "End", "rollback to x", "release x", "abort",
        "start transaction", "-- why\n\tsavepoint x", "/* a */ ;/* b */commit", "commit/* c */"}) {
    CAPTURE(text);
    CHECK(controls_transaction(text));
  }
  for (const auto* text :
       {"", ";", "select 1", "commits", "beginning", "ending", "-- commit", "-- commit\nselect 1",
        "/* commit */ select 1", "/* commit", "/*/ commit", "select 1; commit", "(commit)",
        "'commit'", "*commit", "- commit"}) {
    CAPTURE(text);
    CHECK(!controls_transaction(text));
  }
}

TEST_CASE_FIXTURE(storage_fixture, "a text that ends a transaction is not run") {
  schema("create table t (x integer)");
  db.write([](aft::transaction& tx) {
    tx.execute("insert into t values (1)");
    for (const auto& text : {aft::sql_text("commit"), aft::sql_text("savepoint x")}) {
      CHECK(has(thrown_by([&] { tx.execute(text); }), "use savepoint() instead"));
      CHECK(has(thrown_by([&] { tx.all<int>(text); }), "use savepoint() instead"));
    }
    aft::sql_text pieces("select case when x = $1 then 7 else 8", 1);
    CHECK(tx.all<int>(pieces.add("end from t")) == std::vector{7});  // a piece may begin so
    tx.execute("insert into t values (2)");
  });
  CHECK(db.all<int>("select x from t order by x") == std::vector{1, 2});
}

TEST_CASE_FIXTURE(storage_fixture, "values are bound, and outlive what they were copied from") {
  schema("create table t (id integer primary key, x text not null) strict");
  const std::string nasty = "'; drop table t; --";
  db.write([&](aft::transaction& tx) {
    aft::sql_text q;
    {
      const std::string gone = nasty;
      q = aft::sql_text("insert into t (x) values ($1)", std::string_view(gone));
    }
    const auto copy = q;
    CHECK(tx.execute(q) == 1);
    CHECK(tx.execute(copy) == 1);
    aft::sql_text ids("select id from t where x = $1", nasty);
    ids.add("order by").add_name("id").add("desc");
    CHECK(tx.all<int>(ids) == std::vector<int>{2, 1});
    CHECK(tx.find<int>(ids) == 2);
    CHECK(tx.one<int>(ids) == 2);
    int sum = 0;
    tx.each<int>(ids, [&](int& id) { sum += id; });
    CHECK(sum == 3);
    CHECK(!tx.find<int>(aft::sql_text("select id from t where x = $1", std::optional<int>())));
    CHECK_THROWS_AS(tx.one<int>(aft::sql_text("select 1 where 1 = 0")), aft::storage_error);
  });
}

TEST_CASE_FIXTURE(storage_fixture,
                  "many texts are right and few of them are kept, even while one is read") {
  const auto numbered = [](int i) {
    aft::sql_text q("select cast($1 as integer)", i);
    q.add("as").add_name("n" + std::to_string(i));
    return q;
  };
  db.read([&](aft::reader& r) {
    int rows = 0;
    r.each<int>(aft::sql_text("select 1 union all select 2"), [&](int) {
      ++rows;
      for (int i = 0; i < 600; ++i) CHECK(r.one<int>(numbered(i)) == i);
    });
    CHECK(rows == 2);
    for (int i = 599; i >= 0; --i) CHECK(r.one<int>(numbered(i)) == i);
  });
}

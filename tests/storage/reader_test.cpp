#include <aft/storage/reader.hpp>

#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <limits>
#include <map>

#include <doctest/doctest.h>

#include <aft/ground/text.hpp>

#include "../sanitized.hpp"
#include "storage_fixture.hpp"

namespace {

enum class colour { red, green };

struct author {
  std::string name;
  std::optional<int> born;
  friend bool operator==(const author&, const author&) = default;
};
struct row {
  std::int64_t id;
  std::string title;
  std::optional<std::string> note;
  double score;
  bool open;
  colour paint;
  aft::time_point at;
  std::vector<std::byte> blob;
  std::vector<std::string> tags;
  std::map<std::string, int> counts;
  author by;
  friend bool operator==(const row&, const row&) = default;
};

const char* const schema =
    "create table item (id integer primary key, title text not null, note text, score real not "
    "null,"
    " open integer not null, paint text not null, at integer not null, blob blob not null,"
    " tags text not null, counts text not null, name text not null, born integer) strict;";

struct with_items : storage_fixture {
  with_items() { schema(::schema); }
  const row one{1,
                "it's; drop table item",
                {},
                0.1,
                true,
                colour::green,
                time.now(),
                {std::byte(0), std::byte(255)},
                {"a", "b"},
                {{"x", 1}},
                {"Ines", 1970}};
  void insert(const row& r) {
    db.write([&](aft::transaction& tx) {
      tx.execute("insert into item values ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12)", r.id, r.title,
                 r.note, r.score, r.open, r.paint, r.at, r.blob, r.tags, r.counts, r.by.name,
                 r.by.born);
    });
  }
};

// Of this process, in memory, in bytes.
std::size_t resident() {
  std::size_t all = 0, pages = 0;
  std::ifstream("/proc/self/statm") >> all >> pages;
  return pages * std::size_t(::sysconf(_SC_PAGESIZE));
}

}  // namespace

TEST_CASE_FIXTURE(with_items, "a struct of everything survives the database") {
  insert(one);
  row other = one;
  other.id = std::numeric_limits<std::int64_t>::min();
  other.note = "";
  other.by.born.reset();
  other.blob.clear();
  other.tags.clear();
  insert(other);
  db.read([&](aft::reader& r) {
    const auto all =
        r.all<row>("select *, name as \"by.name\", born as \"by.born\" from item order by id desc");
    REQUIRE(all.size() == 2);
    CHECK(all[0] == one);
    CHECK(all[1] == other);
  });
}

TEST_CASE_FIXTURE(with_items, "scalars, optionals and the first row come as they are asked for") {
  insert(one);
  db.read([&](aft::reader& r) {
    CHECK(r.one<std::int64_t>("select count(*) from item") == 1);
    CHECK(r.find<std::string>("select title from item where id = $1", 1) == one.title);
    CHECK(!r.find<std::string>("select title from item where id = $1", 2));
    CHECK(!r.one<std::optional<std::string>>("select note from item"));
    CHECK(r.one<colour>("select paint from item") == colour::green);
    CHECK(r.all<int>("select 1 union select 2 order by 1") == std::vector<int>{1, 2});
    CHECK(r.one<aft::raw_json>("select counts from item").text == "{\"x\":1}");
    CHECK(r.one<std::string>("select $2 || $1 || $2", "a", std::string("b")) == "bab");
    CHECK(r.one<std::optional<int>>("select $1", std::optional<int>()) == std::nullopt);
  });
}

TEST_CASE_FIXTURE(with_items, "a parameter is a value, whatever it holds") {
  insert(one);
  db.read([&](aft::reader& r) {
    CHECK(!r.find<int>("select 1 from item where title = $1", "' or 1=1 --"));
    CHECK(r.find<int>("select 1 from item where title = $1", one.title));
    CHECK(r.one<std::string>("select '$1 ?' || $1 -- $9 ?", "x") == "$1 ?x");
    const std::string zero("a\0b", 3);
    if (on_postgres()) {  // which has no zero bytes in text
      CHECK_THROWS_AS(r.one<std::string>("select $1", zero), aft::storage_error);
    } else {
      CHECK(r.one<std::string>("select $1", zero) == zero);
    }
  });
}

TEST_CASE_FIXTURE(with_items, "a parameter may stand where its type cannot be seen") {
  insert(one);
  db.read([&](aft::reader& r) {
    const auto count = [&](std::optional<std::int64_t> id, std::optional<std::string> title) {
      return r.one<int>(
          "select count(*) from item where ($1 is null or id = $1) and ($2 is null or title = $2)",
          id, title);
    };
    CHECK(count({}, {}) == 1);
    CHECK(count(1, {}) == 1);
    CHECK(count(2, {}) == 0);
    CHECK(count(1, one.title) == 1);
    CHECK(count({}, "other") == 0);
  });
}

TEST_CASE_FIXTURE(with_items, "what does not fit is an error that names the column") {
  insert(one);
  struct missing {
    std::int64_t id;
    std::string nowhere;
  };
  struct narrow {
    std::int8_t score;
  };
  struct wrong {
    int title;
  };
  struct null {
    std::string note;
  };
  struct short_title {
    aft::text<1, 5> title;
  };
  struct no_colour {
    colour title;
  };
  struct no_list {
    std::vector<int> title;
  };
  db.read([&](aft::reader& r) {
    CHECK(has(thrown_by([&] { r.all<missing>("select * from item"); }), "no column nowhere for"));
    CHECK(has(thrown_by([&] { r.all<narrow>("select 300 as score"); }),
              "column score must be an integer from -128 to 127, not 300"));
    CHECK(has(thrown_by([&] { r.one<std::int8_t>("select 300 as single_value_of_a_row"); }),
              "column single_value_of_a_row must be an integer from -128 to 127, not 300"));
    CHECK(has(thrown_by([&] { r.all<wrong>("select * from item"); }),
              "column title holds text where the field is an integer"));
    CHECK(has(thrown_by([&] { r.all<null>("select * from item"); }), "column note holds NULL"));
    CHECK(has(thrown_by([&] { r.all<short_title>("select * from item"); }),
              "column title must have at most 5 characters"));
    CHECK(has(thrown_by([&] { r.all<no_colour>("select * from item"); }),
              "must be one of red, green"));
    CHECK(
        has(thrown_by([&] { r.all<no_list>("select * from item"); }), "the JSON in column title"));
    CHECK(has(thrown_by([&] { r.one<int>("select 1 where 1 = 0"); }), "no row, where one must be"));
    CHECK(has(thrown_by([&] { r.all<int>("select nonsense"); }),
              on_postgres() ? "column \"nonsense\" does not exist" : "no such column: nonsense"));
    CHECK(has(thrown_by([&] { r.all<int>("select 1; select 2"); }),
              on_postgres() ? "multiple commands" : "one statement at a time"));
    // The mapping is checked even where there are no rows.
    CHECK(has(thrown_by([&] { r.all<missing>("select * from item where id = 99"); }), "nowhere"));
  });
}

TEST_CASE_FIXTURE(with_items, "a reader cannot write, whatever it is told") {
  CHECK(has(thrown_by([&] {
              db.read([](aft::reader& r) { r.all<int>("delete from item returning id"); });
            }),
            on_postgres() ? "read-only" : "readonly"));
}

TEST_CASE_FIXTURE(with_items, "one view is of one moment, and never before an answered write") {
  insert(one);
  db.read([&](aft::reader& r) {
    CHECK(r.one<int>("select count(*) from item") == 1);
    row other = one;
    other.id = 2;
    insert(other);
    CHECK(r.one<int>("select count(*) from item") == 1);  // still the same moment
    db.read([&](aft::reader& later) { CHECK(later.one<int>("select count(*) from item") == 2); });
  });
  for (int i = 3; i < 50; ++i) {
    row next = one;
    next.id = i;
    insert(next);
    db.read([&](aft::reader& r) { CHECK(r.one<int>("select count(*) from item") == i); });
  }
}

TEST_CASE_FIXTURE(storage_fixture, "many different statements are kept apart") {
  db.read([&](aft::reader& r) {
    for (int round = 0; round < 3; ++round) {
#define CHECK_ONE(n) CHECK(r.one<int>("select " #n " + $1", round) == n + round)
      CHECK_ONE(1);
      CHECK_ONE(2);
      CHECK_ONE(3);
      CHECK_ONE(4);
      CHECK_ONE(5);
      CHECK_ONE(6);
      CHECK_ONE(7);
      CHECK_ONE(8);
      CHECK_ONE(9);
      CHECK_ONE(10);
      CHECK_ONE(11);
      CHECK_ONE(12);
      CHECK_ONE(13);
      CHECK_ONE(14);
      CHECK_ONE(15);
      CHECK_ONE(16);
      CHECK_ONE(17);
      CHECK_ONE(18);
      CHECK_ONE(19);
      CHECK_ONE(20);
      CHECK_ONE(21);
      CHECK_ONE(22);
      CHECK_ONE(23);
      CHECK_ONE(24);
      CHECK_ONE(25);
      CHECK_ONE(26);
      CHECK_ONE(27);
      CHECK_ONE(28);
      CHECK_ONE(29);
      CHECK_ONE(30);
      CHECK_ONE(31);
      CHECK_ONE(32);
      CHECK_ONE(33);
      CHECK_ONE(34);
      CHECK_ONE(35);
      CHECK_ONE(36);
      CHECK_ONE(37);
      CHECK_ONE(38);
      CHECK_ONE(39);
      CHECK_ONE(40);
      CHECK_ONE(41);
      CHECK_ONE(42);
#undef CHECK_ONE
    }
  });
}

TEST_CASE_FIXTURE(storage_fixture, "rows come one at a time, until enough is known") {
  db.read([](aft::reader& r) {
    struct row {
      int n;
      std::optional<std::string> text;
    };
    std::vector<int> seen;
    r.each<row>("select 1 as n union all select 2 union all select $1", 3, [&](row& at) {
      CHECK(!at.text);
      at.text = "left behind";
      seen.push_back(at.n);
    });
    CHECK(seen == std::vector<int>{1, 2, 3});
    seen.clear();
    r.each<int>("select 1 union all select 2 union all select 3", [&](int n) {
      seen.push_back(n);
      return n < 2;
    });
    CHECK(seen == std::vector<int>{1, 2});
    r.each<int>("select 1 where $1 = $2", 1, "x", [](int) { FAIL("a row"); });
  });
}

TEST_CASE_FIXTURE(storage_fixture,
                  "what is thrown for a row ends the reading, and the text can be asked again") {
  db.read([](aft::reader& r) {
    auto ask = [&](auto f) { r.each<int>("select 1 union all select 2", f); };
    CHECK_THROWS_AS(ask([](int) { throw std::logic_error("no"); }), std::logic_error);
    CHECK_THROWS_AS(ask([](int n) {
                      if (n == 2) throw std::logic_error("no");  // the last row
                    }),
                    std::logic_error);
    int sum = 0;
    ask([&](int n) { sum += n; });
    CHECK(sum == 3);
  });
}

TEST_CASE_FIXTURE(storage_fixture, "a query may be asked while its own rows are read") {
  schema(
      "create table tree (id integer primary key, parent integer) strict;"
      "insert into tree values (1, 0), (2, 1), (3, 1), (4, 2), (5, 4);");
  db.read([](aft::reader& r) {
    struct walk {
      aft::reader& r;
      std::string seen{};
      void below(int parent) {
        r.each<int>("select id from tree where parent = $1 order by id", parent, [this](int id) {
          seen += std::to_string(id) + "(";
          below(id);
          seen += ")";
        });
      }
    } all{r};
    all.below(0);
    CHECK(all.seen == "1(2(4(5()))3())");
  });
}

TEST_CASE_FIXTURE(storage_fixture, "a million rows are read in the memory of one") {
  db.read([](aft::reader& r) {
    std::int64_t sum = 0;
    r.each<std::int64_t>(
        "with recursive n (i) as (select 1 union all select i + 1 from n where i < $1) "
        "select i from n",
        1'000'000, [&](std::int64_t i) { sum += i; });
    CHECK(sum == 500'000'500'000);
  });
}

TEST_CASE_FIXTURE(storage_fixture, "a result of 200 MB is read in constant memory") {
  auto read_all = [](aft::reader& r) {
    std::size_t rows = 0, bytes = 0, most = 0;
    const auto before = resident();
    const auto look = [&](const std::string& text) {
      bytes += text.size();
      if (++rows % 1000 == 0) most = std::max(most, resident());
    };
    if (on_postgres()) {
      r.each<std::string>("select repeat('x', 1000) from generate_series(1, $1::int)", 200'000,
                          look);
    } else {
      r.each<std::string>(
          "with recursive n (i) as (select 1 union all select i + 1 from n where i < $1) "
          "select printf('%.1000c', 'x') from n",
          200'000, look);
    }
    CHECK(bytes == 200'000'000);
    if (!is_sanitized) CHECK(most < before + (16u << 20));
  };
  db.read(read_all);
  db.write([&](aft::transaction& tx) { read_all(tx); });
}

TEST_CASE_FIXTURE(storage_fixture, "reading row by row ends where it is told to, however often") {
  schema("create table t (x integer not null)");
  db.write([](aft::transaction& tx) {
    for (int i = 0; i < 200; ++i) tx.execute("insert into t values ($1)", i);
    for (int stop = 0; stop < 200; ++stop) {
      int last = -1;
      tx.each<int>("select x from t order by x", [&](int x) {
        last = x;
        return x < stop;
      });
      CHECK(last == stop);
    }
    if (on_postgres()) CHECK(tx.one<int>("select count(*) from pg_cursors where name <> ''") == 0);
  });
}

TEST_CASE_FIXTURE(storage_fixture,
                  "texts made by the program are asked while rows of one are read") {
  db.read([](aft::reader& r) {
    aft::sql_text outer("select 1 union all select 2 union all select 3 order by 1");
    int sum = 0;
    r.each<int>(outer, [&](int n) {
      for (int i = 0; i < 300; ++i) {  // more than are kept
        aft::sql_text inner("select 7 as");
        inner.add_name("n" + std::to_string(i));
        sum += r.one<int>(inner) * n;
      }
    });
    CHECK(sum == 300 * 7 * 6);
  });
}

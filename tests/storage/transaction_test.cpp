#include <aft/storage/transaction.hpp>

#include <array>
#include <atomic>
#include <stdexcept>
#include <thread>

#include <doctest/doctest.h>

#include "storage_fixture.hpp"

namespace {

struct with_table : storage_fixture {
  with_table() {
    schema(
        "create table t (id integer primary key, x text not null unique) strict;"
        "create table child (t integer not null references t (id) deferrable initially deferred)"
        " strict;");
  }
  int count() {
    return db.read([](aft::reader& r) { return r.one<int>("select count(*) from t"); });
  }
};

}  // namespace

TEST_CASE_FIXTURE(with_table,
                  "a transaction that returns is committed, one that throws is undone") {
  db.write([](aft::transaction& tx) { tx.execute("insert into t (x) values ($1)", "a"); });
  CHECK_THROWS_AS(db.write([](aft::transaction& tx) {
    tx.execute("insert into t (x) values ($1)", "b");
    throw std::logic_error("no");
  }),
                  std::logic_error);
  CHECK(count() == 1);
}

TEST_CASE_FIXTURE(with_table, "a secret is not stored by mistake, and can be read") {
  struct row {
    std::int64_t id;
    aft::secret x;
  };
  struct nested {
    std::int64_t id;
    std::vector<row> x;
  };
  const std::vector<row> rows{{1, {"hunter2"}}};
  const auto why = thrown_by([&] {
    db.write([&](aft::transaction& tx) {
      tx.execute_each("insert into t (id, x) values ($1, $2)", rows);
    });
  });
  CHECK(has(why, "a secret would be stored"));
  CHECK(has(
      thrown_by([&] {
        db.write([&](aft::transaction& tx) {
          tx.execute_each("insert into t (id, x) values ($1, $2)", std::vector<nested>{{1, rows}});
        });
      }),
      "a secret would be stored"));
  CHECK(count() == 0);
  db.write([&](aft::transaction& tx) {
    tx.execute("insert into t (id, x) values ($1, $2)", 1, rows[0].x.text());
  });
  const auto read = db.read([](aft::reader& r) { return r.one<row>("select id, x from t"); });
  CHECK(read.x.text() == "hunter2");
}

TEST_CASE_FIXTURE(with_table, "a transaction returns a value, and sees what it wrote") {
  const auto id = db.write([](aft::transaction& tx) {
    tx.execute("insert into t (x) values ($1)", "a");
    CHECK(tx.one<int>("select count(*) from t") == 1);
    return tx.one<std::int64_t>("insert into t (x) values ($1) returning id", "b");
  });
  CHECK(id == 2);
  CHECK(count() == 2);
}

TEST_CASE_FIXTURE(with_table, "execute tells how many rows it changed") {
  db.write([](aft::transaction& tx) {
    CHECK(tx.execute("insert into t (x) values ('a'), ('b'), ('c')") == 3);
    CHECK(tx.execute("update t set x = x || '!' where x <> 'a'") == 2);
    CHECK(tx.execute("insert into t (x) values ('a') on conflict do nothing") == 0);
    CHECK(tx.execute("delete from t where x = 'nothing'") == 0);
    CHECK(tx.execute("create table other (x text)") == 0);
    CHECK(tx.execute("delete from t") == 3);
  });
}

TEST_CASE_FIXTURE(with_table, "what the schema refuses is a constraint_error of its kind") {
  auto kind = [&](auto f) {
    try {
      db.write(f);
    } catch (const aft::constraint_error& e) {
      CHECK(e.fault() == aft::storage_fault::constraint);
      return e.kind();
    }
    FAIL("nothing was thrown");
    return aft::constraint_kind::other;
  };
  db.write([](aft::transaction& tx) { tx.execute("insert into t (x) values ('a')"); });
  CHECK(kind([](aft::transaction& tx) { tx.execute("insert into t (x) values ('a')"); }) ==
        aft::constraint_kind::unique);
  CHECK(kind([](aft::transaction& tx) { tx.execute("insert into t (x) values (null)"); }) ==
        aft::constraint_kind::not_null);
  CHECK(kind([](aft::transaction& tx) { tx.execute("insert into child values (99)"); }) ==
        aft::constraint_kind::foreign_key);
}

TEST_CASE_FIXTURE(with_table, "a statement that fails can be caught, and the rest kept") {
  db.write([](aft::transaction& tx) {
    tx.execute("insert into t (x) values ('a')");
    CHECK_THROWS_AS(tx.execute("insert into t (x) values ('a')"), aft::constraint_error);
    tx.execute("insert into t (x) values ('b')");
  });
  CHECK(count() == 2);
}

TEST_CASE_FIXTURE(with_table, "a transaction inside a transaction fails at once, and says why") {
  db.write([&](aft::transaction&) {
    try {
      db.write([](aft::transaction&) {});
      FAIL("it ran");
    } catch (const aft::storage_error& e) {
      CHECK(e.fault() == aft::storage_fault::misuse);
      CHECK(std::string(e.what()).find("inside a transaction") != std::string::npos);
    }
  });
}

TEST_CASE_FIXTURE(with_table, "of many transactions at once, those that throw are undone alone") {
  std::atomic<int> failed{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 50; ++i) {
        const auto x = std::to_string(t) + "/" + std::to_string(i);
        try {
          db.write([&](aft::transaction& tx) {
            tx.execute("insert into t (x) values ($1)", x);
            if (i % 3 == 0) throw std::runtime_error("undo");
            if (i % 7 == 1) tx.execute("insert into child values (99999)");  // fails at its end
          });
        } catch (const std::runtime_error&) {
          ++failed;
        }
      }
    });
  }
  for (auto& t : threads) t.join();
  CHECK(failed > 8 * 50 / 3);
  CHECK(count() == 8 * 50 - failed);
  db.read([](aft::reader& r) { CHECK(r.one<int>("select count(*) from child") == 0); });
}

TEST_CASE_FIXTURE(with_table, "those who listen hear of commits, not of what was undone") {
  int heard = 0, other = 0;
  const auto listener = db.listen("t", [&] { ++heard; });
  db.listen("other", [&] { ++other; });
  auto write = [&](bool fail) {
    db.write([&](aft::transaction& tx) {
      tx.notify("t");
      tx.notify("t");
      if (fail) throw std::runtime_error("undo");
    });
  };
  write(false);
  CHECK(heard == 1);
  CHECK_THROWS(write(true));
  CHECK(heard == 1);
  db.unlisten(listener);
  write(false);
  CHECK(heard == 1);
  CHECK(other == 0);
}

TEST_CASE_FIXTURE(with_table, "the time is the clock's") {
  const auto now = time.now();
  db.write([&](aft::transaction& tx) { CHECK(tx.now() == now); });
  time.advance(aft::days(1));
  db.read([&](aft::reader& r) { CHECK(r.now() == now + aft::days(1)); });
}

TEST_CASE_FIXTURE(with_table, "a part that throws is undone alone, and its notes are not heard") {
  int heard = 0;
  db.listen("part", [&] { ++heard; });
  db.listen("whole", [&] { ++heard; });
  db.write([](aft::transaction& tx) {
    tx.notify("whole");
    tx.execute("insert into t (x) values ('before')");
    CHECK_THROWS_AS(tx.savepoint([&] {
      tx.notify("part");
      tx.execute("insert into t (x) values ('undone')");
      CHECK(tx.savepoint([&] { return tx.execute("insert into t (x) values ('inner')"); }) == 1);
      tx.execute("insert into t (x) values ('before')");
    }),
                    aft::constraint_error);
    CHECK(tx.all<std::string>("select x from t") == std::vector<std::string>{"before"});
    tx.savepoint([&] {
      tx.execute("insert into t (x) values ('outer')");
      CHECK_THROWS_AS(tx.savepoint([&] {
        tx.execute("insert into t (x) values ('inner')");
        throw std::logic_error("no");
      }),
                      std::logic_error);
    });
  });
  CHECK(heard == 1);
  db.read([](aft::reader& r) {
    CHECK(r.all<std::string>("select x from t order by id") ==
          std::vector<std::string>{"before", "outer"});
  });
}

TEST_CASE_FIXTURE(with_table, "a part goes with the transaction that it is in") {
  CHECK_THROWS_AS(db.write([](aft::transaction& tx) {
    tx.savepoint([&] { tx.execute("insert into t (x) values ('a')"); });
    throw std::logic_error("no");
  }),
                  std::logic_error);
  CHECK(count() == 0);
}

TEST_CASE_FIXTURE(with_table, "one statement is run for each row of a range") {
  struct row {
    std::int64_t id;
    std::string x;
  };
  db.write([](aft::transaction& tx) {
    const std::vector<row> rows{{10, "a"}, {11, "b"}, {12, "c"}};
    CHECK(tx.execute_each("insert into t (id, x) values ($1, $2)", rows) == 3);
    const std::array<std::pair<std::string, int>, 2> pairs{{{"B", 11}, {"nothing", 99}}};
    CHECK(tx.execute_each("update t set x = $1 where id = $2", pairs) == 1);
    CHECK(tx.execute_each("delete from t where id = $1", std::vector<int>{10, 12, 13}) == 2);
    CHECK(tx.execute_each("delete from t where id = $1", std::vector<int>()) == 0);
    CHECK(tx.one<std::string>("select x from t") == "B");
  });
}

TEST_CASE_FIXTURE(with_table,
                  "of the rows of a range, one that is refused is told, and a part undoes all") {
  db.write([](aft::transaction& tx) {
    const std::vector<std::string> xs{"a", "b", "a"};
    CHECK_THROWS_AS(tx.savepoint([&] { tx.execute_each("insert into t (x) values ($1)", xs); }),
                    aft::constraint_error);
    CHECK(tx.one<int>("select count(*) from t") == 0);
  });
}

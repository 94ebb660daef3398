// What only PostgreSQL has. The other tests of this folder run on both engines.

#include <aft/storage/database.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <stdexcept>
#include <thread>

#include <doctest/doctest.h>

#include "../postgres_proxy.hpp"
#include "ground/coarse_clock.hpp"
#include "storage/database.hpp"
#include "storage_fixture.hpp"

namespace {

template <class F>
aft::storage_fault fault_of(F&& f) {
  try {
    f();
  } catch (const aft::storage_error& e) {
    return e.fault();
  }
  FAIL("nothing was thrown");
  return aft::storage_fault::other;
}

// Until it is so, or it is clear that it will never be.
template <class F>
bool soon(F&& is_so) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!is_so()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

enum class colour { red, green };

struct every_kind {
  bool flag;
  std::int16_t small;
  int plain;
  std::int64_t big;
  float narrow;
  double wide;
  std::string letters;
  std::string id;
  std::vector<std::byte> blob;
  std::map<std::string, int> document;
  aft::raw_json other_document;
  aft::time_point moment;
  aft::time_point naive;
  aft::time_point day;
  colour paint;
  friend bool operator==(const every_kind&, const every_kind&) = default;
};

struct with_counter : storage_fixture {
  with_counter() { schema("create table t (id integer primary key, x integer not null)"); }
  std::int64_t sum(aft::database& of) {
    return of.read(
        [](aft::reader& r) { return r.one<std::int64_t>("select coalesce(sum(x), 0) from t"); });
  }
};

}  // namespace

#define POSTGRES_TEST(name) \
  TEST_CASE_FIXTURE(with_counter, "PostgreSQL: " name* doctest::skip(!on_postgres()))

POSTGRES_TEST("every type of column is read, in a binary result and in one of text") {
  db.write([](aft::transaction& tx) {
    tx.execute(
        "create table every (flag bool, small int2, plain int4, big int8, narrow float4, wide "
        "float8, letters varchar(20), id uuid, blob bytea, document jsonb, other_document json, "
        "moment timestamptz, naive timestamp, day date, paint text)");
  });
  const auto moment = aft::time_point(aft::microseconds(1'769'860'800'250'001));
  const auto day = aft::time_point(aft::seconds(1'769'817'600));
  const every_kind in{true,
                      -32768,
                      -7,
                      INT64_MIN,
                      0.1f,
                      -1e300,
                      "Ünï",
                      "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
                      {std::byte(0), std::byte(0x5c), std::byte(0xff)},
                      {{"x", 1}},
                      {"{\"y\":[1,2]}"},
                      moment,
                      aft::time_point(aft::microseconds(-1)),
                      day,
                      colour::green};
  db.write([&](aft::transaction& tx) {
    tx.execute("insert into every values ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15)",
               in.flag, in.small, in.plain, in.big, in.narrow, in.wide, in.letters, in.id, in.blob,
               in.document, in.other_document, in.moment, in.naive, in.day, in.paint);
  });
  db.read([&](aft::reader& r) {
    CHECK(r.one<every_kind>("select * from every") == in);
    // An interval is not read in binary, so that all columns come as text.
    CHECK(r.one<every_kind>("select *, interval '1 hour' as length from every") == in);
    CHECK(r.one<std::string>("select interval '1 hour'") == "01:00:00");
  });
}

POSTGRES_TEST("numbers are read where they fit, and refused by name where they do not") {
  db.read([](aft::reader& r) {
    CHECK(r.one<std::int64_t>("select 12345678901::numeric") == 12345678901);
    CHECK(r.one<std::string>("select 1.10::numeric") == "1.10");
    CHECK(r.one<double>("select 1.25::numeric") == 1.25);
    CHECK(r.one<double>("select 3") == 3.0);
    CHECK(has(thrown_by([&] { r.one<int>("select 1.5::numeric as n"); }),
              "column n holds a number where the field is an integer"));
    CHECK(has(thrown_by([&] { r.one<std::int8_t>("select 300 as n"); }),
              "column n must be an integer from -128 to 127, not 300"));
    CHECK(has(thrown_by([&] { r.one<int>("select true as n"); }), "column n holds a boolean"));
    CHECK(has(thrown_by([&] { r.one<aft::time_point>("select 'infinity'::timestamptz as n"); }),
              "column n holds infinity"));
    CHECK(has(thrown_by([&] { r.one<int>("select 1 where 1::int2 = $1", 70'000); }),
              "$1 is 70000, out of range, where the statement takes a smallint"));
    CHECK(has(thrown_by([&] { r.one<int>("select 1 where now() = $1", 5); }),
              "$1 is an integer where the statement takes a timestamptz"));
    CHECK(r.one<int>("select 5 - 2") == 3);  // the view is as good as before
  });
}

POSTGRES_TEST("a time is kept in bigint, timestamptz, timestamp and date") {
  const auto now = time.now() + aft::microseconds(1);
  db.read([&](aft::reader& r) {
    CHECK(r.one<aft::time_point>("select $1::bigint", now) == now);
    CHECK(r.one<aft::time_point>("select $1::timestamptz", now) == now);
    CHECK(r.one<aft::time_point>("select $1::timestamp", now) == now);
    CHECK(r.one<aft::time_point>("select $1::date", now) ==
          aft::time_point(aft::days(now.since_1970().in_seconds() / 86'400)));
    CHECK(r.one<aft::time_point>("select $1::timestamptz",
                                 aft::time_point(aft::seconds(-62'135'596'800))) ==
          aft::time_point(aft::seconds(-62'135'596'800)));
  });
}

POSTGRES_TEST("the password and the server's name stand in no error") {
  const std::string secret = "s3cr3t%21";
  for (const auto& place :
       {"postgresql://user:" + secret + "@/name?host=/nowhere/at/all",
        "postgresql://user:" + secret + "@nowhere.invalid/name",
        "postgresql://user:" + secret + "@/na%me", "postgresql://us:" + secret + "@[::1/name",
        "postgresql://user:" + secret + "@127.0.0.1:1/name?connect_timeout=2&what=ever"}) {
    const auto why = thrown_by([&] { aft::database other(place, {}, log, time); });
    CAPTURE(why);
    CHECK(!has(why, "s3cr3t"));
    CHECK(!has(why, "nowhere"));
    CHECK(has(why, "PostgreSQL"));
  }
}

POSTGRES_TEST("a connection that died while idle is replaced unnoticed") {
  CHECK(sum(db) == 0);
  db.write([](aft::transaction& tx) { tx.execute("insert into t (x) values (1)"); });
  REQUIRE(postgres_server::shared().end_connections() > 0);
  CHECK(sum(db) == 1);
  db.write([](aft::transaction& tx) { tx.execute("insert into t (x) values (2)"); });
  CHECK(sum(db) == 3);
}

POSTGRES_TEST("the server may be restarted between transactions") {
  db.write([](aft::transaction& tx) { tx.execute("insert into t (x) values (1)"); });
  CHECK(sum(db) == 1);
  auto& server = postgres_server::shared();
  server.stop();
  CHECK(fault_of([&] { sum(db); }) == aft::storage_fault::unavailable);
  CHECK(fault_of([&] { db.write([](aft::transaction& tx) { tx.execute("delete from t"); }); }) ==
        aft::storage_fault::unavailable);
  server.start();
  CHECK(sum(db) == 1);
  db.write([](aft::transaction& tx) { tx.execute("insert into t (x) values (2)"); });
  CHECK(sum(db) == 3);
}

POSTGRES_TEST("a view whose connection is lost fails, and the next is well") {
  db.read([&](aft::reader& r) {
    CHECK(r.one<int>("select count(*) from t") == 0);
    postgres_server::shared().end_connections();
    const auto read = [&] { r.one<int>("select count(*) from t"); };
    CHECK(fault_of(read) == aft::storage_fault::unavailable);
    CHECK(fault_of(read) == aft::storage_fault::unavailable);  // never another view instead
  });
  CHECK(sum(db) == 0);
}

POSTGRES_TEST("a transaction whose connection is lost before the commit is run again") {
  int runs = 0;
  db.write([&](aft::transaction& tx) {
    tx.execute("insert into t (x) values (1)");
    if (++runs == 1) postgres_server::shared().end_connections();
    tx.execute("insert into t (x) values (10)");
  });
  CHECK(runs == 2);
  CHECK(sum(db) == 11);
}

POSTGRES_TEST("a commit that was cut off says that it may have been made") {
  CHECK(fault_of([&] {
          db.write([](aft::transaction& tx) {
            tx.execute("insert into t (x) values (1)");
            postgres_server::shared().end_connections();
          });
        }) == aft::storage_fault::in_doubt);
  const auto after = sum(db);
  CHECK((after == 0 || after == 1));
}

POSTGRES_TEST("transactions in each other's way are run again until all are in") {
  db.write([](aft::transaction& tx) { tx.execute("insert into t (id, x) values (1, 0)"); });
  std::atomic<int> runs{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int k = 0; k < 10;) {
        try {
          db.write([&](aft::transaction& tx) {
            ++runs;
            const auto x = tx.one<std::int64_t>("select x from t where id = 1");
            tx.execute("update t set x = $1 where id = 1", x + 1);
          });
          ++k;
        } catch (const aft::storage_error& e) {
          CHECK(e.fault() == aft::storage_fault::busy);  // ten attempts may not be enough
        }
      }
    });
  }
  for (auto& t : threads) t.join();
  CHECK(sum(db) == 40);
  CHECK(runs >= 40);
}

POSTGRES_TEST("what two transactions may not both do is done by one: they are serializable") {
  // Each sees that nobody else is on call, and goes: write skew, which lesser isolation lets pass.
  db.write([](aft::transaction& tx) { tx.execute("insert into t (id, x) values (1, 1), (2, 1)"); });
  std::atomic<int> looking{0};
  std::vector<std::thread> threads;
  for (int id = 1; id <= 2; ++id) {
    threads.emplace_back([&, id] {
      bool first = true;
      db.write([&](aft::transaction& tx) {
        const auto on_call = tx.one<int>("select count(*) from t where x = 1");
        if (first) {
          first = false;
          ++looking;
          while (looking < 2) std::this_thread::yield();
        }
        if (on_call > 1) tx.execute("update t set x = 0 where id = $1", id);
      });
    });
  }
  for (auto& t : threads) t.join();
  CHECK(sum(db) == 1);
}

POSTGRES_TEST("a unit that may not run again fails as busy, and its exception is not believed") {
  struct unit final : aft::storage::unit, aft::waker {
    bool run(aft::transaction& tx) override {
      ++runs;
      tx.execute("insert into t (x) values (1)");
      postgres_server::shared().end_connections();
      try {
        tx.execute("insert into t (x) values (1)");
      } catch (const aft::storage_error&) {}  // as a handler's failure becomes an answer
      return true;
    }
    aft::waker* done(std::exception_ptr why) noexcept override {
      failure = std::move(why);
      return this;
    }
    void wake() noexcept override { finished = true; }
    int runs = 0;
    std::exception_ptr failure;
    std::atomic<bool> finished{false};
  } u;
  REQUIRE(db.inside().submit(u));
  REQUIRE(soon([&] { return u.finished.load(); }));
  CHECK(u.runs == 1);
  CHECK(fault_of([&] { std::rethrow_exception(u.failure); }) == aft::storage_fault::unavailable);
  CHECK(sum(db) == 0);
}

POSTGRES_TEST("who finds all connections taken waits for busy_timeout") {
  aft::database small(url, {.busy_timeout = aft::milliseconds(20), .max_readers = 1}, log, time);
  small.read([&](aft::reader& r) {
    CHECK(r.one<int>("select 1") == 1);
    CHECK(fault_of([&] { sum(small); }) == aft::storage_fault::busy);
  });
  CHECK(sum(small) == 0);
}

POSTGRES_TEST("a lock that another holds is waited for no longer than busy_timeout") {
  db.write([](aft::transaction& tx) { tx.execute("insert into t (id, x) values (1, 0)"); });
  aft::database hasty(url, {.busy_timeout = aft::milliseconds(20)}, log, time);
  db.write([&](aft::transaction& tx) {
    tx.execute("update t set x = 1");
    std::thread([&] {
      CHECK(fault_of([&] {
              hasty.write([](aft::transaction& other) { other.execute("update t set x = 2"); });
            }) == aft::storage_fault::busy);
    }).join();
  });
  CHECK(sum(db) == 1);
}

POSTGRES_TEST("a deadline stops a statement on the server") {
  auto& engine = db.inside().engine();
  auto* reading = engine.take();
  auto& r = reading->begin({aft::detail::coarse_milliseconds() + 100, nullptr});
  CHECK(fault_of([&] { r.find<std::string>("select pg_sleep(300)::text"); }) ==
        aft::storage_fault::late);
  CHECK(fault_of([&] { r.find<int>("select 1"); }) == aft::storage_fault::late);
  reading->end();
  CHECK(reading->begin().one<int>("select 1") == 1);
  reading->end();
  engine.give_back(reading);
  CHECK(postgres_server::shared().execute(
            "select count(*) from pg_stat_activity where state = 'active' and query like "
            "'select pg_sleep%'") == "0");
}

POSTGRES_TEST("what fails in a later row is thrown after the rows before it") {
  db.write([](aft::transaction& tx) {
    int seen = 0;
    const auto why = thrown_by([&] {
      tx.each<int>("select 1000 / (500 - n) from generate_series(1, 1000) n", [&](int) { ++seen; });
    });
    CHECK(has(why, "division by zero (in: select 1000"));
    CHECK(seen >= 1);
    CHECK(seen < 500);
    tx.execute("insert into t (x) values (1)");  // the statement has failed alone
  });
  CHECK(sum(db) == 1);
}

POSTGRES_TEST("rows that are read are of one moment, whatever is written meanwhile") {
  db.write([](aft::transaction& tx) {
    tx.execute("insert into t (x) select generate_series(1, 1000)");
    int rows = 0;
    tx.each<std::int64_t>("select id from t order by id", [&](std::int64_t id) {
      ++rows;
      tx.execute("delete from t where id = $1", 1001 - id);
      tx.execute("insert into t (x) values (0)");
    });
    CHECK(rows == 1000);
  });
  CHECK(sum(db) == 0);
}

POSTGRES_TEST("rows of what writes are given one by one, too") {
  db.write([](aft::transaction& tx) {
    tx.execute("insert into t (x) select generate_series(1, 100)");
    int rows = 0;
    tx.each<int>("delete from t where x <= $1 returning x", 50, [&](int) { return ++rows < 3; });
    CHECK(rows == 3);
    CHECK(tx.one<int>("select count(*) from t") == 50);
    rows = 0;
    tx.each<int>("with gone as (delete from t returning x) select x from gone",
                 [&](int) { ++rows; });
    CHECK(rows == 50);
    CHECK(tx.one<int>("select count(*) from t") == 0);
  });
}

POSTGRES_TEST("parts may be undone while rows are read, and with them those who read in them") {
  db.write([](aft::transaction& tx) {
    tx.execute("insert into t (x) select generate_series(1, 100)");
    int rows = 0;
    tx.each<int>("select x from t", [&](int) {
      ++rows;
      CHECK_THROWS_AS(tx.savepoint([&] {
        tx.execute("update t set x = 0");
        tx.each<int>("select x from t", [](int) { return false; });
        tx.each<int>("select x from t", [](int) { throw std::logic_error("undo"); });
      }),
                      std::logic_error);
    });
    CHECK(rows == 100);
  });
  CHECK(sum(db) == 5050);
}

POSTGRES_TEST("a connection that is lost while rows are read ends the reading") {
  int seen = 0;
  CHECK(fault_of([&] {
          db.read([&](aft::reader& r) {
            r.each<int>("select generate_series(1, 10000)", [&](int) {
              if (++seen == 5) postgres_server::shared().end_connections();
            });
          });
        }) == aft::storage_fault::unavailable);
  CHECK(seen >= 5);
  CHECK(seen < 10'000);
  CHECK(sum(db) == 0);
}

POSTGRES_TEST("a deadline ends the reading of rows that never end") {
  auto& engine = db.inside().engine();
  auto* reading = engine.take();
  auto& r = reading->begin({aft::detail::coarse_milliseconds() + 200, nullptr});
  std::int64_t seen = 0;
  CHECK(fault_of([&] {
          r.each<int>(
              "with recursive n (i) as (select 1 union all select i from n) select i from n",
              [&](int) { ++seen; });
        }) == aft::storage_fault::late);
  reading->end();
  CHECK(reading->begin().one<int>("select 1") == 1);
  reading->end();
  engine.give_back(reading);
}

POSTGRES_TEST("rows are read by the columns that a table has now") {
  const auto names = [&] {
    struct row {
      std::int64_t x;
    };
    std::int64_t sum = 0;
    db.read([&](aft::reader& r) {
      r.each<row>("select * from t", [&](const row& at) { sum += at.x; });
    });
    return sum;
  };
  db.write([](aft::transaction& tx) {
    tx.execute("alter table t add column y text");
    tx.execute("insert into t (x, y) values (7, 'a')");
  });
  CHECK(names() == 7);
  db.write([](aft::transaction& tx) {
    tx.execute("alter table t drop column x");
    tx.execute("alter table t add column x bigint not null default 9");
    tx.execute("alter table t add column z interval");  // which is not read in binary
  });
  CHECK(names() == 9);
}

POSTGRES_TEST("many rows are written in few round trips") {
  postgres_proxy between(postgres_server::shared());
  aft::database far(between.url(url), {.max_writers = 1}, log, time);
  std::vector<std::int64_t> xs(2500, 2);
  xs[0] = 1;
  const auto round_trips = [&](auto&& of) {
    const int before = between.round_trips();
    far.write(of);
    return between.round_trips() - before;
  };
  const auto insert_all = [&](aft::transaction& tx) {
    CHECK(tx.execute_each("insert into t (x) values ($1)", xs) == 2500);
  };
  round_trips(insert_all);  // prepares
  CHECK(round_trips(insert_all) <= 5);
  CHECK(sum(db) == 2 * 4999);
  CHECK(round_trips([&](aft::transaction& tx) {
          for (int i = 0; i < 100; ++i) tx.execute("insert into t (x) values ($1)", i);
        }) >= 100);  // so that the above says something
}

POSTGRES_TEST("a row that fails says which it was, and is undone alone") {
  struct row {
    std::int64_t id;
    std::int64_t x;
  };
  std::vector<row> rows;
  for (int i = 1; i <= 3000; ++i) rows.push_back({i, 1});
  rows[1234].id = 7;  // which is there by then
  const auto insert_all = [&](aft::transaction& tx) {
    const auto why =
        thrown_by([&] { tx.execute_each("insert into t (id, x) values ($1, $2)", rows); });
    CHECK(has(why, "duplicate key"));
    CHECK(has(why, "(in: row 1235 of: insert into t"));
    CHECK(tx.one<int>("select count(*) from t") == 1234);
  };
  db.write(insert_all);
  CHECK(sum(db) == 1234);
  rows[1234].id = 1235;
  db.write([](aft::transaction& tx) { tx.execute("delete from t"); });

  rows[3].id = 2;  // in what begins the transaction
  db.write([&](aft::transaction& tx) {
    CHECK(has(thrown_by([&] { tx.execute_each("insert into t (id, x) values ($1, $2)", rows); }),
              "row 4 of"));
    CHECK(tx.one<int>("select count(*) from t") == 3);
    tx.execute("insert into t (id, x) values (50, 1)");
  });
  CHECK(sum(db) == 4);
}

POSTGRES_TEST("a row that cannot be sent is named, and those before it are written") {
  db.write([](aft::transaction& tx) { tx.execute("create table small (x smallint)"); });
  db.write([](aft::transaction& tx) {
    const std::vector<int> xs{1, 2, 70'000, 4};
    const auto why = thrown_by([&] { tx.execute_each("insert into small values ($1)", xs); });
    CHECK(has(why, "$1 is 70000, out of range"));
    CHECK(has(why, "(in: row 3 of: insert into small"));
    CHECK(tx.all<int>("select x from small order by x") == std::vector<int>{1, 2});
  });
}

POSTGRES_TEST("without savepoints a row that fails takes its transaction with it") {
  aft::database strict(url, {.statements_fail_alone = false}, log, time);
  CHECK_THROWS_AS(strict.write([](aft::transaction& tx) {
    tx.execute("insert into t (id, x) values (1, 1)");
    CHECK_THROWS_AS(tx.execute_each("insert into t (id, x) values ($1, 1)", std::vector<int>{2, 1}),
                    aft::constraint_error);
    CHECK_THROWS_AS(tx.execute("insert into t (id, x) values (3, 1)"), aft::storage_error);
  }),
                  aft::storage_error);
  CHECK(sum(db) == 0);
}

POSTGRES_TEST("rows of any size are written at once") {
  db.write([](aft::transaction& tx) { tx.execute("create table wide (x text)"); });
  const std::vector<std::string> rows(200, std::string(100'000, 'x'));
  db.write([&](aft::transaction& tx) {
    CHECK(tx.execute_each("insert into wide values ($1)", rows) == 200);
    // Whose answers are as long.
    CHECK(tx.execute_each("insert into wide values ($1) returning x", rows) == 200);
    CHECK(tx.one<std::int64_t>("select sum(length(x)) from wide") == 40'000'000);
  });
}

POSTGRES_TEST("a table that changes between two batches is no matter") {
  const auto insert = [&](int from) {
    db.write([&](aft::transaction& tx) {
      const std::vector<int> xs{from, from + 1};
      CHECK(tx.execute_each("insert into t (x) values ($1) returning *", xs) == 2);
    });
  };
  insert(1);
  db.write([](aft::transaction& tx) { tx.execute("alter table t add column y text"); });
  insert(3);
  CHECK(sum(db) == 10);
}

POSTGRES_TEST("a query alone takes one round trip") {
  postgres_proxy between(postgres_server::shared());
  aft::database far(between.url(url), {.max_readers = 1}, log, time);
  const auto count = [&] { return far.one<int>("select count(*) from t"); };
  CHECK(count() == 0);  // prepares
  const int before = between.round_trips();
  for (int i = 0; i < 10; ++i) CHECK(count() == 0);
  CHECK(between.round_trips() - before == 10);
  postgres_server::shared().end_connections();
  CHECK(count() == 0);  // which is not noticed
  CHECK(sum(far) == 0);
}

POSTGRES_TEST("a query alone follows a view that was read row by row") {
  aft::database one(url, {.max_readers = 1}, log, time);
  for (int i = 0; i < 2; ++i) {
    int rows = 0;
    one.read([&](aft::reader& r) {
      r.each<int>("select generate_series(1, 100)", [&](int) { ++rows; });
    });
    CHECK(rows == 100);
    CHECK(one.one<int>("select 1") == 1);
  }
}

POSTGRES_TEST("other processes hear of commits") {
  aft::database other(url, {}, log, time);  // as good as another process: it shares nothing
  std::atomic<int> heard{0}, own{0};
  other.listen("t", [&] { ++heard; });
  db.listen("t", [&] { ++own; });
  db.write([](aft::transaction& tx) { tx.notify("t"); });
  CHECK(own == 1);
  CHECK(soon([&] { return heard == 1; }));
  CHECK_THROWS(db.write([](aft::transaction& tx) {
    tx.execute("insert into t (x) values (1)");
    tx.notify("t");
    throw std::runtime_error("undo");
  }));
  db.write([](aft::transaction& tx) {
    tx.execute("insert into t (x) values (1)");
    tx.notify("t");
    tx.notify("nobody");
  });
  CHECK(soon([&] { return heard == 2; }));
  CHECK(own == 2);
}

POSTGRES_TEST("who listens is told when the server was away, and hears on") {
  aft::database other(url, {}, log, time);
  std::atomic<int> heard{0};
  other.listen("t", [&] { ++heard; });
  postgres_server::shared().end_connections("query = 'listen aft'");
  CHECK(soon([&] { return heard >= 1; }));  // it may have missed something
  const int before = heard;
  db.write([](aft::transaction& tx) { tx.notify("t"); });
  CHECK(soon([&] { return heard > before; }));
}

POSTGRES_TEST("a statement goes on after its tables have changed") {
  const auto read = [&] {
    struct row {
      std::int64_t x;
    };
    return db.read([](aft::reader& r) { return r.all<row>("select * from t").size(); });
  };
  CHECK(read() == 0);
  db.write([](aft::transaction& tx) { tx.execute("alter table t add column y text"); });
  CHECK(read() == 0);
  db.write([](aft::transaction& tx) {
    tx.execute("insert into t (x) values (1)");
    CHECK(tx.one<std::int64_t>("select x from t") == 1);
    tx.execute("alter table t alter column x type int");
    CHECK(tx.one<std::int64_t>("select x from t") == 1);
  });
}

POSTGRES_TEST("without savepoints a statement that fails takes its transaction with it") {
  aft::database strict(url, {.statements_fail_alone = false}, log, time);
  CHECK_THROWS_AS(strict.write([](aft::transaction& tx) {
    tx.execute("insert into t (id, x) values (1, 1)");
    CHECK_THROWS_AS(tx.execute("insert into t (id, x) values (1, 1)"), aft::constraint_error);
    CHECK_THROWS_AS(tx.execute("insert into t (id, x) values (2, 1)"), aft::storage_error);
  }),
                  aft::storage_error);
  CHECK(sum(db) == 0);
}

POSTGRES_TEST("a transaction cannot be ended by a statement of it") {
  const auto roll_back = [](aft::transaction& tx) {
    aft::storage_access::connection_of(tx).execute("rollback", {});
  };
  CHECK(has(thrown_by([&] {
              db.write([&](aft::transaction& tx) {
                tx.execute("insert into t (x) values (1)");
                CHECK_THROWS_AS(roll_back(tx), aft::storage_error);
              });
            }),
            "a statement ended its transaction (in: rollback)"));
  CHECK(has(thrown_by([&] { db.write(roll_back); }),
            "a statement ended its transaction (in: rollback)"));
  CHECK(sum(db) == 0);
  db.write([](aft::transaction& tx) { tx.execute("insert into t (x) values (4)"); });
  CHECK(sum(db) == 4);
}

POSTGRES_TEST("of many that start at once, one migrates") {
  const auto place = new_url();
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      aft::database own(place, {}, log, time);
      own.migrate("host", {{"001", "create table one (x int); select pg_sleep(0.01)"},
                           {"002", "insert into one values (1)"}});
    });
  }
  for (auto& t : threads) t.join();
  aft::database own(place, {}, log, time);
  CHECK(own.read([](aft::reader& r) { return r.one<int>("select count(*) from one"); }) == 1);
}

#include <aft/storage/shared_cache.hpp>

#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>

#include <doctest/doctest.h>

#include "storage_fixture.hpp"

namespace {

template <class F>
bool comes_true(F&& is_so) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!is_so()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

struct with_cache : storage_fixture {
  with_cache() {
    schema("create table person (name text not null, age integer not null)");
    db.write([](aft::transaction& tx) {
      tx.execute("insert into person values ('Ada', 36), ('Bob', 1)");
    });
  }

  int age(aft::shared_cache<int>& cache, aft::database& of, const std::string& name) {
    const auto load = [&] {
      return of.read([&](aft::reader& r) {
        return r.one<int>("select age from person where name = $1", name);
      });
    };
    return cache.get("age of " + name, load, {"person " + name});
  }
  aft::shared_cache<int> ages{"ages", db};
};

// Two processes, as far as PostgreSQL can tell.
struct with_two : with_cache {
  aft::database other{url, {}, log, time};
  aft::shared_cache<int> ages_there{"ages", other};
  aft::shared_cache<int> heights_there{"heights", other};

  void fill_there() {
    CHECK(age(ages_there, other, "Ada") == 36);
    CHECK(age(ages_there, other, "Bob") == 1);
    heights_there.get("age of Ada", [] { return 170; });
  }
};

}  // namespace

TEST_CASE_FIXTURE(with_cache, "what a transaction drops is gone when it is committed, not before") {
  CHECK(age(ages, db, "Ada") == 36);
  CHECK(age(ages, db, "Bob") == 1);
  db.write([&](aft::transaction& tx) {
    tx.execute("update person set age = 37 where name = 'Ada'");
    ages.erase(tx, "age of Ada");
    CHECK(ages.find("age of Ada") == 36);
  });
  CHECK(!ages.find("age of Ada"));
  CHECK(ages.find("age of Bob") == 1);
  CHECK(age(ages, db, "Ada") == 37);
  db.write([&](aft::transaction& tx) { ages.erase_tag(tx, "person Bob"); });
  CHECK(!ages.find("age of Bob"));
  db.write([&](aft::transaction& tx) { ages.clear(tx); });
  CHECK(ages.size() == 0);
}

TEST_CASE_FIXTURE(with_cache, "what is undone drops nothing") {
  CHECK(age(ages, db, "Ada") == 36);
  CHECK_THROWS_AS(db.write([&](aft::transaction& tx) {
    ages.erase(tx, "age of Ada");
    throw std::logic_error("undo");
  }),
                  std::logic_error);
  db.write([&](aft::transaction& tx) {
    CHECK_THROWS_AS(tx.savepoint([&] {
      ages.clear(tx);
      throw std::logic_error("undo");
    }),
                    std::logic_error);
    tx.execute("insert into person values ('Cyd', 5)");
  });
  CHECK(ages.find("age of Ada") == 36);
}

TEST_CASE_FIXTURE(with_cache, "keys of any bytes and any length are dropped, and of any number") {
  const std::string odd("a\0\xff\n'", 5), longest(20'000, 'k');
  ages.get(odd, [] { return 1; });
  ages.get("other", [] { return 2; });
  db.write([&](aft::transaction& tx) { ages.erase(tx, odd); });
  CHECK(!ages.find(odd));
  CHECK(ages.find("other") == 2);
  ages.get(longest, [] { return 3; });
  db.write([&](aft::transaction& tx) { ages.erase(tx, longest); });
  CHECK(!ages.find(longest));
  ages.get("last", [] { return 4; });
  db.write([&](aft::transaction& tx) {
    for (int i = 0; i < 5000; ++i) ages.erase(tx, std::to_string(i));
    ages.erase(tx, "last");
  });
  CHECK(!ages.find("last"));
}

TEST_CASE_FIXTURE(with_two, "PostgreSQL: what is dropped here is dropped everywhere" *
                                doctest::skip(!on_postgres())) {
  fill_there();
  CHECK_THROWS_AS(db.write([&](aft::transaction& tx) {
    ages.clear(tx);
    throw std::logic_error("undo");
  }),
                  std::logic_error);
  db.write([&](aft::transaction& tx) {
    tx.execute("update person set age = 37 where name = 'Ada'");
    ages.erase_tag(tx, "person Ada");
  });
  CHECK(comes_true([&] { return !ages_there.find("age of Ada"); }));
  // Notices come in the order of the commits, so what was undone was not told.
  CHECK(ages_there.find("age of Bob") == 1);
  CHECK(heights_there.find("age of Ada") == 170);
  CHECK(age(ages_there, other, "Ada") == 37);
  db.write([&](aft::transaction& tx) { ages.erase(tx, "age of Bob"); });
  CHECK(comes_true([&] { return !ages_there.find("age of Bob"); }));
  CHECK(ages_there.find("age of Ada") == 37);
}

TEST_CASE_FIXTURE(with_two, "PostgreSQL: where notices may have been lost, everything is dropped" *
                                doctest::skip(!on_postgres())) {
  fill_there();
  postgres_server::shared().end_connections("query = 'listen aft'");
  CHECK(comes_true([&] { return ages_there.size() == 0 && heights_there.size() == 0; }));
  fill_there();
  db.write([&](aft::transaction& tx) { ages.erase(tx, "age of Ada"); });
  CHECK(comes_true([&] { return !ages_there.find("age of Ada"); }));
  CHECK(ages_there.find("age of Bob") == 1);
}

#include <aft/storage/migration.hpp>

#include <doctest/doctest.h>

#include <aft/ground/error.hpp>

#include "storage_fixture.hpp"

namespace {

using steps = std::vector<aft::migration>;

const auto a = step("001_a", "create table a (x integer) strict; insert into a values (1);");
const auto b = step("002_b", "create table b (x integer) strict;");

struct with_files : storage_fixture {
  std::string refused(const steps& s) {
    try {
      db.migrate("host", s);
    } catch (const aft::configuration_error& e) {
      return e.what();
    }
    return "it was applied";
  }
  int tables(const char* name) {
    return db.read([&](aft::reader& r) {
      if (!on_postgres()) {
        return r.one<int>("select count(*) from sqlite_schema where name = $1", name);
      }
      return r.one<int>(
          "select count(*) from pg_tables where schemaname = current_schema() and tablename = $1",
          name);
    });
  }
};

}  // namespace

TEST_CASE_FIXTURE(with_files, "each step is applied once, in order") {
  db.migrate("host", {a});
  db.migrate("host", {a, b});
  db.migrate("host", {a, b});
  CHECK(tables("b") == 1);
  db.read([](aft::reader& r) { CHECK(r.one<int>("select count(*) from a") == 1); });
}

TEST_CASE_FIXTURE(with_files, "an edited, moved, deleted or doubled step is refused by name") {
  db.migrate("host", {a, b});
  CHECK(has(refused({step("001_a", "create table a (y)"), b}), "001_a of host was edited"));
  CHECK(has(refused({b, a}), "another order: 001_a was applied where the program has 002_b"));
  CHECK(has(refused({a}), "002_b of host was applied"));
  CHECK(has(refused({a, {"0015", "select 1"}, b}), "another order"));
  CHECK(has(refused({a, b, b}), "two migrations are named 002_b"));
  CHECK(has(refused({a, b, {"", ""}}), "without a name"));
}

TEST_CASE_FIXTURE(with_files, "all or nothing: a step that fails leaves what was before it") {
  CHECK(has(refused({a, b, step("003", "create table c (x); nonsense;")}), "003 failed"));
  CHECK(tables("a") == 0);
  CHECK(tables("c") == 0);
  db.migrate("host", {a});
  CHECK(tables("a") == 1);
}

TEST_CASE_FIXTURE(with_files, "a step cannot leave its transaction") {
  CHECK(has(refused({step("001", "create table d (x); commit;")}), "ended the transaction"));
}

TEST_CASE_FIXTURE(with_files, "rows that refer to nothing are found") {
  CHECK(has(refused({step("001",
                          "create table p (id integer primary key); "
                          "create table q (p integer references p (id) deferrable initially "
                          "deferred); insert into q values (5);")}),
            "refer to"));
  CHECK(tables("p") == 0);
}

TEST_CASE_FIXTURE(with_files, "lines are apart") {
  db.migrate("host", {a});
  db.migrate("library", {step("001_a", "create table other (x)")});
  CHECK(tables("other") == 1);
}

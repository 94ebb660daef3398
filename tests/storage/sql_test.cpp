#include <aft/storage/sql.hpp>

#include <doctest/doctest.h>

#include "storage_fixture.hpp"

// What does not compile is tested in tests/refused.

TEST_CASE("parameters are counted outside quotes and comments") {
  using aft::detail::count_parameters;
  static_assert(count_parameters("select 1") == 0);
  static_assert(count_parameters("select $1, $2, $1") == 2);
  static_assert(count_parameters("select '$2' || $1 || \"$3\"") == 1);
  static_assert(count_parameters("select 'it''s $2' || $1") == 1);
  static_assert(count_parameters("select $1 -- $2\n + $2 /* $3 */") == 2);
  static_assert(count_parameters("select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11") == 11);
  CHECK(aft::sql<int>("select $1").text() == "select $1");
}

TEST_CASE_FIXTURE(storage_fixture, "parameters keep their numbers behind comments and quotes") {
  db.read([](aft::reader& r) {
    CHECK(r.one<int>("select 100 /* x */* $2 + $1", 1, 7) == 701);
    CHECK(r.one<int>("select 100 /* $9 */ * $2 -- $8 '\n + $1", 1, 7) == 701);
    CHECK(r.one<std::string>("select '$1' || $2 || $1", "a", "b") == "$1ba");
  });
}

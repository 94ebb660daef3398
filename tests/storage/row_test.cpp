#include <aft/storage/row.hpp>

#include <array>
#include <tuple>

#include <doctest/doctest.h>

#include "storage_fixture.hpp"

namespace {

struct with_rows : storage_fixture {
  with_rows() { schema("create table t (id integer primary key, x text, b blob) strict"); }
};

}  // namespace

TEST_CASE_FIXTURE(with_rows, "a tuple takes the columns by their position") {
  db.write([](aft::transaction& tx) { tx.execute("insert into t values (1, 'a', null)"); });
  db.read([](aft::reader& r) {
    using text = std::optional<std::string>;
    CHECK(r.one<std::tuple<int, text, text>>("select id, x, null from t") ==
          std::tuple<int, text, text>(1, "a", std::nullopt));
    CHECK(r.find<std::pair<std::string, int>>("select 'n', count(*) from t") ==
          std::pair<std::string, int>("n", 1));
    CHECK(r.all<std::array<int, 2>>("select 1, 2 union select 3, 4 order by 1") ==
          std::vector<std::array<int, 2>>{{1, 2}, {3, 4}});
  });
}

TEST_CASE_FIXTURE(with_rows,
                  "a tuple of another size than the row is an error, as is a wrong type") {
  db.read([](aft::reader& r) {
    using two = std::tuple<int, int>;
    CHECK(thrown_by([&] { r.all<two>("select 1, 2, 3"); }).find("3 columns for a tuple of 2") !=
          std::string::npos);
    CHECK(thrown_by([&] {
            r.all<two>("select 1 as a, 'x' as b");
          }).find("column b holds text where the field is an integer") != std::string::npos);
    // A single value is named, too, each time.
    for (int i = 0; i < 2; ++i) {
      CHECK(thrown_by([&] {
              r.all<int>("select 'x' as a_column_with_quite_a_long_name");
            }).find("column a_column_with_quite_a_long_name holds text") != std::string::npos);
    }
  });
}

namespace {
struct shape {
  std::string name;
  std::vector<int> sides;
  friend bool operator==(const shape&, const shape&) = default;
};
}  // namespace

TEST_CASE_FIXTURE(with_rows, "columns of bytes and of JSON come back as they went in") {
  const std::vector<std::byte> bytes{std::byte(0), std::byte(255), std::byte('\'')};
  const shape square{"square", {1, 1, 1, 1}};
  db.write([&](aft::transaction& tx) {
    tx.execute("insert into t (id, x, b) values (1, $1, $2)", square, bytes);
    tx.execute("insert into t (id, x, b) values (2, $1, $2)", aft::raw_json{"{\"any\":[null]}"},
               std::vector<std::byte>());
  });
  db.read([&](aft::reader& r) {
    struct row {
      shape x;
      std::vector<std::byte> b;
    };
    const auto first = r.one<row>("select x, b from t where id = 1");
    CHECK(first.x == square);
    CHECK(first.b == bytes);
    const auto second =
        r.one<std::tuple<aft::raw_json, std::vector<std::byte>>>("select x, b from t where id = 2");
    CHECK(std::get<0>(second).text == "{\"any\":[null]}");
    CHECK(std::get<1>(second).empty());
  });
}

#include <aft/ground/reflect.hpp>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <doctest/doctest.h>

namespace {

struct plain {
  int id;
  std::string title;
  std::optional<double> score;
};
struct nothing {};
struct one_struct {
  plain only;
};
struct no_default {
  explicit no_default(int) {}
};
struct holds_no_default {
  no_default first;
  int second;
};
struct move_only {
  std::unique_ptr<int> a;
  const int b = 3;
};
struct tree {
  std::string name;
  std::vector<tree> children;
};
struct wide {
  int a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, b0, b1, b2, b3, b4, b5, b6, b7, b8, b9, c0, c1, c2,
      c3, c4, c5, c6, c7, c8, c9, d0, d1, d2, d3, d4, d5, d6, d7, d8, d9, e0, e1, e2, e3, e4, e5,
      e6, e7, e8, e9, f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, g0, g1, g2, g3;
};
template <class T>
struct page {
  std::vector<T> items;
  int total;
};

enum class colour { red, green = 5, blue };
enum small : unsigned char { low, high };
enum class none {};

using namespace aft::reflect;

}  // namespace

TEST_CASE("fields are counted whatever their types") {
  CHECK(field_count<plain> == 3);
  CHECK(field_count<nothing> == 0);
  CHECK(field_count<one_struct> == 1);
  CHECK(field_count<holds_no_default> == 2);
  CHECK(field_count<move_only> == 2);
  CHECK(field_count<tree> == 2);
  CHECK(field_count<wide> == 64);
  CHECK(field_count<page<plain>> == 2);
}

TEST_CASE("fields have the names they are written with") {
  CHECK(field_names<plain>[0] == "id");
  CHECK(field_names<plain>[2] == "score");
  CHECK(field_names<tree>[1] == "children");
  CHECK(field_names<wide>[63] == "g3");
  CHECK(field_names<page<int>>[0] == "items");
}

TEST_CASE("a struct inside a function has its fields too") {
  struct local {
    int x;
    std::map<std::string, int> counts;
  };
  CHECK(field_count<local> == 2);
  CHECK(field_names<local>[1] == "counts");
}

TEST_CASE("a visitor gets the fields themselves") {
  plain p{1, "a", 2.5};
  visit_fields(p, [](int& id, std::string& title, std::optional<double>& score) {
    id = 7;
    title += "b";
    score.reset();
  });
  CHECK(p.id == 7);
  CHECK(p.title == "ab");
  CHECK(!p.score);
}

TEST_CASE("enumerators have their names and values") {
  using found = aft::reflect::detail::enumerators<colour>;
  CHECK(found::count == 3);
  CHECK(found::table.at[1].name == "green");
  CHECK(found::table.at[1].value == 5);
  CHECK(aft::reflect::detail::enumerators<small>::table.at[1].name == "high");
  CHECK(aft::reflect::detail::enumerators<none>::count == 0);
}

TEST_CASE("types have their names") {
  CHECK(unqualified("app::note") == "note");
  CHECK(unqualified("page<app::note>") == "page<app::note>");
  CHECK(unqualified(qualified_name<plain>) == "plain");
}

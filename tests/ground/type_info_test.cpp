#include <aft/ground/type_info.hpp>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <aft/ground/type.hpp>

namespace {

struct point {
  int x, y;
};

}  // namespace

TEST_CASE("bounds, patterns and checks restrict; what only the document shows does not") {
  CHECK_FALSE(aft::constraints{}.restricts());
  CHECK_FALSE(
      aft::constraints{.format = "uri", .description = "a link", .example = "x"}.restricts());
  CHECK(aft::constraints{.min_length = 1}.restricts());
  CHECK(aft::constraints{.max_length = 0}.restricts());
  CHECK(aft::constraints{.has_minimum = true}.restricts());
  CHECK(aft::constraints{.pattern = "a+"}.restricts());
  CHECK(aft::constraints{.check = [](std::string_view) { return true; }}.restricts());
}

TEST_CASE("values of containers are reached through their tables") {
  std::vector<point> points;
  const auto& list = aft::type_of<std::vector<point>>();
  CHECK(list.element == &aft::type_of<point>());
  static_cast<point*>(list.push(&points))->x = 5;
  CHECK(list.count(&points) == 1);
  CHECK(list.items(&points) == points.data());
  list.clear(&points);
  CHECK(points.empty());

  std::map<std::string, int> counts;
  const auto& map = aft::type_of<std::map<std::string, int>>();
  *static_cast<int*>(map.insert(&counts, "a")) = 7;
  CHECK(map.insert(&counts, "a") == nullptr);
  int sum = 0;
  map.each(&counts, &sum, [](void* to, std::string_view key, const void* value) {
    *static_cast<int*>(to) += int(key.size()) + *static_cast<const int*>(value);
  });
  CHECK(sum == 8);

  std::optional<int> maybe;
  const auto& optional = aft::type_of<std::optional<int>>();
  CHECK(optional.get(&maybe) == nullptr);
  *static_cast<int*>(optional.emplace(&maybe)) = 3;
  CHECK(optional.get(&maybe) == &*maybe);
  optional.clear(&maybe);
  CHECK_FALSE(maybe.has_value());
}

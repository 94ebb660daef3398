#include <aft/ground/type.hpp>

#include <chrono>
#include <thread>

#include <doctest/doctest.h>

#include <aft/ground/json.hpp>

namespace {

struct branch {
  std::string name;
  std::vector<branch> branches;
};

struct mixed {
  std::int8_t a;
  alignas(16) double b;
  std::string c;
  bool d;
};

}  // namespace

TEST_CASE("a table has the fields in order, with their places") {
  const auto& t = aft::type_of<mixed>();
  REQUIRE(t.kind == aft::type_kind::object);
  REQUIRE(t.field_count == 4);
  mixed m{};
  auto at = [&](const void* p) {
    return std::uint32_t(static_cast<const char*>(p) - reinterpret_cast<const char*>(&m));
  };
  CHECK(t.fields[0].offset == at(&m.a));
  CHECK(t.fields[1].offset == at(&m.b));
  CHECK(t.fields[2].offset == at(&m.c));
  CHECK(t.fields[3].offset == at(&m.d));
  CHECK(t.size == sizeof(mixed));
}

TEST_CASE("a type may contain itself") {
  const auto& t = aft::type_of<branch>();
  CHECK(t.fields[1].type->element == &t);
}

TEST_CASE("one type has one table, whichever thread asks first") {
  struct asked {
    int x;
    std::vector<std::string> y;
  };
  const aft::type_info* seen[8] = {};
  std::vector<std::thread> threads;
  for (auto& s : seen) {
    threads.emplace_back([&s] { s = &aft::type_of<asked>(); });
  }
  for (auto& t : threads) t.join();
  for (auto* s : seen) {
    CHECK(s == seen[0]);
    CHECK(s->field_count == 2);
  }
}

TEST_CASE("std::chrono time points and aft's own are times") {
  CHECK(aft::type_of<std::chrono::system_clock::time_point>().kind == aft::type_kind::time);
  CHECK(aft::type_of<std::chrono::sys_seconds>().tick_denominator == 1);
}

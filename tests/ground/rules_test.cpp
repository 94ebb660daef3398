#include <aft/ground/rules.hpp>

#include <string>

#include <doctest/doctest.h>

#include <aft/ground/json.hpp>
#include <aft/ground/type.hpp>

namespace {

struct booking {
  int from = 0;
  int until = 0;
  static void rules(aft::rules<booking>& r) {
    r(&booking::from).range(1, 31).describe("a day of the month");
    r(&booking::until).name("until-day");
    r.check(&booking::until, "must be after `from`",
            [](const booking& b) { return b.from < b.until; });
  }
};

struct lenient {
  std::string name;
  static void rules(aft::rules<lenient>& r) {
    r.describe("somebody");
    r.example(R"({"name":"ines"})");
    r.ignore_unknown();
    r(&lenient::name).length(2, 5).example("ines");
  }
};

template <class T>
aft::field_errors errors_of(std::string_view text) {
  T value{};
  aft::field_errors errors;
  aft::json::read(text, &value, aft::type_of<T>(), errors);
  return errors;
}

}  // namespace

TEST_CASE("rules reach the table") {
  const auto& t = aft::type_of<booking>();
  CHECK(t.fields[0].restricted);
  CHECK(t.fields[0].rule.integer_maximum == 31);
  CHECK(t.fields[0].rule.description == "a day of the month");
  CHECK(t.fields[1].name == "until-day");
  CHECK(t.check_count == 1);
}

TEST_CASE("what is said of a struct as a whole reaches the table, too") {
  const auto& t = aft::type_of<lenient>();
  CHECK(t.description == "somebody");
  CHECK(t.example == R"({"name":"ines"})");
  CHECK(t.ignores_unknown);
  CHECK(t.fields[0].rule.example == "ines");
  CHECK(errors_of<lenient>(R"({"name":"ines","age":7})").empty());
}

TEST_CASE("a check of several fields is made where each is right by itself") {
  CHECK(errors_of<booking>(R"({"from":1,"until-day":2})").empty());
  const auto crossed = errors_of<booking>(R"({"from":3,"until-day":2})");
  REQUIRE(crossed.size() == 1);
  CHECK(crossed[0].pointer == "/until-day");
  CHECK(crossed[0].detail == "must be after `from`");
  const auto out_of_range = errors_of<booking>(R"({"from":32,"until-day":2})");
  REQUIRE(out_of_range.size() == 1);
  CHECK(out_of_range[0].pointer == "/from");
}

#include <aft/ground/json.hpp>

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <aft/ground/text.hpp>
#include <aft/ground/time.hpp>

namespace {

using namespace std::string_literals;

enum class colour { red, green, blue };

struct address {
  std::string street;
  std::optional<std::string> city;
  friend bool operator==(const address&, const address&) = default;
};

struct everything {
  std::int8_t i8;
  std::int16_t i16;
  std::int32_t i32;
  std::int64_t i64;
  std::uint8_t u8;
  std::uint16_t u16;
  std::uint32_t u32;
  std::uint64_t u64;
  float f;
  double d;
  bool b;
  std::string s;
  colour c;
  std::optional<int> empty, full;
  std::vector<int> numbers;
  std::map<std::string, address> places;
  aft::time_point at;
  address home;
  std::vector<std::byte> blob;
  aft::raw_json raw;
  friend bool operator==(const everything&, const everything&) = default;
};

struct temperature {
  double kelvin = 0;
};

struct strict {
  std::int64_t id;
  aft::text<1, 5> title;
  std::vector<std::string> tags;
  std::map<std::string, std::uint8_t> counts;
  address addr;
  colour paint;
  double score;
  static void rules(aft::rules<strict>& r) { r(&strict::tags).length(0, 3); }
};

struct interval {
  int from, until;
  static void rules(aft::rules<interval>& r) {
    r.check(&interval::until, "must be after `from`",
            [](const interval& i) { return i.from < i.until; });
  }
};

struct open_document {
  int known;
  static void rules(aft::rules<open_document>& r) { r.ignore_unknown(); }
};

struct change {
  std::optional<std::optional<std::string>> image;
};

std::string errors_of(const aft::field_errors& errors) {
  std::string text;
  for (const auto& e : errors) text += e.pointer + " " + e.code + "\n";
  return text;
}
template <class T>
std::string errors_in(std::string_view json) {
  auto read = aft::json::read<T>(json);
  return read ? "none" : errors_of(read.reason());
}

}  // namespace

template <>
struct aft::codec<temperature> {
  using written_as = std::string;
  static std::string encode(const temperature& t) { return std::to_string(int(t.kelvin)) + " K"; }
  static std::optional<temperature> decode(std::string&& text, std::string& why) {
    if (!text.ends_with(" K")) return why = "must end in K", std::nullopt;
    return temperature{double(std::stoi(text))};
  }
};

TEST_CASE_TEMPLATE("integers of every width survive at their limits", T, std::int8_t, std::int16_t,
                   std::int32_t, std::int64_t, std::uint8_t, std::uint16_t, std::uint32_t,
                   std::uint64_t) {
  for (T value : {std::numeric_limits<T>::min(), std::numeric_limits<T>::max(), T(0), T(1)}) {
    auto back = aft::json::read<T>(aft::json::write(value));
    REQUIRE(back);
    CHECK(*back == value);
  }
  CHECK(aft::json::write(std::numeric_limits<T>::max()) ==
        std::to_string(std::numeric_limits<T>::max()));
}

TEST_CASE("an integer beyond its width is refused with its range") {
  auto read = aft::json::read<std::int8_t>("128");
  REQUIRE(!read);
  CHECK(read.reason()[0].detail == "must be an integer from -128 to 127");
  CHECK(!aft::json::read<std::uint8_t>("-1"));
  CHECK(!aft::json::read<std::int64_t>("9223372036854775808"));
  CHECK(!aft::json::read<std::uint64_t>("18446744073709551616"));
  CHECK(*aft::json::read<std::int64_t>("9007199254740993") == 9007199254740993);  // 2^53 + 1
}

TEST_CASE("integers have neither fraction nor exponent") {
  for (auto* text : {"1.0", "1e3", "1E0"}) CHECK(errors_in<int>(text) == " type\n");
}

TEST_CASE("doubles are written in their shortest form that reads back the same") {
  for (double d : {0.1, 1.0 / 3, 1e308, 5e-324, -0.0, 123456789.123456789, 1e21, 2.5}) {
    auto back = aft::json::read<double>(aft::json::write(d));
    REQUIRE(back);
    CHECK(*back == d);
  }
  CHECK(aft::json::write(0.1) == "0.1");
  CHECK(aft::json::write(0.1f) == "0.1");
  CHECK(aft::json::write(std::numeric_limits<double>::infinity()) == "null");
  CHECK(*aft::json::read<double>("1e-400") == 0.0);
  CHECK(errors_in<double>("1e400") == " range\n");
  CHECK(errors_in<float>("1e39") == " range\n");
}

TEST_CASE("a struct of everything survives") {
  everything e{-1,
               -2,
               -3,
               -4,
               1,
               2,
               3,
               4,
               1.5f,
               0.1,
               true,
               "a\"b\\c\n\x01 ä€𝄞"s,
               colour::blue,
               {},
               7,
               {1, 2, 3},
               {{"work", {"A Street", "Lisbon"}}, {"a/b~c", {"", {}}}},
               aft::time_point(aft::microseconds(1'700'000'000'123'456)),
               {"Home Street", {}},
               {std::byte(0), std::byte(255)},
               {"{\"x\": [1, null]}"}};
  const auto text = aft::json::write(e);
  CAPTURE(text);
  auto back = aft::json::read<everything>(text);
  REQUIRE(back);
  CHECK(*back == e);
  CHECK(aft::json::write(*back) == text);
}

TEST_CASE("strings are escaped only where JSON wants it") {
  CHECK(aft::json::write("\b\f\n\r\t\"\\/\x1f\x7fé"s) == R"("\b\f\n\r\t\"\\/\u001f)"
                                                         "\x7fé\"");
  CHECK(aft::json::write(std::string(100, 'x') + "\"" + std::string(100, 'y')) ==
        "\"" + std::string(100, 'x') + "\\\"" + std::string(100, 'y') + "\"");
  CHECK(aft::json::write("\0"s) == "\"\\u0000\"");
}

TEST_CASE("escapes are read, and surrogate pairs are one character") {
  CHECK(*aft::json::read<std::string>(R"("\u00e4\ud834\udd1e\/")") == "ä𝄞/");
  CHECK(*aft::json::read<std::string>(R"("\u0000")") == "\0"s);
  for (auto* bad : {R"("\ud834")", R"("\udd1e")", R"("\ud834\u0041")", R"("\x")", R"("\u12")",
                    "\"\xff\"", "\"\xc0\x80\"", "\"\xed\xa0\x80\"", "\"a\nb\""}) {
    CAPTURE(bad);
    CHECK(errors_in<std::string>(bad) == " syntax\n");
  }
}

TEST_CASE("times are RFC 3339 in UTC") {
  aft::time_point t(aft::seconds(1'769'860'800));
  CHECK(aft::json::write(t) == "\"2026-01-31T12:00:00Z\"");
  CHECK(*aft::json::read<aft::time_point>("\"2026-01-31T13:00:00+01:00\"") == t);
  CHECK(errors_in<aft::time_point>("\"yesterday\"") == " format\n");
}

TEST_CASE("an empty optional is null; one of an optional is absent") {
  CHECK(aft::json::write(address{"a", {}}) == R"({"street":"a","city":null})");
  CHECK(aft::json::write(change{}) == "{}");
  CHECK(aft::json::write(change{std::optional<std::string>()}) == R"({"image":null})");
  CHECK(!aft::json::read<change>("{}")->image);
  CHECK(aft::json::read<change>(R"({"image":null})")->image.has_value());
  CHECK(!*aft::json::read<change>(R"({"image":null})")->image);
  CHECK(**aft::json::read<change>(R"({"image":"x"})")->image == "x");
}

TEST_CASE("every mistake of a document is reported at once, with its pointer") {
  CHECK(errors_in<strict>(R"({
    "id": "1",
    "title": "",
    "tags": ["a", 1, "b", null],
    "counts": {"a/b~c": 256, "x": -1, "x": 1},
    "addr": {"city": 5, "zip": 1},
    "paint": "pink",
    "extra": {"deep": [1, 2]},
    "id": 2
  })") ==
        "/id type\n"
        "/title length\n"
        "/tags/1 type\n"
        "/tags/3 type\n"
        "/tags length\n"
        "/counts/a~1b~0c range\n"
        "/counts/x range\n"
        "/counts/x duplicate\n"
        "/addr/city type\n"
        "/addr/zip unknown\n"
        "/addr/street missing\n"
        "/paint enum\n"
        "/extra unknown\n"
        "/id duplicate\n"
        "/score missing\n");
}

TEST_CASE("the sentences say what is wanted") {
  auto read = aft::json::read<strict>(
      R"({"id":true,"title":"abcdef","tags":{},"counts":{},"addr":{"street":"s"},"paint":"pink","score":"1"})");
  REQUIRE(!read);
  const auto& e = read.reason();
  CHECK(e[0].detail == "must be an integer, not a boolean");
  CHECK(e[1].detail == "must have at most 5 characters");
  CHECK(e[2].detail == "must be an array, not an object");
  CHECK(e[3].detail == "must be one of red, green, blue");
  CHECK(e[4].detail == "must be a number, not a string");
}

TEST_CASE("what is no JSON gives one error, with its place") {
  auto read = aft::json::read<strict>(R"({"id": 1, "title": "x",})");
  REQUIRE(!read);
  REQUIRE(read.reason().size() == 1);
  CHECK(read.reason()[0].code == "syntax");
  CHECK(read.reason()[0].detail == "is not JSON: expected a string at byte 23");
}

TEST_CASE("the number of errors and the depth are bounded") {
  std::string many = "{";
  for (int i = 0; i < 100; ++i) many += "\"k" + std::to_string(i) + "\":0,";
  many += "\"k\":0}";
  CHECK(aft::json::read<address>(many).reason().size() == 32);
  CHECK(aft::json::valid(std::string(64, '[') + std::string(64, ']')));
  CHECK(!aft::json::valid(std::string(65, '[') + std::string(65, ']')));
  CHECK(!aft::json::valid(std::string(1'000'000, '[')));
}

TEST_CASE("checks over several fields run when each is right by itself") {
  CHECK(errors_in<interval>(R"({"from": 2, "until": 1})") == "/until check\n");
  CHECK(errors_in<interval>(R"({"from": 2, "until": "1"})") == "/until type\n");
  CHECK(errors_in<std::vector<interval>>(R"([{"from":1,"until":2},{"from":2,"until":2}])") ==
        "/1/until check\n");
}

TEST_CASE("unknown members are errors, unless a struct or the reader lets them be") {
  CHECK(errors_in<open_document>(R"({"known": 1, "more": {"a": []}})") == "none");
  CHECK(errors_in<address>(R"({"street": "a", "more": 1})") == "/more unknown\n");
  CHECK(aft::json::read<address>(R"({"street": "a", "more": 1})", {.ignore_unknown = true}));
}

TEST_CASE("a codec is written as another type") {
  CHECK(aft::json::write(temperature{300}) == "\"300 K\"");
  CHECK(aft::json::read<temperature>("\"300 K\"")->kelvin == 300);
  auto wrong = aft::json::read<std::vector<temperature>>(R"(["1 K", "2 C", 3])");
  REQUIRE(!wrong);
  CHECK(errors_of(wrong.reason()) == "/1 value\n/2 type\n");
  CHECK(wrong.reason()[0].detail == "must end in K");
}

TEST_CASE("raw JSON is checked, and kept as it is") {
  CHECK(aft::json::read<aft::raw_json>(" {\"a\" : [1, 2]} ")->text == "{\"a\" : [1, 2]}");
  CHECK(!aft::json::read<aft::raw_json>("{'a': 1}"));
}

TEST_CASE("base64 in JSON is strict") {
  using bytes = std::vector<std::byte>;
  CHECK(aft::json::write(bytes{std::byte(1), std::byte(2)}) == "\"AQI=\"");
  CHECK(aft::json::read<bytes>("\"AQI=\"")->size() == 2);
  CHECK(errors_in<bytes>("\"AQI\"") == " format\n");
}

TEST_CASE("the schema says what the reader checks") {
  CHECK(aft::json::schema<aft::bounded<int, 1, 5>>() ==
        R"({"type":"integer","format":"int32","minimum":1,"maximum":5})");
  CHECK(aft::json::schema<address>() ==
        R"({"$ref":"#/$defs/address","$defs":{"address":{"type":"object","properties":{)"
        R"("street":{"type":"string"},"city":{"type":["string","null"]}},"required":["street"],)"
        R"("additionalProperties":false}}})");
  const auto all = aft::json::schema<strict>();
  CAPTURE(all);
  CHECK(aft::json::valid(all));
  CHECK(all.find(R"("title":{"type":"string","minLength":1,"maxLength":5})") != all.npos);
  CHECK(all.find(R"("tags":{"type":"array","items":{"type":"string"},"maxItems":3})") != all.npos);
  CHECK(all.find(R"("enum":["red","green","blue"])") != all.npos);
}

TEST_CASE("two structs of one name have two schemas") {
  struct other {
    struct address {
      int x;
    };
    address a;
    ::address b;
  };
  const auto text = aft::json::schema<other>();
  CHECK(aft::json::valid(text));
  CHECK(text.find("\"x\"") != text.npos);
  CHECK(text.find("\"street\"") != text.npos);
}

TEST_CASE("an example fits its type") {
  struct place {
    aft::email owner;
    aft::bounded<int, 5, 9> floor;
    aft::text<3, 6> name;
    std::optional<std::vector<std::string>> tags;
    std::map<std::string, double> sizes;
    std::vector<place> inside;
    static void rules(aft::rules<place>& r) { r(&place::tags).example(R"(["a","b"])"); }
  };
  const auto text = aft::json::example<place>();
  CAPTURE(text);
  const auto read = aft::json::read<place>(text);
  REQUIRE(read);
  CHECK(read->floor == 5);
  CHECK(read->tags == std::vector<std::string>{"a", "b"});
  CHECK(aft::json::example<aft::text<9, 9>>() == "\"text text\"");
}

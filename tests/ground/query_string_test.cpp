#include <aft/ground/query_string.hpp>

#include <doctest/doctest.h>

#include <aft/ground/text.hpp>
#include <aft/ground/time.hpp>

namespace {

enum class order { newest, oldest };

struct search {
  aft::bounded<int, 1, 100> limit{20};
  std::int64_t after = 0;
  std::optional<std::string> author;
  std::vector<std::string> tag;
  order sort = order::newest;
  bool drafts = false;
  std::optional<aft::time_point> since;
};

std::string errors_in(std::string_view text) {
  auto read = aft::query_string::read<search>(text);
  std::string out;
  if (!read) {
    for (const auto& e : read.reason()) out += e.pointer + " " + e.code + "\n";
  }
  return out;
}

}  // namespace

TEST_CASE("what is absent keeps its default") {
  auto s = aft::query_string::read<search>("");
  REQUIRE(s);
  CHECK(s->limit == 20);
  CHECK(!s->author);
  CHECK(s->sort == order::newest);
}

TEST_CASE("values are decoded once and read by their type") {
  auto s = aft::query_string::read<search>(
      "limit=5&author=In%C3%AAs+M%26M&tag=a%2Bb&tag=c%252F&sort=oldest&drafts=true"
      "&since=2026-01-31T12:00:00Z&&after=-7");
  REQUIRE(s);
  CHECK(s->limit == 5);
  CHECK(*s->author == "Inês M&M");
  CHECK(s->tag == std::vector<std::string>{"a+b", "c%2F"});
  CHECK(s->sort == order::oldest);
  CHECK(s->drafts);
  CHECK(s->since->since_1970() == aft::seconds(1'769'860'800));
  CHECK(s->after == -7);
}

TEST_CASE("every mistake is reported") {
  CHECK(errors_in("limit=0&limit=5&after=x&sort=best&drafts=maybe&page=2&author=%zz&tag=%ff") ==
        "/limit range\n/limit duplicate\n/after type\n/sort enum\n/drafts type\n/page unknown\n"
        "/author encoding\n/tag encoding\n");
  CHECK(errors_in("a%2Fb~c=1") == "/a~1b~0c unknown\n");  // a JSON Pointer
}

TEST_CASE("an empty value is a value") {
  auto s = aft::query_string::read<search>("author=&tag");
  REQUIRE(s);
  CHECK(s->author == "");
  CHECK(s->tag == std::vector<std::string>{""});
  CHECK(errors_in("limit=") == "/limit type\n");
}

TEST_CASE("what is written reads back") {
  search s;
  s.author = "a&b=c d";
  s.tag = {"x", "ü"};
  const auto text = aft::query_string::write(s);
  CHECK(text == "limit=20&after=0&author=a%26b%3Dc%20d&tag=x&tag=%C3%BC&sort=newest&drafts=false");
  auto back = aft::query_string::read<search>(text);
  REQUIRE(back);
  CHECK(back->tag == s.tag);
}

TEST_CASE("percent-decoding refuses what is malformed") {
  std::string out;
  CHECK(aft::percent_decode("a%20b+c", out));
  CHECK(out == "a b+c");
  CHECK(aft::percent_decode("a+b", out, true));
  CHECK(out == "a b");
  for (auto* bad : {"%", "%1", "%g0", "a%2"}) CHECK(!aft::percent_decode(bad, out));
  CHECK(aft::percent_encode("a/b ~é") == "a%2Fb%20~%C3%A9");
}

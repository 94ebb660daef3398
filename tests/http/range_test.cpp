#include "http/range.hpp"

#include <limits>
#include <string>

#include <doctest/doctest.h>

namespace {

// "0-4 7-9", "416" or "200".
std::string ask(std::string_view value, std::uint64_t size, unsigned max = 16) {
  const auto set = aft::http::read_range(value, size, max);
  switch (set.verdict) {
    case aft::http::range_verdict::no_range: return "200";
    case aft::http::range_verdict::unsatisfiable: return "416";
    case aft::http::range_verdict::ranges: break;
  }
  std::string text;
  for (const auto& range : set.view()) {
    if (!text.empty()) text += " ";
    text += std::to_string(range.first) + "-" + std::to_string(range.last);
  }
  return text;
}

}  // namespace

TEST_CASE("a range is cut to the size") {
  struct {
    const char* value;
    const char* answer;  // of 1000 bytes
  } const table[] = {
      {"bytes=0-499", "0-499"},
      {"bytes=0-0", "0-0"},
      {"bytes=500-", "500-999"},
      {"bytes=999-", "999-999"},
      {"bytes=500-1000", "500-999"},
      {"bytes=0-99999999999999999999999999", "0-999"},
      {"bytes=0-18446744073709551615", "0-999"},
      {"bytes=007-0008", "7-8"},
      {"bytes=-1", "999-999"},
      {"bytes=-1000", "0-999"},
      {"bytes=-1001", "0-999"},
      {"bytes=-99999999999999999999999999", "0-999"},
      {"BYTES=1-2", "1-2"},
      {"bytes= 1-2 ,\t5-6", "1-2 5-6"},
      {"bytes=,1-2,,5-6,", "1-2 5-6"},
  };
  for (const auto& row : table) {
    CAPTURE(row.value);
    CHECK(ask(row.value, 1000) == row.answer);
  }
}

TEST_CASE("a range past the end is unsatisfiable, unless another is not") {
  struct {
    const char* value;
    const char* answer;
  } const table[] = {
      {"bytes=1000-", "416"},
      {"bytes=1000-2000", "416"},
      {"bytes=-0", "416"},
      {"bytes=1000-,-0", "416"},
      {"bytes=99999999999999999999999999-", "416"},
      {"bytes=1000-,3-4", "3-4"},
  };
  for (const auto& row : table) {
    CAPTURE(row.value);
    CHECK(ask(row.value, 1000) == row.answer);
  }
}

TEST_CASE("what is no range of bytes is not heeded") {
  for (const char* value : {"",
                            "bytes",
                            "bytes=",
                            "bytes=,",
                            "bytes= ",
                            "items=0-5",
                            "bytes =0-5",
                            "=0-5",
                            "0-5",
                            "bytes=-",
                            "bytes=5",
                            "bytes=5-2",
                            "bytes=0-5,5-2",
                            "bytes=x-5",
                            "bytes=5-x",
                            "bytes=0x1-5",
                            "bytes=+1-5",
                            "bytes=--5",
                            "bytes=1-2-3",
                            "bytes=1 - 2",
                            "bytes=0-5;6-7",
                            "bytes=0-5,x"}) {
    CAPTURE(value);
    CHECK(ask(value, 1000) == "200");
  }
}

TEST_CASE("nothing has no ranges") {
  CHECK(ask("bytes=0-", 0) == "200");
  CHECK(ask("bytes=-5", 0) == "200");
}

TEST_CASE("ranges that overlap or touch are one, at the place of the first") {
  struct {
    const char* value;
    const char* answer;
  } const table[] = {
      {"bytes=0-9,0-9,0-9", "0-9"},
      {"bytes=0-9,10-19", "0-19"},
      {"bytes=10-19,0-9", "0-19"},
      {"bytes=0-9,11-19", "0-9 11-19"},
      {"bytes=50-59,0-9", "50-59 0-9"},
      {"bytes=50-59,0-9,55-70", "50-70 0-9"},
      {"bytes=50-59,0-9,20-29,5-55", "0-59"},
      {"bytes=90-99,0-9,20-29,40-49,8-21", "90-99 0-29 40-49"},
      {"bytes=0-9,20-29,40-49,60-69,15-45", "0-9 15-49 60-69"},
      {"bytes=0-,-1000,1-", "0-999"},
  };
  for (const auto& row : table) {
    CAPTURE(row.value);
    CHECK(ask(row.value, 1000) == row.answer);
  }
}

TEST_CASE("more ranges than the limit are not heeded, whatever they would become") {
  std::string value = "bytes=0-0", apart = "0-0";
  for (int i = 1; i < 16; ++i) {
    const auto at = std::to_string(i * 2);
    value += "," + at + "-" + at;
    apart += " " + at + "-" + at;
  }
  CHECK(ask(value, 1000) == apart);
  CHECK(ask(value + ",0-0", 1000) == "200");
  CHECK(ask("bytes=0-0,0-0,0-0", 1000, 2) == "200");
  CHECK(ask("bytes=0-0,,0-0", 1000, 2) == "0-0");
}

TEST_CASE("the largest size is as good as any") {
  constexpr auto most = std::numeric_limits<std::uint64_t>::max();
  CHECK(ask("bytes=0-", most) == "0-18446744073709551614");
  CHECK(ask("bytes=18446744073709551615-", most) == "416");
  CHECK(ask("bytes=-1,18446744073709551613-", most) == "18446744073709551613-18446744073709551614");
}

#include "http/conditional.hpp"

#include <vector>

#include <doctest/doctest.h>

namespace {

using aft::method;
using conditions = aft::http::request_conditions;

constexpr aft::http::representation tagged{.etag = "\"a\""};
constexpr aft::http::representation weak{.etag = "W/\"a\""};
constexpr aft::http::representation dated{.last_modified = 784'111'777};
constexpr aft::http::representation both{.etag = "\"a\"", .last_modified = 784'111'777};
constexpr aft::http::representation neither{};
constexpr aft::http::representation missing{.exists = false};

constexpr auto before = "Sun, 06 Nov 1994 08:49:36 GMT";
constexpr auto same = "Sun, 06 Nov 1994 08:49:37 GMT";
constexpr auto later = "Sun, 06 Nov 1994 08:49:38 GMT";

// 200, 304 or 412; 206 where a Range line applies.
int ask(method m, const aft::http::representation& current, conditions c) {
  c.now = 1'790'000'000;
  const auto [verdict, range_applies] = aft::http::check_conditions(m, current, c);
  switch (verdict) {
    case aft::http::condition_verdict::not_modified: return 304;
    case aft::http::condition_verdict::precondition_failed: return 412;
    case aft::http::condition_verdict::proceed: break;
  }
  return range_applies ? 206 : 200;
}

}  // namespace

TEST_CASE("without conditions a GET may have its range, and nobody else") {
  CHECK(ask(method::get, both, {}) == 206);
  CHECK(ask(method::get, neither, {}) == 206);
  CHECK(ask(method::get, missing, {}) == 200);
  CHECK(ask(method::head, both, {}) == 200);
  CHECK(ask(method::put, both, {}) == 200);
}

TEST_CASE("If-Match wants the very representation") {
  struct {
    aft::http::representation current;
    const char* value;
    int answer;
  } const table[] = {
      {tagged, "\"a\"", 200},
      {tagged, "\"b\", \"a\"", 200},
      {tagged, "\t\"b\",,\"a\" ,", 200},
      {tagged, "*", 200},
      {tagged, " * ", 200},
      {tagged, "\"b\"", 412},
      {tagged, "\"A\"", 412},
      {tagged, "W/\"a\"", 412},
      {weak, "W/\"a\"", 412},
      {weak, "\"a\"", 412},
      {neither, "\"a\"", 412},
      {neither, "*", 200},
      {missing, "*", 412},
      {missing, "\"a\"", 412},
      // Malformed.
      {tagged, "", 412},
      {tagged, ",", 412},
      {tagged, "a", 412},
      {tagged, "\"a", 412},
      {tagged, "\"a\" \"b\"", 412},
      {tagged, "\"a\", b", 412},
      {tagged, "\"a\", \"b c\"", 412},
      {tagged, "*, \"a\"", 412},
      {tagged, "w/\"b\", \"a\"", 412},
  };
  for (const auto& row : table) {
    CAPTURE(row.value);
    CHECK(ask(method::put, row.current, {.if_match = row.value}) == row.answer);
  }
  CHECK(ask(method::get, tagged, {.if_match = "\"b\""}) == 412);
}

TEST_CASE("If-None-Match spares the client what it has") {
  struct {
    aft::http::representation current;
    const char* value;
    int get, put;
  } const table[] = {
      {tagged, "\"a\"", 304, 412},
      {tagged, "W/\"a\"", 304, 412},
      {weak, "\"a\"", 304, 412},
      {weak, "W/\"b\", W/\"a\"", 304, 412},
      {tagged, "*", 304, 412},
      {neither, "*", 304, 412},
      {tagged, "\"b\"", 206, 200},
      {tagged, "\"a,\"", 206, 200},
      {neither, "\"a\"", 206, 200},
      {missing, "*", 200, 200},
      {missing, "\"\"", 200, 200},
      // Malformed: the client gets what there is, and overwrites nothing.
      {tagged, "a", 206, 412},
      {tagged, "\"a\", b", 206, 412},
      {tagged, "", 206, 412},
      {missing, "a", 200, 412},
  };
  for (const auto& row : table) {
    CAPTURE(row.value);
    CHECK(ask(method::get, row.current, {.if_none_match = row.value}) == row.get);
    CHECK(ask(method::put, row.current, {.if_none_match = row.value}) == row.put);
  }
  CHECK(ask(method::head, tagged, {.if_none_match = "\"a\""}) == 304);
}

TEST_CASE("If-Modified-Since is for reading, and only where there is a date") {
  struct {
    aft::http::representation current;
    const char* value;
    int answer;
  } const table[] = {
      {dated, before, 206},
      {dated, same, 304},
      {dated, later, 304},
      {dated, "Sunday, 06-Nov-94 08:49:37 GMT", 304},
      {dated, "Sun Nov  6 08:49:37 1994", 304},
      {dated, "yesterday", 206},
      {dated, "", 206},
      {neither, later, 206},
      {missing, later, 200},
  };
  for (const auto& row : table) {
    CAPTURE(row.value);
    CHECK(ask(method::get, row.current, {.if_modified_since = row.value}) == row.answer);
  }
  CHECK(ask(method::head, dated, {.if_modified_since = same}) == 304);
  CHECK(ask(method::put, dated, {.if_modified_since = same}) == 200);
}

TEST_CASE("If-Unmodified-Since protects what has changed") {
  struct {
    aft::http::representation current;
    const char* value;
    int answer;
  } const table[] = {
      {dated, before, 412},      {dated, same, 200},    {dated, later, 200},
      {dated, "yesterday", 200}, {neither, later, 200}, {missing, later, 200},
  };
  for (const auto& row : table) {
    CAPTURE(row.value);
    CHECK(ask(method::put, row.current, {.if_unmodified_since = row.value}) == row.answer);
  }
}

TEST_CASE("If-Range takes the same representation, or all of it") {
  struct {
    aft::http::representation current;
    const char* value;
    int answer;
  } const table[] = {
      {both, "\"a\"", 206},   {both, "\"b\"", 200},
      {both, "W/\"a\"", 200}, {weak, "W/\"a\"", 200},
      {weak, "\"a\"", 200},   {both, "\"a\", \"b\"", 200},
      {both, "*", 200},       {both, "a", 200},
      {both, same, 206},      {both, "Sun Nov  6 08:49:37 1994", 206},
      {both, before, 200},    {both, later, 200},
      {both, "", 200},        {tagged, same, 200},
      {dated, "\"a\"", 200},  {neither, "yesterday", 200},
  };
  for (const auto& row : table) {
    CAPTURE(row.value);
    CHECK(ask(method::get, row.current, {.if_range = row.value}) == row.answer);
  }
  CHECK(ask(method::head, both, {.if_range = "\"a\""}) == 200);
}

TEST_CASE("conditions are looked at in the order of RFC 9110 section 13.2.2") {
  struct {
    conditions c;
    int answer;
  } const table[] = {
      // Where there is a tag, the date does not count.
      {{.if_match = "\"a\"", .if_unmodified_since = before}, 206},
      {{.if_match = "\"b\"", .if_unmodified_since = later}, 412},
      {{.if_none_match = "\"b\"", .if_modified_since = later}, 206},
      {{.if_none_match = "\"a\"", .if_modified_since = before}, 304},
      {{.if_none_match = "b", .if_modified_since = later}, 206},
      // Failure comes before what is known, and both before the range.
      {{.if_match = "\"b\"", .if_none_match = "\"a\""}, 412},
      {{.if_match = "\"a\"", .if_none_match = "\"a\""}, 304},
      {{.if_modified_since = same, .if_unmodified_since = before}, 412},
      {{.if_modified_since = same, .if_unmodified_since = same}, 304},
      {{.if_none_match = "\"a\"", .if_range = "\"a\""}, 304},
      {{.if_match = "\"a\"", .if_range = "\"b\""}, 200},
  };
  for (const auto& row : table) CHECK(ask(method::get, both, row.c) == row.answer);
}

TEST_CASE("methods that select nothing have no conditions") {
  for (auto m : {method::options, method::trace}) {
    CHECK(ask(m, both, {.if_match = "\"b\"", .if_none_match = "*"}) == 200);
  }
}

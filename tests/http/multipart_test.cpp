#include <aft/http/multipart.hpp>

#include <stdexcept>
#include <vector>

#include <doctest/doctest.h>

#include <aft/ground/error.hpp>

namespace {

using verdict = aft::multipart_verdict;
using namespace std::string_literals;

// What came of a form: "name(filename)type=data;" for each part; a part without ';' has no end.
struct outcome {
  std::string parts{};
  verdict end = verdict::ok;
  std::string why{};
};

aft::multipart_sink into(std::string& parts) {
  return {.on_part =
              [&parts](const aft::part_head& head) {
                parts += head.name;
                if (head.filename) parts += "(" + *head.filename + ")";
                if (head.content_type != "text/plain") parts += head.content_type;
                parts += "=";
              },
          .on_data =
              [&parts](std::string_view data) {
                CHECK(!data.empty());
                parts += data;
              },
          .on_part_end = [&parts] { parts += ";"; }};
}

outcome read(std::vector<std::string_view> pieces, aft::multipart_limits limits = {}) {
  outcome out;
  aft::multipart_reader reader("b", into(out.parts), limits);
  for (auto piece : pieces) {
    if (reader.write(piece) != verdict::ok) break;
  }
  out.end = reader.finish();
  CHECK((out.end == verdict::ok) == reader.why().empty());
  out.why = reader.why();
  return out;
}
outcome read(std::string_view body) { return read(std::vector{body}); }

// Of one part, without the CRLF after the last of its headers.
std::string with_head(const std::string& head) {
  return "--b\r\n" + head + "\r\n\r\nx\r\n--b--\r\n";
}
std::string with_disposition(const std::string& parameters) {
  return with_head("Content-Disposition: form-data" + parameters);
}

const std::string disposition = "Content-Disposition: form-data; name=";
const std::string two_parts = "--b\r\n" + disposition + "\"a\"\r\n\r\none\r\n--b\r\n" +
                              disposition +
                              "\"f\"; filename=\"f.txt\"\r\nContent-Type: text/csv\r\n\r\n" +
                              "1\r\n2\r\n-\r\n--\r\n--a\r\r\n\r\n--b--\r\n";

}  // namespace

TEST_CASE("the parts of a form are its fields and files, in order") {
  auto got = read(two_parts);
  CHECK(got.end == verdict::ok);
  CHECK(got.parts == "a=one;f(f.txt)text/csv=1\r\n2\r\n-\r\n--\r\n--a\r\r\n;");
}

TEST_CASE("a Content-Type gives its boundary, or is no form") {
  struct row {
    const char* content_type;
    std::optional<std::string> boundary;
  };
  const std::string longest(70, 'x');
  const std::string longest_type = "multipart/form-data; boundary=" + longest;
  const std::string longer_type = longest_type + "x";
  const row rows[] = {
      {"multipart/form-data; boundary=AaB03x", "AaB03x"},
      {"Multipart/Form-Data;BOUNDARY=AaB03x", "AaB03x"},
      {"multipart/form-data; boundary=\"AaB03x\"", "AaB03x"},
      {"multipart/form-data; charset=utf-8 ; boundary=b ; a=\"b;c\"", "b"},
      {"multipart/form-data; boundary=b;", "b"},
      {"multipart/form-data; boundary=----=_Part_1/2:3", "----=_Part_1/2:3"},
      {"multipart/form-data; boundary=\"a b'()+_,-./:=?\"", "a b'()+_,-./:=?"},
      {longest_type.c_str(), longest},
      {longer_type.c_str(), {}},
      {"multipart/form-data", {}},
      {"multipart/form-data; boundary", {}},
      {"multipart/form-data; boundary=", {}},
      {"multipart/form-data; boundary=\"\"", {}},
      {"multipart/form-data; boundary=\"b", {}},
      {"multipart/form-data; boundary=\"b \"", {}},
      {"multipart/form-data; boundary=\"b\"c", {}},
      {"multipart/form-data; boundary=a b", {}},
      {"multipart/form-data; boundary = b", {}},
      {"multipart/form-data; boundary=b; boundary=c", {}},
      {"multipart/form-data; boundary=b; boundary=b", {}},
      {"multipart/form-data; boundary=b*", {}},
      {"multipart/form-data; boundary=\"b\\\"\"", {}},
      {"multipart/form-data; boundary=\"b\r\n\"", {}},
      {"multipart/form-data; boundary=b\xc3\xa9", {}},
      {"multipart/form-data boundary=b", {}},
      {"multipart/mixed; boundary=b", {}},
      {"application/x-www-form-urlencoded", {}},
      {"", {}},
  };
  for (const auto& r : rows) {
    CAPTURE(r.content_type);
    CHECK(aft::multipart_boundary(r.content_type) == r.boundary);
  }
}

TEST_CASE("a reader is not made with what cannot be a boundary") {
  CHECK_THROWS_AS(aft::multipart_reader("", {}), aft::error);
  CHECK_THROWS_AS(aft::multipart_reader("b\r\n", {}), aft::error);
  CHECK_THROWS_AS(aft::multipart_reader(std::string(71, 'x'), {}), aft::error);
}

TEST_CASE("forms of every legal shape are read") {
  struct row {
    std::string what;
    std::string body;
    std::string parts;
  };
  const row rows[] = {
      {"no parts", "--b--", ""},
      {"no parts, and a line break", "--b--\r\n", ""},
      {"an empty value", "--b\r\n" + disposition + "a\r\n\r\n\r\n--b--", "a=;"},
      {"no value at all", "--b\r\n" + disposition + "a\r\n\r\n--b--", "a=;"},
      {"an empty file",
       "--b\r\n" + disposition + "a; filename=\"e\"\r\nContent-Type: image/png\r\n\r\n\r\n--b--",
       "a(e)image/png=;"},
      {"a preamble", "hello\r\n--a\r\n --b\r\nx--b\r\n" + two_parts, read(two_parts).parts},
      {"an empty line before", "\r\n" + with_disposition("; name=a"), "a=x;"},
      {"an epilogue", two_parts + "--b\r\nhello\r\n--b--", read(two_parts).parts},
      {"an epilogue in the same line", "--b--hello", ""},
      {"spaces after boundaries",
       "--b \t\r\n" + disposition + "a\r\n\r\nx\r\n--b  \r\n" + disposition +
           "a\r\n\r\ny\r\n--b-- \r\n",
       "a=x;a=y;"},
      {"line breaks around a value",
       "--b\r\n" + disposition + "a\r\n\r\n\r\n\r\n-\r\n\r\n\r\n--b--", "a=\r\n\r\n-\r\n\r\n;"},
      {"bare line breaks in a value", "--b\r\n" + disposition + "a\r\n\r\n\n--b\n\r--b\r\n--b--",
       "a=\n--b\n\r--b;"},
      {"a value that begins with a line break and a dash",
       "--b\r\n" + disposition + "a\r\n\r\n\r\n-b\r\n--b--", "a=\r\n-b;"},
      {"a value that begins with a dash", "--b\r\n" + disposition + "a\r\n\r\n-b\r\n--b--",
       "a=-b;"},
      {"NUL in a value", "--b\r\n" + disposition + "a\r\n\r\n\0\r\n--b--"s, "a=\0;"s},
      {"a form in a part",
       "--b\r\n" + disposition + "a\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n" +
           "--c\r\n\r\ninner\r\n--c--\r\n\r\n--b--",
       "amultipart/mixed; boundary=c=--c\r\n\r\ninner\r\n--c--\r\n;"},
  };
  for (const auto& r : rows) {
    CAPTURE(r.what);
    const auto got = read(r.body);
    CAPTURE(got.why);
    CHECK(got.end == verdict::ok);
    CHECK(got.parts == r.parts);
  }
}

TEST_CASE("a part's head says its name, its filename and its type") {
  struct row {
    std::string body;
    std::string parts;
  };
  const row rows[] = {
      {with_disposition("; name=\"a\""), "a=x;"},
      {with_disposition(" ;name=a;"), "a=x;"},
      {with_disposition("; name=\"\""), "=x;"},
      {with_disposition("; NAME=a; other=1; Filename=b"), "a(b)=x;"},
      {with_disposition("; name=\"n\xc3\xa4me \xf0\x9f\x98\x80\""),
       "n\xc3\xa4me \xf0\x9f\x98\x80=x;"},
      {with_disposition("; name=\"a; filename=\\\"b\\\"\""), "a; filename=\"b\"=x;"},
      {with_disposition("; name=\"a\\b\\\\c\""), "a\\b\\c=x;"},
      {with_disposition("; name=\"%22a%0D%0A%20%2\""), "\"a\r\n%20%2=x;"},
      {with_head("CONTENT-DISPOSITION:Form-Data; name=a"), "a=x;"},
      {with_head("Content-Disposition:\r\n form-data;\r\n\tname=\"a\r\n b\""), "a   b=x;"},
      {with_head("X-Other: 1\r\n" + disposition + "a\r\nContent-Length: 7"), "a=x;"},
      {with_head(disposition + "a\r\nContent-Type:  text/plain; charset=utf-8 "),
       "atext/plain; charset=utf-8=x;"},
      {with_head(disposition + "a\r\nContent-Type:"), "a=x;"},
      {with_disposition("; name=a; filename=\"\""), "a()=x;"},
      {with_disposition("; name=a; filename=\"n\xc3\xa4me.txt\""), "a(n\xc3\xa4me.txt)=x;"},
      {with_disposition("; name=a; filename=\"%22a%22\\\".txt\""), "a(\"a\"\".txt)=x;"},
      {with_disposition("; name=a; filename=\"100%25.txt\""), "a(100%25.txt)=x;"},
      {with_disposition("; name=a; filename=\"/etc/passwd\""), "a(passwd)=x;"},
      {with_disposition("; name=a; filename=\"C:\\files\\b.dat\""), "a(b.dat)=x;"},
      {with_disposition("; name=a; filename=\"\\\\server\\share\\b.dat\""), "a(b.dat)=x;"},
      {with_disposition("; name=a; filename=../../b"), "a(b)=x;"},
      {with_disposition("; name=a; filename=\"..\""), "a()=x;"},
      {with_disposition("; name=a; filename=\".\""), "a()=x;"},
      {with_disposition("; name=a; filename=\"a/..\""), "a()=x;"},
      {with_disposition("; name=a; filename=\"a/\""), "a()=x;"},
      {with_disposition("; name=a; filename=\"...\""), "a(...)=x;"},
      {with_disposition("; name=a; filename*=utf-8''n%C3%A4me.txt"), "a(n\xc3\xa4me.txt)=x;"},
      {with_disposition("; name=a; filename*=UTF-8'de'b; filename=c"), "a(b)=x;"},
      {with_disposition("; name=a; filename=c; filename*=UTF-8''b"), "a(b)=x;"},
      {with_disposition("; name=a; filename*=UTF-8''%2e%2e%2Fetc%5Cb"), "a(b)=x;"},
      {with_disposition("; name=a; filename*=UTF-8''%2e%2e"), "a()=x;"},
  };
  for (const auto& r : rows) {
    CAPTURE(r.body);
    const auto got = read(r.body);
    CAPTURE(got.why);
    CHECK(got.end == verdict::ok);
    CHECK(got.parts == r.parts);
  }
}

TEST_CASE("a malformed form is refused, wherever it is cut") {
  struct row {
    std::string what;
    std::string body;
    const char* parts;
    verdict end;
  };
  const row rows[] = {
      {"nothing", "", "", verdict::unfinished},
      {"no boundary", "hello", "", verdict::unfinished},
      {"another boundary", "--c\r\n" + disposition + "a\r\n\r\nx\r\n--c--", "",
       verdict::unfinished},
      {"a boundary within a line", "x--b--", "", verdict::unfinished},
      {"no closing boundary", "--b\r\n" + disposition + "a\r\n\r\nx\r\n--b\r\n", "a=x;",
       verdict::unfinished},
      {"half a closing boundary", "--b\r\n" + disposition + "a\r\n\r\nx\r\n--b-", "a=x;",
       verdict::unfinished},
      {"cut within a boundary", "--b\r\n" + disposition + "a\r\n\r\nx\r\n--", "a=x",
       verdict::unfinished},
      {"cut within a value", "--b\r\n" + disposition + "a\r\n\r\nx", "a=x", verdict::unfinished},
      {"cut within a head", "--b\r\n" + disposition + "a\r\n", "", verdict::unfinished},
      {"a longer boundary", "--bb\r\n", "", verdict::malformed},
      {"a longer boundary after a value",
       "--b\r\n" + disposition + "a\r\n\r\nx\r\n--bc\r\n\r\n--b--", "a=x;", verdict::malformed},
      {"one dash", "--b-\r\n", "", verdict::malformed},
      {"text after spaces", "--b x\r\n", "", verdict::malformed},
      {"dashes after spaces", "--b --", "", verdict::malformed},
      {"a boundary that ends in LF", "--b\n" + disposition + "a\r\n\r\nx\r\n--b--", "",
       verdict::malformed},
      {"a boundary that ends in CR", "--b\r" + disposition + "a\r\n\r\nx\r\n--b--", "",
       verdict::malformed},
      {"a header that ends in LF", with_head(disposition + "a\nX: y"), "", verdict::malformed},
      {"an empty line that ends in LF", "--b\r\n" + disposition + "a\r\n\nx\r\n--b--", "",
       verdict::malformed},
      {"a header with CR", with_head(disposition + "a\r\nX: a\rb"), "", verdict::malformed},
      {"a header that ends in CR CR LF", with_head(disposition + "a\r\r\nX: y"), "",
       verdict::malformed},
      {"a header with NUL", with_head(disposition + "a\r\nX: a\0b"s), "", verdict::malformed},
      {"a name with NUL", with_head(disposition + "\"a\0b\""s), "", verdict::malformed},
      {"a header with DEL", with_head(disposition + "a\r\nX: \x7f"), "", verdict::malformed},
      {"a header without a colon", with_head(disposition + "a\r\nX"), "", verdict::malformed},
      {"a header without a name", with_head(disposition + "a\r\n: y"), "", verdict::malformed},
      {"a space before the colon", with_head("Content-Disposition : form-data; name=a"), "",
       verdict::malformed},
      {"a head that begins with a space", with_head(" " + disposition + "a"), "",
       verdict::malformed},
      {"no headers", "--b\r\n\r\nx\r\n--b--", "", verdict::malformed},
      {"no head", "--b\r\n--b--\r\n", "", verdict::unfinished},
      {"no disposition", with_head("Content-Type: text/plain"), "", verdict::malformed},
      {"two dispositions", with_head(disposition + "a\r\n" + disposition + "a"), "",
       verdict::malformed},
      {"two types", with_head(disposition + "a\r\nContent-Type: a/b\r\nContent-Type: a/b"), "",
       verdict::malformed},
      {"an empty disposition", with_head("Content-Disposition:"), "", verdict::malformed},
      {"another disposition", with_head("Content-Disposition: attachment; name=a"), "",
       verdict::malformed},
      {"no name", with_disposition("; filename=a"), "", verdict::malformed},
      {"no value of the name", with_disposition("; name=; filename=b"), "", verdict::malformed},
      {"a name without quotes that needs them", with_disposition("; name=a b"), "",
       verdict::malformed},
      {"two names", with_disposition("; name=a; name=b"), "", verdict::malformed},
      {"two filenames", with_disposition("; name=a; filename=b; filename=c"), "",
       verdict::malformed},
      {"two filenames*", with_disposition("; name=a; filename*=UTF-8''b; filename*=UTF-8''c"), "",
       verdict::malformed},
      {"open quotes", with_disposition("; name=\"a"), "", verdict::malformed},
      {"quotes that end in a backslash", with_disposition("; name=\"a\\\""), "",
       verdict::malformed},
      {"text after quotes", with_disposition("; name=\"a\"b"), "", verdict::malformed},
      {"no semicolon", with_disposition(" name=a"), "", verdict::malformed},
      {"a name that is not UTF-8", with_disposition("; name=\"\xe4\""), "", verdict::malformed},
      {"a filename* that is not UTF-8", with_disposition("; name=a; filename*=UTF-8''%E4"), "",
       verdict::malformed},
      {"a filename* with NUL", with_disposition("; name=a; filename*=UTF-8''a%00"), "",
       verdict::malformed},
      {"a filename* with a bad escape", with_disposition("; name=a; filename*=UTF-8''%4"), "",
       verdict::malformed},
      {"a filename* without a charset", with_disposition("; name=a; filename*=b"), "",
       verdict::malformed},
      {"a filename* in Latin-1", with_disposition("; name=a; filename*=iso-8859-1''b"), "",
       verdict::malformed},
  };
  for (const auto& r : rows) {
    CAPTURE(r.what);
    for (std::size_t cut = 0; cut <= r.body.size(); ++cut) {
      const std::string_view body = r.body;
      const auto got = read({body.substr(0, cut), body.substr(cut)});
      CAPTURE(cut);
      CHECK(got.end == r.end);
      CHECK(got.parts == r.parts);
    }
  }
}

TEST_CASE("a form gives the same parts however it is cut") {
  const std::string bodies[] = {
      two_parts,
      "preamble\r\n-\r\n--\r\n" + two_parts + "epilogue\r\n--b\r\n",
      "--b\r\n" + disposition + "a\r\n\r\n--b \r\n" + disposition +
          "\"\xc3\xa4\"\r\n\r\n\r\r\n\r\n-\r\n--\r\n--\r\n--b--",
  };
  for (const std::string_view body : bodies) {
    const auto whole = read(body);
    REQUIRE(whole.end == verdict::ok);
    for (std::size_t first = 0; first <= body.size(); ++first) {
      for (std::size_t second = first; second <= body.size(); ++second) {
        const auto got =
            read({body.substr(0, first), body.substr(first, second - first), body.substr(second)});
        if (got.end == whole.end && got.parts == whole.parts) continue;
        FAIL_CHECK("cut at " << first << " and " << second << ": " << got.parts);
      }
    }
    for (std::size_t size : {1, 2, 3, 5}) {
      std::vector<std::string_view> pieces;
      for (std::size_t at = 0; at < body.size(); at += size)
        pieces.push_back(body.substr(at, size));
      CHECK(read(pieces).parts == whole.parts);
    }
  }
}

TEST_CASE("data is handed on without being copied") {
  std::vector<std::string_view> views;
  aft::multipart_reader reader(
      "b", {.on_data = [&views](std::string_view data) { views.push_back(data); }});
  const std::string head = "--b\r\n" + disposition + "a\r\n\r\n";
  const std::string first = head + "hello\r\nworld", second = "!\r\n--b--";
  CHECK(reader.write(first) == verdict::ok);
  CHECK(reader.write(second) == verdict::ok);
  CHECK(reader.finish() == verdict::ok);
  REQUIRE(views.size() == 2);
  CHECK(views[0].data() == first.data() + head.size());
  CHECK(views[0] == "hello\r\nworld");
  CHECK(views[1].data() == second.data());
  CHECK(views[1] == "!");
}

TEST_CASE("each limit has its own verdict, and what came before it is the same however it is cut") {
  const std::string head = disposition + "a\r\n\r\n";
  auto part = [&](const std::string& data) { return "--b\r\n" + head + data + "\r\n"; };
  const auto body = part("123") + part("12345") + part("12") + "--b--";
  struct row {
    std::string what;
    aft::multipart_limits limits;
    const char* parts;
    verdict end;
  };
  const row rows[] = {
      {"all just within",
       {.max_parts = 3, .max_part_head = head.size(), .max_part_bytes = 5, .max_bytes = 10},
       "a=123;a=12345;a=12;",
       verdict::ok},
      {"one part fewer", {.max_parts = 2}, "a=123;a=12345;", verdict::too_many_parts},
      {"no parts", {.max_parts = 0}, "", verdict::too_many_parts},
      {"one byte less of a head", {.max_part_head = head.size() - 1}, "", verdict::head_too_large},
      {"no heads", {.max_part_head = 0}, "", verdict::head_too_large},
      {"one byte less in a part", {.max_part_bytes = 4}, "a=123;a=1234", verdict::part_too_large},
      {"one byte less in all", {.max_bytes = 9}, "a=123;a=12345;a=1", verdict::too_large},
      {"no bytes", {.max_bytes = 0}, "a=", verdict::too_large},
  };
  for (const auto& r : rows) {
    CAPTURE(r.what);
    for (std::size_t cut = 0; cut <= body.size(); ++cut) {
      const std::string_view text = body;
      const auto got = read({text.substr(0, cut), text.substr(cut)}, r.limits);
      CAPTURE(cut);
      CHECK(got.end == r.end);
      CHECK(got.parts == r.parts);
    }
  }
}

TEST_CASE("a head without an end is refused as soon as it is too long") {
  aft::multipart_reader reader("b", {}, {.max_part_head = 100});
  CHECK(reader.write("--b\r\n") == verdict::ok);
  CHECK(reader.write(std::string(100, 'x')) == verdict::ok);
  CHECK(reader.write("x") == verdict::head_too_large);
}

TEST_CASE("a reader that has refused goes on refusing") {
  std::string parts;
  aft::multipart_reader reader("b", into(parts));
  CHECK(reader.write("--b\n") == verdict::malformed);
  CHECK(reader.why() == "a boundary that does not end its line");
  CHECK(reader.write(two_parts) == verdict::malformed);
  CHECK(reader.write("") == verdict::malformed);
  CHECK(reader.finish() == verdict::malformed);
  CHECK(parts == "");

  aft::multipart_reader cut_off("b", into(parts));
  CHECK(cut_off.finish() == verdict::unfinished);
  CHECK(cut_off.write(two_parts) == verdict::unfinished);
  CHECK(parts == "");
}

TEST_CASE("a callback's exception ends the reading") {
  aft::multipart_reader reader(
      "b", {.on_part = [](const aft::part_head&) { throw std::runtime_error("disk full"); }});
  CHECK_THROWS_AS((void)reader.write(two_parts), std::runtime_error);
  CHECK(reader.write(two_parts) == verdict::abandoned);
  CHECK(reader.finish() == verdict::abandoned);
  CHECK(reader.why() == "its reading was given up");
}

TEST_CASE("callbacks may be left out") {
  aft::multipart_reader reader("b", {});
  CHECK(reader.write(two_parts) == verdict::ok);
  CHECK(reader.finish() == verdict::ok);
}

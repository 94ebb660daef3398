#include <aft/http/versioned.hpp>

#include <doctest/doctest.h>

#include <aft/app.hpp>

namespace {

struct note {
  int id;
  std::string title;
};

bool has(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

struct notes {
  int version = 7;
  aft::app app;
  notes() {
    app.state(version);
    app.get("/hashed", [] { return note{1, "a"}; }).etag();
    app.get("/plain", [] { return note{1, "a"}; });
    app.get("/missing", [] { return std::optional<note>(); }).etag();
    app.get("/note", [](int& v) -> aft::versioned<note> { return {{1, "a"}, aft::etag_of(v)}; });
    app.put("/note",
            [](aft::if_match expected, aft::body<note> in, int& v) -> aft::versioned<note> {
              expected.require(aft::etag_of(v));
              return {*in, aft::etag_of(++v)};
            });
    app.put("/any", [](aft::optional_if_match expected, int& v) {
      expected.require(aft::etag_of(v));
      ++v;
    });
  }
  aft::test_response get(const char* path, const char* known = nullptr) {
    aft::test_request r{.target = path};
    if (known) r.headers.emplace_back("If-None-Match", known);
    return app.handle(r);
  }
  aft::test_response put(const char* path, const char* expected = nullptr) {
    aft::test_request r{
        "PUT", path, {{"Content-Type", "application/json"}}, R"({"id":1,"title":"b"})"};
    if (expected) r.headers.emplace_back("If-Match", expected);
    return app.handle(r);
  }
};

}  // namespace

TEST_CASE_FIXTURE(notes, "a read is answered 304 for who has it") {
  const auto first = get("/hashed");
  CHECK(first.status == 200);
  const std::string tag(first.header("ETag").value());
  CHECK(tag == aft::etag_of(note{1, "a"}));
  const auto again = get("/hashed", tag.c_str());
  CHECK(again.status == 304);
  CHECK(again.body == "");
  CHECK(again.header("ETag") == tag);
  CHECK(!again.header("Content-Type"));
  CHECK(get("/hashed", ("\"x\", W/" + tag).c_str()).status == 304);
  CHECK(get("/hashed", "*").status == 304);
  CHECK(get("/hashed", "\"x\"").body == first.body);
  CHECK(get("/hashed", "no tag").status == 200);
  CHECK(app.handle({.method = "HEAD", .target = "/hashed"}).header("ETag") == tag);
}

TEST_CASE_FIXTURE(notes, "only what was read has a tag") {
  CHECK(!get("/plain").header("ETag"));
  CHECK(!get("/missing").header("ETag"));
  CHECK(get("/missing", "*").status == 404);
}

TEST_CASE_FIXTURE(notes, "a version is a tag") {
  CHECK(get("/note").header("ETag") == "\"7\"");
  CHECK(get("/note", "\"7\"").status == 304);
  CHECK(get("/note", "\"6\"").status == 200);
}

TEST_CASE_FIXTURE(notes, "a write that has seen another version is refused") {
  CHECK(put("/note").status == 428);
  CHECK(has(put("/note").body, "version_missing"));
  CHECK(put("/note", "\"6\"").status == 412);
  CHECK(put("/note", "7").status == 412);
  CHECK(version == 7);
  CHECK(put("/note", "\"6\", \"7\"").header("ETag") == "\"8\"");
  CHECK(put("/note", "W/\"8\"").status == 200);  // of an answer that was compressed
  CHECK(put("/note", "*").status == 200);
  CHECK(version == 10);
}

TEST_CASE_FIXTURE(notes, "who need not say the version may") {
  CHECK(put("/any").status == 204);
  CHECK(put("/any", "\"7\"").status == 412);
  CHECK(put("/any", "\"8\"").status == 204);
}

TEST_CASE_FIXTURE(notes, "the document tells of conditions") {
  const auto text = app.openapi({});
  CAPTURE(text);
  CHECK(has(text, R"("name":"If-None-Match","in":"header")"));
  CHECK(has(text, R"("name":"If-Match","in":"header")"));
  CHECK(has(text, R"("304":{"description":)"));
  CHECK(has(text, R"("412":{"description":)"));
  CHECK(has(text, R"("428":{"description":)"));
  CHECK(has(text, R"("headers":{"ETag":)"));
}

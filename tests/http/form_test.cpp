#include <aft/http/form.hpp>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <aft/app.hpp>

namespace {

std::string multipart(std::initializer_list<std::string> parts) {
  std::string text;
  for (const auto& p : parts) text += "--B\r\nContent-Disposition: form-data; " + p + "\r\n";
  return text + "--B--\r\n";
}

struct small_form : aft::form_data {
  explicit small_form(const aft::request& r)
      : form_data(r, {.limits = {.max_parts = 3, .max_part_bytes = 20},
                      .max_field_bytes = 10,
                      .max_fields_bytes = 15}) {}
};

std::string describe(const aft::form_data& form) {
  std::string text;
  for (const auto& f : form.fields()) text += fmt::format("{}={};", f.name, f.value);
  for (const auto& f : form.files()) {
    text += fmt::format("{}:{}:{}:{};", f.name, f.filename, f.content_type, f.content.read());
  }
  return text;
}

struct site : aft::app {
  site() {
    post("/", [](aft::body_into<aft::form_data> form) { return describe(*form); });
    post("/small", [](const aft::body_into<small_form>& form) { return describe(*form); });
  }
  std::string send(const char* path, const char* type, const std::string& body) {
    const auto got = handle({"POST", path, {{"Content-Type", type}}, body});
    return got.status == 200 ? got.body : std::to_string(got.status);
  }
};

const char* const typed = "multipart/form-data; boundary=B";

}  // namespace

TEST_CASE("fields and files of a form arrive apart") {
  site s;
  const auto body =
      multipart({"name=\"a\"\r\n\r\n1",
                 "name=\"f\"; filename=\"../x.txt\"\r\nContent-Type: text/x\r\n\r\nbytes",
                 "name=\"a\"\r\n\r\n2"});
  CHECK(s.send("/", typed, body) == "a=1;a=2;f:x.txt:text/x:bytes;");
  CHECK(s.send("/", "application/x-www-form-urlencoded", "a=1&b=%C3%A9+x&c&=d") ==
        "a=1;b=\xc3\xa9 x;c=;=d;");
  CHECK(s.send("/", typed, "--B--\r\n") == "");
}

TEST_CASE("what is no form is refused with its status") {
  site s;
  CHECK(s.send("/", "application/json", "{}") == "415");
  CHECK(s.send("/", "multipart/form-data", "--B--\r\n") == "415");
  CHECK(s.send("/", typed, "--B\r\nno") == "400");
  CHECK(s.send("/", typed, multipart({"name=\"a\"\r\n\r\n\xff"})) == "400");
  CHECK(s.send("/", "application/x-www-form-urlencoded", "a=%zz") == "400");
  CHECK(s.send("/", "application/x-www-form-urlencoded", "a=%ff") == "400");
}

TEST_CASE("a form has limits of its own") {
  site s;
  CHECK(s.send("/small", typed, multipart({"name=\"a\"\r\n\r\n1234567890"})) == "a=1234567890;");
  CHECK(s.send("/small", typed, multipart({"name=\"a\"\r\n\r\n12345678901"})) == "413");
  CHECK(s.send("/small", typed,
               multipart({"name=\"a\"\r\n\r\n12345678", "name=\"b\"\r\n\r\n12345678"})) == "413");
  CHECK(s.send("/small", typed,
               multipart({"name=\"f\"; filename=\"x\"\r\n\r\n123456789012345678901"})) == "413");
  const std::string part = "name=\"a\"\r\n\r\n1";
  CHECK(s.send("/small", typed, multipart({part, part, part})) == "a=1;a=1;a=1;");
  CHECK(s.send("/small", typed, multipart({part, part, part, part})) == "413");
  CHECK(s.send("/small", "application/x-www-form-urlencoded", "a=12345678901") == "413");
}

TEST_CASE("a form opens no more files than it may") {
  site s;
  std::string body;
  for (int i = 0; i < 33; ++i) {
    body += "--B\r\nContent-Disposition: form-data; name=f; filename=x\r\n\r\n\r\n";
  }
  CHECK(s.send("/", typed, body + "--B--\r\n") == "413");
}

TEST_CASE("fields and files are found by name") {
  site s;
  s.post("/find", [](aft::body_into<aft::form_data> form) {
    return fmt::format("{} {} {}", form->field("a").value_or("-"), form->field("z").value_or("-"),
                       form->file("f") ? form->file("f")->content.size() : 0);
  });
  CHECK(s.send("/find", typed,
               multipart({"name=\"a\"\r\n\r\n1", "name=\"f\"; filename=\"x\"\r\n\r\n12345"})) ==
        "1 - 5");
}

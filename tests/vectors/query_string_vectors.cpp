// busboy's tests of application/x-www-form-urlencoded: each name has the values that it lists.

#include <sstream>
#include <vector>

#include <aft/ground/encoding.hpp>
#include <aft/ground/json.hpp>
#include <aft/ground/query_string.hpp>

#include "vectors.hpp"

namespace {

struct expectation {
  std::string name, value;
};
struct form_case {
  std::string id, what, content_type, body_b64;
  aft::raw_json options;
  std::vector<expectation> expected;
};

// Every name that there is in the cases.
struct form {
  std::vector<std::string> foo, bar, baz, num, foo_1, foo_bar, nameless;

  static void rules(aft::rules<form>& r) {
    r(&form::foo_1).name("foo 1");
    r(&form::foo_bar).name("foo bar");
    r(&form::nameless).name("");
  }
  bool operator==(const form&) const = default;
};

std::vector<std::string>* find_values(form& f, std::string_view name) {
  if (name == "foo") return &f.foo;
  if (name == "bar") return &f.bar;
  if (name == "baz") return &f.baz;
  if (name == "num") return &f.num;
  if (name == "foo 1") return &f.foo_1;
  if (name == "foo bar") return &f.foo_bar;
  if (name.empty()) return &f.nameless;
  return nullptr;
}

bool is_right(const form_case& c) {
  form expected;
  for (const auto& e : c.expected) {
    auto* values = find_values(expected, e.name);
    if (!values) return false;
    values->push_back(e.value);
  }
  std::string body;
  if (!aft::from_base64(c.body_b64, body)) return false;
  const auto read = aft::query_string::read<form>(body);
  return read && *read == expected;
}

// Null, or why busboy's way is not ours.
const char* own_way(const form_case& c) {
  if (c.content_type.find("charset=") != std::string::npos) {
    return "it knows other charsets; the URL standard's form parser knows UTF-8 alone";
  }
  if (c.options.text != "{}") {
    return "its limits cut names, values and the list of them short; here the body has a limit";
  }
  return nullptr;
}

}  // namespace

int main() {
  int failures = 0, right = 0, free_choice = 0;
  std::istringstream lines(vectors::read(vectors::folder("multipart") / "urlencoded.jsonl"));
  for (std::string line; std::getline(lines, line);) {
    const auto c = aft::json::read<form_case>(line, {.ignore_unknown = true});
    if (!c) {
      std::cerr << "wrong: " << aft::json::write(c.reason()) << "\n";
      return 1;
    }
    if (const char* why = own_way(*c)) {
      ++free_choice;
      std::cout << "free: " << c->id << " (" << c->what << "): " << why << "\n";
    } else if (is_right(*c)) {
      ++right;
    } else {
      ++failures;
      std::cerr << "wrong: " << c->id << " (" << c->what << ")\n";
    }
  }
  std::cout << right << " right, " << free_choice << " free, " << failures << " wrong\n";
  return failures || right < 15 ? 1 : 0;
}

"""The programs whose compiling is timed: a small one and one of 50 routes, twice each.

Both of a pair do the same as far as cpp-httplib goes: it has neither JSON nor checks of input, so
its programs write their JSON by hand and take bodies as they come. Those of aft also read and check
every body and path value, and can write the API document. That is in cpp-httplib's favour.
"""

RESOURCES = 10  # with two structs and five routes each

HELLO_AFT = """#include <aft/aft.hpp>

int main() {
  aft::app app;
  app.get("/hello/{name}", [](std::string name) { return "Hello, " + name + "!\\n"; });
  app.run({.port = 8080});
}
"""

HELLO_HTTPLIB = """#include <httplib.h>

int main() {
  httplib::Server server;
  server.Get("/hello/([^/]+)", [](const httplib::Request& in, httplib::Response& out) {
    out.set_content("Hello, " + in.matches[1].str() + "!\\n", "text/plain");
  });
  server.listen("127.0.0.1", 8080);
}
"""

STRUCTS = """struct new_thing{n} {{
  std::string name;
  std::optional<std::string> note;
  double price;
  int amount;
  std::vector<std::string> tags;
}};
struct thing{n} {{
  std::int64_t id;
  std::string name;
  std::optional<std::string> note;
  double price;
  int amount;
  bool active;
  std::vector<std::string> tags;
}};
"""

ROUTES_AFT = """
void define_thing{n}(aft::app& app) {{
  app.get("/thing{n}", [] {{
    return std::vector<thing{n}>{{thing{n}{{1, "one", {{}}, 1, 1, true, {{}}}}}};
  }});
  app.get("/thing{n}/{{id}}", [](std::int64_t id) -> std::optional<thing{n}> {{
    if (id > 100) return std::nullopt;
    return thing{n}{{id, "one", "a note", 9.5, 3, true, {{"new", "red"}}}};
  }});
  app.post("/thing{n}", [](aft::body<new_thing{n}> in) -> aft::created<thing{n}> {{
    return {{thing{n}{{1, in->name, in->note, in->price, in->amount, true, in->tags}},
            "/thing{n}/1"}};
  }});
  app.put("/thing{n}/{{id}}", [](std::int64_t id, aft::body<new_thing{n}> in) {{
    return thing{n}{{id, in->name, in->note, in->price, in->amount, true, in->tags}};
  }});
  app.del("/thing{n}/{{id}}", [](std::int64_t id) {{
    if (id > 100) throw aft::not_found("no such thing");
  }});
}}
"""

JSON_BY_HAND = """
void append_json(std::string& out, const std::string& text) {
  out += '"';
  for (char c : text) {
    if (c == '"' || c == '\\\\') out += '\\\\';
    out += c;
  }
  out += '"';
}
void append_json(std::string& out, const std::vector<std::string>& texts) {
  out += '[';
  for (const auto& text : texts) {
    if (out.back() != '[') out += ',';
    append_json(out, text);
  }
  out += ']';
}
"""

ROUTES_HTTPLIB = """
std::string to_json(const thing{n}& t) {{
  std::string out = "{{\\"id\\":" + std::to_string(t.id) + ",\\"name\\":";
  append_json(out, t.name);
  out += ",\\"note\\":";
  if (t.note) append_json(out, *t.note);
  else out += "null";
  out += ",\\"price\\":" + std::to_string(t.price) + ",\\"amount\\":" + std::to_string(t.amount);
  out += t.active ? ",\\"active\\":true" : ",\\"active\\":false";
  out += ",\\"tags\\":";
  append_json(out, t.tags);
  return out + "}}";
}}
thing{n} from_body(std::int64_t id, const new_thing{n}& in) {{
  return {{id, in.name, in.note, in.price, in.amount, true, in.tags}};
}}

void define_thing{n}(httplib::Server& server) {{
  server.Get("/thing{n}", [](const httplib::Request&, httplib::Response& out) {{
    out.set_content("[" + to_json(thing{n}{{1, "one", {{}}, 1, 1, true, {{}}}}) + "]",
                    "application/json");
  }});
  server.Get(R"(/thing{n}/(\\d+))", [](const httplib::Request& in, httplib::Response& out) {{
    const auto id = std::stoll(in.matches[1].str());
    if (id > 100) {{
      out.status = 404;
      return;
    }}
    out.set_content(to_json(thing{n}{{id, "one", "a note", 9.5, 3, true, {{"new", "red"}}}}),
                    "application/json");
  }});
  server.Post("/thing{n}", [](const httplib::Request& in, httplib::Response& out) {{
    out.status = 201;
    out.set_header("Location", "/thing{n}/1");
    out.set_content(to_json(from_body(1, new_thing{n}{{in.body, {{}}, 1, 1, {{}}}})),
                    "application/json");
  }});
  server.Put(R"(/thing{n}/(\\d+))", [](const httplib::Request& in, httplib::Response& out) {{
    const auto id = std::stoll(in.matches[1].str());
    out.set_content(to_json(from_body(id, new_thing{n}{{in.body, {{}}, 1, 1, {{}}}})),
                    "application/json");
  }});
  server.Delete(R"(/thing{n}/(\\d+))", [](const httplib::Request& in, httplib::Response& out) {{
    out.status = std::stoll(in.matches[1].str()) > 100 ? 404 : 204;
  }});
}}
"""

STANDARD_HEADERS = """#include <cstdint>
#include <optional>
#include <string>
#include <vector>

"""


def _many(text):
    return "".join(text.format(n=n) for n in range(RESOURCES))


def _main(server, run):
    calls = "".join(f"  define_thing{n}(server);\n" for n in range(RESOURCES))
    return f"\nint main() {{\n  {server} server;\n{calls}  server.{run};\n}}\n"


def texts():
    """{size: {library: the program}}"""
    return {
        "hello": {"aft": HELLO_AFT, "cpp-httplib": HELLO_HTTPLIB},
        "50 routes": {
            "aft": "#include <aft/aft.hpp>\n\n" + STANDARD_HEADERS + _many(STRUCTS)
                   + _many(ROUTES_AFT) + _main("aft::app", "run({.port = 8080})"),
            "cpp-httplib": "#include <httplib.h>\n\n" + STANDARD_HEADERS + _many(STRUCTS)
                           + JSON_BY_HAND + _many(ROUTES_HTTPLIB)
                           + _main("httplib::Server", 'listen("127.0.0.1", 8080)'),
        },
    }

#include "openapi.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <vector>

#include <aft/ground/json.hpp>
#include <aft/ground/problem.hpp>

namespace aft::http {
namespace {

std::string lower_case(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = char(c + 32);
  }
  return out;
}

class document_writer {
 public:
  document_writer(const route_list& list, const api_info& info)
      : list_(list), info_(info), schemas_("#/components/schemas/") {}

  std::string write() {
    out_.append("{\"openapi\":\"3.1.0\",\"info\":{");
    member("title", info_.title);
    member(",\"version\"", info_.version);
    if (!info_.description.empty()) member(",\"description\"", info_.description);
    out_.append("},\"paths\":{");
    write_paths();
    out_.append("},\"components\":{\"schemas\":{");
    write_problem_schema();
    buffer definitions;
    schemas_.write_definitions(definitions);
    if (!definitions.empty()) out_.append(',');
    out_.append(definitions.view());
    out_.append('}');
    if (!list_.session_cookie.empty()) {
      out_.append(R"(,"securitySchemes":{"session":{"type":"apiKey","in":"cookie")");
      member(",\"name\"", list_.session_cookie);
      out_.append("}}");
    }
    out_.append("}}");
    return std::string(out_.view());
  }

 private:
  // `key` is a literal name, or one with the comma and quotes already around it.
  void member(std::string_view key, std::string_view value) {
    if (key.front() == ',') {
      out_.append(key);
    } else {
      out_.append('"');
      out_.append(key);
      out_.append('"');
    }
    out_.append(':');
    json::write_string(out_, value);
  }
  void number(int value) {
    char text[12];
    out_.append({text, std::size_t(std::to_chars(text, text + 12, value).ptr - text)});
  }

  static std::string document_path(std::string path) {
    for (std::size_t dots; (dots = path.find("...}")) != path.npos;) path.erase(dots, 3);
    return path;
  }

  void write_paths() {
    std::map<std::string, std::vector<const route_entry*>> paths;
    for (const auto& entry : list_.entries) {
      if (!entry->hidden) paths[document_path(entry->pattern)].push_back(entry.get());
    }
    bool first_path = true;
    for (const auto& [path, entries] : paths) {
      if (!first_path) out_.append(',');
      first_path = false;
      json::write_string(out_, path);
      out_.append(":{");
      bool first = true;
      for (const auto* entry : entries) {
        if (entry->method == method::other) {  // any method: the document names the usual ones
          for (const char* name : {"get", "post", "put", "patch", "delete"}) {
            write_operation(*entry, name, first);
          }
        } else {
          write_operation(*entry, lower_case(to_string(entry->method)), first);
        }
      }
      out_.append('}');
    }
  }

  // "get_notes_by_id": stable as long as method and path are.
  static std::string operation_id(const route_entry& entry, std::string_view verb) {
    std::string id(verb);
    std::string_view path = entry.pattern;
    while (!path.empty()) {
      path.remove_prefix(1);
      const auto segment = path.substr(0, path.find('/'));
      path.remove_prefix(segment.size());
      if (segment.empty()) continue;
      id += segment.front() == '{' ? "_by_" : "_";
      for (char c : segment) {
        const bool letter =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
        if (letter) id += c;
        else if (c != '{' && c != '}' && id.back() != '_') id += '_';
      }
    }
    while (id.back() == '_') id.pop_back();
    return id;
  }

  void write_operation(const route_entry& entry, std::string_view verb, bool& first) {
    if (!first) out_.append(',');
    first = false;
    json::write_string(out_, verb);
    out_.append(":{");
    member("operationId", operation_id(entry, verb));
    if (!entry.summary.empty()) member(",\"summary\"", entry.summary);
    if (!entry.description.empty()) member(",\"description\"", entry.description);
    if (!entry.tag.empty()) {
      out_.append(",\"tags\":[");
      json::write_string(out_, entry.tag);
      out_.append(']');
    }
    write_security(entry);
    write_parameters(entry);
    write_body(entry);
    write_responses(entry);
    out_.append('}');
  }

  // What the route and its arguments ask; the arguments' is found out before the start, too.
  static route_policy policy_of(const route_entry& entry) {
    auto policy = entry.policy;
    const auto add = [&policy](const auto& self, const argument_info* a,
                               std::uint32_t count) -> void {
      for (std::uint32_t i = 0; i < count; ++i) {
        if (a[i].kind != argument_kind::made) continue;
        self(self, a[i].needs, a[i].need_count);
        if (a[i].policy) policy.who = std::max(policy.who, a[i].policy->who);
      }
    };
    add(add, entry.handler.info().arguments, entry.handler.info().argument_count);
    return policy;
  }

  void write_security(const route_entry& entry) {
    if (list_.session_cookie.empty()) return;
    out_.append(policy_of(entry).who == admission::signed_in
                    ? std::string_view(R"(,"security":[{"session":[]}])")
                    : R"(,"security":[])");
  }

  // What handlers take directly, and what their from_request types take.
  template <class F>
  static void each_argument(const argument_info* arguments, std::uint32_t count, const F& f) {
    for (std::uint32_t i = 0; i < count; ++i) {
      if (arguments[i].kind == argument_kind::made) {
        each_argument(arguments[i].needs, arguments[i].need_count, f);
      } else {
        f(arguments[i]);
      }
    }
  }
  template <class F>
  static void each_argument(const route_entry& entry, const F& f) {
    each_argument(entry.handler.info().arguments, entry.handler.info().argument_count, f);
  }

  void write_parameters(const route_entry& entry) {
    bool any = false;
    std::size_t path_index = 0;
    auto parameter = [&](std::string_view name, std::string_view in, bool required,
                         const type_info& type, const constraints* rule) {
      out_.append(any ? std::string_view(",{") : ",\"parameters\":[{");
      any = true;
      member("name", name);
      member(",\"in\"", in);
      out_.append(required ? std::string_view(",\"required\":true,\"schema\":") : ",\"schema\":");
      const auto* held = type.kind == type_kind::optional ? type.element : &type;
      schemas_.write(out_, *held, rule);
      out_.append('}');
    };
    each_argument(entry, [&](const argument_info& a) {
      switch (a.kind) {
        case argument_kind::path:
          return parameter(entry.names[path_index++], "path", true, a.type(), nullptr);
        case argument_kind::query: {
          const auto& type = a.type();
          for (std::uint32_t i = 0; i < type.field_count; ++i) {
            const auto& field = type.fields[i];
            parameter(field.name, "query", false, *field.type, &field.rule);
          }
          return;
        }
        case argument_kind::header:
          // RFC 9110's Authorization is a security scheme, not a parameter (OpenAPI 4.8.12.1).
          if (equal_ignoring_case(a.name, "Authorization")) return;
          return parameter(a.name, "header", a.type().kind != type_kind::optional, a.type(),
                           nullptr);
        case argument_kind::cookie:
          return parameter(a.name, "cookie", a.type().kind != type_kind::optional, a.type(),
                           nullptr);
        default: return;
      }
    });
    if (any) out_.append(']');
  }

  void write_body(const route_entry& entry) {
    each_argument(entry, [&](const argument_info& a) {
      if (a.kind == argument_kind::body_into) {
        out_.append(",\"requestBody\":{\"required\":true,\"content\":{\"");
        out_.append(a.name);
        out_.append("\":{}}}");
      }
      if (a.kind != argument_kind::body) return;
      out_.append(",\"requestBody\":{\"required\":true,\"content\":{");
      const bool raw = a.type().kind == type_kind::string;
      out_.append(raw ? std::string_view("\"*/*\":{\"schema\":")
                      : "\"application/json\":{\"schema\":");
      schemas_.write(out_, a.type());
      out_.append("}}}");
    });
  }

  void write_responses(const route_entry& entry) {
    const auto& result = entry.handler.info().result;
    out_.append(",\"responses\":{\"");
    number(result.status);
    out_.append("\":{");
    member("description", reason_phrase(result.status));
    if (result.kind == content::json || result.kind == content::text) {
      out_.append(result.kind == content::json
                      ? std::string_view(",\"content\":{\"application/json\":{\"schema\":")
                      : ",\"content\":{\"text/plain\":{\"schema\":");
      schemas_.write(out_, result.type ? result.type() : type_of<std::string>());
      out_.append("}}");
    }
    out_.append('}');
    write_problems(entry);
    out_.append('}');
  }

  void write_problems(const route_entry& entry) {
    std::map<int, std::string> problems;
    each_argument(entry, [&](const argument_info& a) {
      if (a.kind == argument_kind::body) {
        problems.emplace(413, "The body is too large.");
        if (a.type().kind == type_kind::string) return;
        problems.emplace(400, "The request does not fit; see errors.");
        problems.emplace(415, "The body is not JSON by its content type.");
        problems.emplace(422, "The body does not fit; see errors.");
      } else if (a.kind != argument_kind::request && a.kind != argument_kind::resource) {
        problems.emplace(400, "The request does not fit; see errors.");
      }
    });
    if (entry.handler.info().result.may_be_missing)
      problems.emplace(404, "Nothing was found there.");
    if (!list_.session_cookie.empty() && policy_of(entry).who == admission::signed_in) {
      problems.emplace(401, "Nobody is signed in.");
      problems.emplace(403, "Who is signed in may not do this.");
    }
    for (const auto& [status, when] : entry.answers) problems[status] = when;
    for (const auto& [status, when] : problems) {
      out_.append(",\"");
      number(status);
      out_.append("\":{");
      member("description", when);
      out_.append(
          ",\"content\":{\"application/problem+json\":{\"schema\":{\"$ref\":"
          "\"#/components/schemas/problem\"}}}}");
    }
  }

  void write_problem_schema() {
    out_.append(
        R"("problem":{"type":"object","description":"RFC 9457","properties":{)"
        R"("type":{"type":"string"},"title":{"type":"string"},"status":{"type":"integer"},)"
        R"("detail":{"type":"string"},"code":{"type":"string"},"instance":{"type":"string"},)"
        R"("errors":{"type":"array","items":{"type":"object","properties":{)"
        R"("in":{"type":"string","enum":["body","path","query","header","cookie",""]},)"
        R"("pointer":{"type":"string","description":"JSON Pointer"},"code":{"type":"string"},)"
        R"("detail":{"type":"string"}},"required":["in","pointer","code","detail"]}}},)"
        R"("required":["type","status"]})");
  }

  const route_list& list_;
  const api_info& info_;
  json::schema_writer schemas_;
  buffer out_;
};

}  // namespace

std::string write_openapi(const route_list& list, const api_info& info) {
  return document_writer(list, info).write();
}

}  // namespace aft::http

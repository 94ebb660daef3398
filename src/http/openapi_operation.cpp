#include "openapi_operation.hpp"

#include <algorithm>
#include <map>
#include <vector>

#include <aft/ground/problem.hpp>

namespace aft::http {
namespace {

// What handlers take directly, what their from_request types take, and those themselves.
template <class F>
void each_argument(const argument_info* arguments, std::uint32_t count, const F& f) {
  for (std::uint32_t i = 0; i < count; ++i) {
    f(arguments[i]);
    each_argument(arguments[i].needs, arguments[i].need_count, f);
  }
}
template <class F>
void each_argument(const route_entry& entry, const F& f) {
  each_argument(entry.handler.info().arguments, entry.handler.info().argument_count, f);
}

bool is_letter_of_id(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// "get_notes_by_id" as a line for people: "Get notes by id".
std::string summary_from(std::string id) {
  std::replace(id.begin(), id.end(), '_', ' ');
  if (!id.empty() && id.front() >= 'a' && id.front() <= 'z') id.front() = char(id.front() - 32);
  return id;
}

const type_info& without_optional(const type_info& type) {
  return type.kind == type_kind::optional ? *type.element : type;
}

class operation_writer {
 public:
  operation_writer(const operation_context& to, const route_entry& entry)
      : out_(to.out), schemas_(to.schemas), problems_(to.problems), entry_(entry),
        result_(entry.handler.info().result) {}

  void write(std::string_view verb) {
    const auto id = operation_id(entry_, verb);
    out_.open('{');
    out_.member("operationId", id);
    out_.member("summary", entry_.summary.empty() ? summary_from(id) : entry_.summary);
    out_.member_unless_empty("description", entry_.description);
    if (!entry_.tag.empty()) {
      out_.open("tags", '[');
      out_.text(entry_.tag);
      out_.close(']');
    }
    write_parameters();
    write_body();
    write_responses(verb);
    write_security();
    out_.close('}');
  }

 private:
  const noted_parameter* note_of(std::string_view name) const {
    for (const auto& note : entry_.parameters) {
      if (note.name == name) return &note;
    }
    return nullptr;
  }

  void parameter(std::string_view name, std::string_view in, const type_info& type,
                 const constraints* rule, bool required, const void* initially = nullptr) {
    const auto* note = note_of(name);
    const auto& held = without_optional(type);
    constraints shown = rule ? *rule : held.rule;
    const auto description = note && !note->description.empty()
                                 ? std::string_view(note->description)
                                 : shown.description;
    shown.description = {};  // it stands at the parameter
    if (note && !note->example.empty()) shown.example = note->example;
    if (!any_parameter_) out_.open("parameters", '[');
    any_parameter_ = true;
    out_.open('{');
    out_.member("name", name);
    out_.member("in", in);
    out_.member_unless_empty("description", description);
    if (required) {
      out_.name("required");
      out_.raw("true");
    }
    out_.name("schema");
    auto& to = out_.value();
    schemas_.write(to, held, &shown);
    if (initially && type.kind != type_kind::optional && type.kind != type_kind::array) {
      to.resize_down(to.size() - 1);
      to.append(",\"default\":");
      json::write(to, initially, type);
      to.append('}');
    }
    out_.close('}');
  }

  void write_parameters() {
    std::size_t path_index = 0;
    each_argument(entry_, [&](const argument_info& a) {
      switch (a.kind) {
        case argument_kind::path:
          return parameter(entry_.names[path_index++], "path", a.type(), nullptr, true);
        case argument_kind::query: {
          const auto& type = a.type();
          const auto* initially = static_cast<const char*>(a.defaults());
          for (std::uint32_t i = 0; i < type.field_count; ++i) {
            const auto& field = type.fields[i];
            parameter(field.name, "query", *field.type, &field.rule, false,
                      initially + field.offset);
          }
          return;
        }
        case argument_kind::header:
          // RFC 9110's Authorization is a security scheme, not a parameter (OpenAPI 4.8.12.1).
          if (equal_ignoring_case(a.name, "Authorization")) return;
          return parameter(a.name, "header", a.type(), nullptr,
                           a.type().kind != type_kind::optional);
        case argument_kind::cookie:
          return parameter(a.name, "cookie", a.type(), nullptr,
                           a.type().kind != type_kind::optional);
        default: return;
      }
    });
    if (reads_conditions()) {
      parameter("If-None-Match", "header", type_of<std::string>(), nullptr, false);
    }
    if (any_parameter_) out_.close(']');
  }

  bool reads_conditions() const {
    return entry_.method == method::get && (entry_.has_etag || result_.has_etag);
  }

  void write_body() {
    each_argument(entry_, [&](const argument_info& a) {
      if (a.kind != argument_kind::body && a.kind != argument_kind::body_into) return;
      const bool is_raw = a.kind == argument_kind::body_into || a.type().kind == type_kind::string;
      out_.open("requestBody", '{');
      out_.name("required");
      out_.raw("true");
      out_.open("content", '{');
      if (!is_raw) {
        write_json_content("application/json", a.type());
      } else {
        out_.open(a.kind == argument_kind::body ? std::string_view("*/*") : a.name, '{');
        if (a.kind == argument_kind::body) {
          out_.name("schema");
          schemas_.write(out_.value(), a.type());
        }
        out_.close('}');
      }
      out_.close('}');
      out_.close('}');
    });
  }

  void write_json_content(std::string_view media, const type_info& type) {
    out_.open(media, '{');
    out_.name("schema");
    schemas_.write(out_.value(), type);
    out_.name("example");
    json::write_example(out_.value(), type);
    out_.close('}');
  }

  void write_responses(std::string_view verb) {
    out_.open("responses", '{');
    write_result(verb);
    std::map<int, const noted_answer*> noted;
    for (const auto& answer : entry_.answers) {
      if (answer.type || answer.status < 400) noted[answer.status] = &answer;
    }
    for (const auto& [status, answer] : noted) {
      if (status == result_.status) continue;  // it has described that one
      out_.open(std::to_string(status), '{');
      out_.member("description", answer->when);
      if (answer->type) {
        out_.open("content", '{');
        write_json_content("application/json", answer->type());
        out_.close('}');
      }
      out_.close('}');
    }
    if (reads_conditions()) {
      out_.open("304", '{');
      out_.member("description", "It is still what If-None-Match names.");
      write_etag_header();
      out_.close('}');
    }
    write_problems();
    out_.close('}');
  }

  void write_result(std::string_view verb) {
    const noted_answer* note = nullptr;
    for (const auto& answer : entry_.answers) {
      if (answer.status == result_.status) note = &answer;
    }
    out_.open(std::to_string(result_.status), '{');
    out_.member("description", note ? std::string_view(note->when) : reason_phrase(result_.status));
    if (result_.has_etag || (entry_.has_etag && verb == "get")) write_etag_header();
    const auto media = entry_.content_type.empty() ? result_.media : entry_.content_type;
    if (note && note->type) {
      out_.open("content", '{');
      write_json_content("application/json", note->type());
      out_.close('}');
    } else if (result_.kind == content::json) {
      out_.open("content", '{');
      write_json_content("application/json", result_.type());
      out_.close('}');
    } else if (result_.kind == content::text || !media.empty()) {
      out_.open("content", '{');
      out_.open(media.empty() ? std::string_view("text/plain") : media, '{');
      out_.name("schema");
      schemas_.write(out_.value(), type_of<std::string>());
      out_.close('}');
      out_.close('}');
    }
    out_.close('}');
  }

  void write_etag_header() {
    out_.open("headers", '{');
    out_.open("ETag", '{');
    out_.member("description", "Names this state of it (RFC 9110 section 8.8.3).");
    out_.name("schema");
    schemas_.write(out_.value(), type_of<std::string>());
    out_.close('}');
    out_.close('}');
  }

  void write_problem(std::string_view status, int number, std::string_view when) {
    out_.open(status, '{');
    out_.member("description", when);
    if (number == 503 || (number == 429 && !entry_.limits.empty())) {
      out_.open("headers", '{');
      out_.open("Retry-After", '{');
      out_.member("description", "Seconds.");
      out_.name("schema");
      schemas_.write(out_.value(), type_of<std::uint32_t>());
      out_.close('}');
      if (number == 429) write_limit_headers();
      out_.close('}');
    }
    out_.open("content", '{');
    if (problems_.type) {
      write_json_content(problems_.media, problems_.type());
    } else {
      out_.open(problems_.media, '{');
      out_.name("schema");
      out_.raw(R"({"$ref":"#/components/schemas/problem"})");
      out_.name("example");
      aft::write_problem(out_.value(), {number, std::string(when)});
      out_.close('}');
    }
    out_.close('}');
    out_.close('}');
  }

  void write_limit_headers() {
    for (const auto& [name, description] :
         {std::pair("RateLimit-Policy", "The limits: of each, how many in how many seconds."),
          std::pair("RateLimit", "Of each, what is left, and the seconds until all of it is.")}) {
      out_.open(name, '{');
      out_.member("description", description);
      out_.name("schema");
      schemas_.write(out_.value(), type_of<std::string>());
      out_.close('}');
    }
  }

  void write_problems() {
    auto all = problems_of(entry_);
    if (problems_.misfit != 400) {
      if (auto misfit = all.extract(400)) {
        misfit.key() = problems_.misfit;
        all.insert(std::move(misfit));
      }
    }
    for (const auto& [status, when] : all) {
      write_problem(std::to_string(status), status, when);
    }
    write_problem("default", 500, "Whatever else keeps the server from answering.");
  }

  void write_security() {
    const auto ways = securities_of(entry_);
    out_.open("security", '[');
    bool strangers = false;
    for (const auto& way : ways) {
      strangers |= !way.required;
      out_.open('{');
      out_.open(way.scheme, '[');
      out_.close(']');
      out_.close('}');
    }
    if (strangers) out_.raw("{}");
    out_.close(']');
  }

  document_writer& out_;
  json::schema_writer& schemas_;
  const problem_form& problems_;
  const route_entry& entry_;
  const result_info& result_;
  bool any_parameter_ = false;
};

}  // namespace

std::string operation_id(const route_entry& entry, std::string_view verb) {
  if (!entry.operation_id.empty() && entry.method != method::other) return entry.operation_id;
  std::string id(verb);
  std::string_view path = entry.pattern;
  while (!path.empty()) {
    path.remove_prefix(1);
    const auto segment = path.substr(0, path.find('/'));
    path.remove_prefix(segment.size());
    if (segment.empty()) continue;
    id += segment.front() == '{' ? "_by_" : "_";
    for (char c : segment) {
      if (is_letter_of_id(c)) id += c;
      else if (c != '{' && c != '}' && id.back() != '_') id += '_';
    }
  }
  while (id.back() == '_') id.pop_back();
  return id;
}

// By the route itself, or by what it takes; which is known before the start, too.
bool needs_session(const route_entry& entry) {
  auto who = entry.policy.who;
  each_argument(entry, [&who](const argument_info& a) {
    if (a.policy) who = std::max(who, a.policy->who);
  });
  return who == admission::signed_in;
}

std::vector<noted_security> securities_of(const route_entry& entry) {
  std::vector<noted_security> all = entry.securities;
  if (needs_session(entry)) all.push_back({"session", true});
  each_argument(entry, [&all](const argument_info& a) {
    for (std::uint32_t i = 0; i < a.security_count; ++i) {
      const auto& one = a.securities[i];
      const auto known = std::find_if(all.begin(), all.end(), [&one](const noted_security& s) {
        return s.scheme == one.scheme;
      });
      if (known == all.end()) all.push_back({std::string(one.scheme), one.required});
      else known->required |= one.required;
    }
  });
  const bool needed = std::any_of(all.begin(), all.end(), [](const auto& s) { return s.required; });
  if (needed) {
    for (auto& one : all) one.required = true;
  }
  return all;
}

std::map<int, std::string> problems_of(const route_entry& entry) {
  std::map<int, std::string> all{{400, "The request does not fit; see its errors."}};
  const auto& info = entry.handler.info();
  if (needs_session(entry)) {
    all.emplace(401, "Nobody is signed in.");
    all.emplace(403, "Who is signed in may not do this.");
  }
  bool asks = false, waits = entry.handler.least_lane != lane::io || entry.deadline;
  each_argument(entry, [&](const argument_info& a) {
    if (a.kind == argument_kind::body || a.kind == argument_kind::body_into) {
      all.emplace(413, "The body is too large.");
    }
    if (a.kind == argument_kind::body && a.type().kind != type_kind::string) {
      all.emplace(415, "The body is not JSON by its content type.");
      all.emplace(422, "The body does not fit; see its errors.");
    }
    waits |= a.kind == argument_kind::resource;
    for (std::uint32_t i = 0; i < a.security_count; ++i) asks |= a.securities[i].required;
    for (std::uint32_t i = 0; i < a.answer_count; ++i) {
      all.emplace(a.answers[i].status, a.answers[i].when);
    }
  });
  if (!entry.limits.empty()) all.emplace(429, "Too many requests; see Retry-After and RateLimit.");
  for (const auto& one : entry.securities) asks |= one.required;
  if (asks) all.emplace(401, "It is not known who asks.");
  if (info.result.may_be_missing) all.emplace(404, "Nothing was found there.");
  if (waits) all.emplace(503, "There is more to do than can be taken on; see Retry-After.");
  for (const auto& answer : entry.answers) {
    if (answer.status >= 400 && !answer.type) all[answer.status] = answer.when;
    if (answer.type) all.erase(answer.status);
  }
  return all;
}

void write_operation(const operation_context& to, const route_entry& entry, std::string_view verb) {
  operation_writer(to, entry).write(verb);
}

}  // namespace aft::http

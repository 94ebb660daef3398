#include "openapi.hpp"

#include <algorithm>
#include <map>
#include <vector>

#include "openapi_operation.hpp"

namespace aft::http {
namespace {

constexpr std::string_view verbs_of_any[] = {"get", "post", "put", "patch", "delete"};

std::string lower_case(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = char(c + 32);
  }
  return out;
}

std::string document_path(std::string path) {
  for (std::size_t dots; (dots = path.find("...}")) != path.npos;) path.erase(dots, 3);
  return path;
}

std::string_view kind_in_document(security_scheme::kind kind) {
  switch (kind) {
    case security_scheme::kind::header: return "header";
    case security_scheme::kind::cookie: return "cookie";
    case security_scheme::kind::query: return "query";
    default: return {};
  }
}

class api_document {
 public:
  api_document(const route_list& list, const api_info& info)
      : list_(list), info_(info), schemas_("#/components/schemas/") {}

  std::string write() {
    out_.open('{');
    out_.member("openapi", "3.1.0");
    write_info();
    write_servers();
    write_tags();
    write_paths();
    write_components();
    out_.close('}');
    return std::string(out_.view());
  }

 private:
  void write_info() {
    out_.open("info", '{');
    out_.member("title", info_.title);
    out_.member_unless_empty("summary", info_.summary);
    out_.member_unless_empty("description", info_.description);
    out_.member_unless_empty("termsOfService", info_.terms_of_service);
    const auto& c = info_.contact;
    if (!c.name.empty() || !c.url.empty() || !c.email.empty()) {
      out_.open("contact", '{');
      out_.member_unless_empty("name", c.name);
      out_.member_unless_empty("url", c.url);
      out_.member_unless_empty("email", c.email);
      out_.close('}');
    }
    if (!info_.license.name.empty()) {
      out_.open("license", '{');
      out_.member("name", info_.license.name);
      out_.member_unless_empty("url", info_.license.url);
      out_.close('}');
    }
    out_.member("version", info_.version);
    out_.close('}');
  }

  void write_servers() {
    out_.open("servers", '[');
    for (const auto& s : info_.servers) {
      out_.open('{');
      out_.member("url", s.url);
      out_.member_unless_empty("description", s.description);
      out_.close('}');
    }
    if (info_.servers.empty()) out_.raw(R"({"url":"/","description":"This server"})");
    out_.close(']');
  }

  void write_tag(const api_tag& tag) {
    out_.open('{');
    out_.member("name", tag.name);
    out_.member_unless_empty("description", tag.description);
    out_.close('}');
  }
  void write_tags() {
    std::vector<std::string> more;
    const auto known = [&](const std::string& name) {
      return std::find(more.begin(), more.end(), name) != more.end() ||
             std::any_of(info_.tags.begin(), info_.tags.end(),
                         [&name](const api_tag& t) { return t.name == name; });
    };
    for (const auto& entry : list_.entries) {
      if (!entry->hidden && !entry->tag.empty() && !known(entry->tag)) more.push_back(entry->tag);
    }
    if (info_.tags.empty() && more.empty()) return;
    out_.open("tags", '[');
    for (const auto& tag : info_.tags) write_tag(tag);
    for (const auto& name : more) write_tag({name});
    out_.close(']');
  }

  void write_paths() {
    std::map<std::string, std::vector<const route_entry*>> paths;
    for (const auto& entry : list_.entries) {
      if (!entry->hidden) paths[document_path(entry->pattern)].push_back(entry.get());
    }
    out_.open("paths", '{');
    for (const auto& [path, entries] : paths) {
      out_.open(path, '{');
      write_path(entries);
      out_.close('}');
    }
    out_.close('}');
  }

  void write_path(const std::vector<const route_entry*>& entries) {
    std::vector<std::string> taken;
    for (const auto* entry : entries) {
      if (entry->method == method::other) continue;
      taken.push_back(lower_case(to_string(entry->method)));
      operation(*entry, taken.back());
    }
    for (const auto* entry : entries) {  // any other method: the document names the usual ones
      if (entry->method != method::other) continue;
      for (const auto verb : verbs_of_any) {
        if (std::find(taken.begin(), taken.end(), verb) == taken.end()) operation(*entry, verb);
      }
    }
  }

  void operation(const route_entry& entry, std::string_view verb) {
    out_.name(verb);
    write_operation({out_, schemas_, info_.problems}, entry, verb);
    for (const auto& way : securities_of(entry)) {
      const bool known = std::any_of(used_.begin(), used_.end(),
                                     [&way](const auto& name) { return name == way.scheme; });
      if (!known) used_.push_back(way.scheme);
    }
  }

  void write_components() {
    out_.open("components", '{');
    out_.open("schemas", '{');
    if (!info_.problems.type &&
        out_.view().find("#/components/schemas/problem\"") != std::string_view::npos) {
      write_problem_schema();
    }
    buffer definitions;
    schemas_.write_definitions(definitions);
    if (!definitions.empty()) out_.raw(definitions.view());
    out_.close('}');
    write_security_schemes();
    out_.close('}');
  }

  const security_scheme* scheme_called(std::string_view name) const {
    for (const auto* all : {&info_.security_schemes, &list_.security_schemes}) {
      for (const auto& scheme : *all) {
        if (scheme.name == name) return &scheme;
      }
    }
    return nullptr;
  }

  void write_security_schemes() {
    if (used_.empty()) return;
    out_.open("securitySchemes", '{');
    for (const auto& name : used_) {
      const auto* scheme = scheme_called(name);
      out_.open(name, '{');
      write_scheme(scheme ? *scheme : security_scheme{name});
      out_.close('}');
    }
    out_.close('}');
  }

  void write_scheme(const security_scheme& scheme) {
    switch (scheme.in) {
      case security_scheme::kind::bearer:
      case security_scheme::kind::basic:
        out_.member("type", "http");
        out_.member("scheme", scheme.in == security_scheme::kind::basic ? "basic" : "bearer");
        out_.member_unless_empty("bearerFormat", scheme.bearer_format);
        break;
      case security_scheme::kind::open_id:
        out_.member("type", "openIdConnect");
        out_.member("openIdConnectUrl", scheme.parameter);
        break;
      default:
        out_.member("type", "apiKey");
        out_.member("in", kind_in_document(scheme.in));
        out_.member("name", scheme.parameter);
    }
    out_.member_unless_empty("description", scheme.description);
  }

  void write_problem_schema() {
    out_.name("problem");
    out_.raw(R"({"type":"object","description":"RFC 9457","properties":{)"
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
  document_writer out_;
  std::vector<std::string> used_;  // names of security schemes
};

}  // namespace

std::string write_openapi(const route_list& list, const api_info& info) {
  return api_document(list, info).write();
}

}  // namespace aft::http

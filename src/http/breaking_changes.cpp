#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include <fmt/format.h>

#include <aft/ground/error.hpp>
#include <aft/ground/json.hpp>
#include <aft/http/openapi.hpp>

namespace aft {
namespace {

using members = std::map<std::string, raw_json>;

// An object of the document; empty for what is none.
members members_of(const std::string& json) {
  if (json.empty() || json.find('{') == json.npos) return {};
  auto read = json::read<members>(json);
  return read ? *std::move(read) : members();
}
std::vector<raw_json> items_of(const std::string& json) {
  auto read = json::read<std::vector<raw_json>>(json);
  return read ? *std::move(read) : std::vector<raw_json>();
}
std::string text_of(const std::string& json) {
  auto read = json::read<std::string>(json);
  return read ? *std::move(read) : std::string();
}
const std::string& in(const members& object, const std::string& name) {
  static const std::string nothing;
  const auto found = object.find(name);
  return found == object.end() ? nothing : found->second.text;
}
std::optional<double> number_in(const members& object, const std::string& name) {
  const auto& text = in(object, name);
  if (text.empty()) return {};
  auto read = json::read<double>(text);
  return read ? std::optional(*read) : std::nullopt;
}
std::set<std::string> texts_in(const members& object, const std::string& name) {
  std::set<std::string> all;
  for (const auto& item : items_of(in(object, name))) all.insert(text_of(item.text));
  return all;
}

// One of the two documents.
class contract {
 public:
  explicit contract(std::string_view json, const char* which) {
    auto read = json::read<members>(json);
    if (!read || !in(*read, "openapi").starts_with("\"3.")) {
      throw error(fmt::format("the document {} is no OpenAPI 3 in JSON", which));
    }
    root_ = *std::move(read);
  }
  const members& root() const { return root_; }

  // With its "$ref" followed; `name` becomes where it leads to.
  members resolve(const std::string& json, std::string* name = nullptr) const {
    auto object = members_of(json);
    for (int steps = 0; steps < 32; ++steps) {
      const auto ref = text_of(in(object, "$ref"));
      if (!ref.starts_with("#/")) break;
      if (name) *name = ref;
      object = at(ref);
    }
    return object;
  }

 private:
  members at(std::string_view ref) const {
    members object = root_;
    ref.remove_prefix(2);
    while (!ref.empty()) {
      const auto end = std::min(ref.find('/'), ref.size());
      std::string part(ref.substr(0, end));
      for (const auto& [escape, letter] : {std::pair("~1", "/"), std::pair("~0", "~")}) {
        for (std::size_t p; (p = part.find(escape)) != part.npos;) part.replace(p, 2, letter);
      }
      object = members_of(in(object, part));
      ref.remove_prefix(std::min(end + 1, ref.size()));
    }
    return object;
  }
  members root_;
};

enum class direction { sent, answered };  // by the client, to the client

class comparison {
 public:
  comparison(const contract& before, const contract& after) : before_(before), after_(after) {}

  std::string run() {
    const auto paths = members_of(in(after_.root(), "paths"));
    for (const auto& [path, item] : members_of(in(before_.root(), "paths"))) {
      const auto now = after_.resolve(in(paths, path));
      const auto then = before_.resolve(item.text);
      for (const char* verb :
           {"get", "put", "post", "delete", "patch", "head", "options", "trace"}) {
        if (!then.count(verb)) continue;
        where_ = fmt::format("{} {}", upper(verb), path);
        if (!now.count(verb)) say("is gone");
        else compare_operations(then, now, verb);
      }
    }
    return std::move(found_);
  }

 private:
  static std::string upper(std::string text) {
    for (char& c : text) c = char(c - 32);
    return text;
  }
  void say(const std::string& what) { found_ += fmt::format("{}: {}\n", where_, what); }

  void compare_operations(const members& path_then, const members& path_now,
                          const std::string& verb) {
    const auto then = members_of(in(path_then, verb)), now = members_of(in(path_now, verb));
    const auto id = text_of(in(then, "operationId"));
    if (!id.empty() && id != text_of(in(now, "operationId"))) {
      say(fmt::format("has another operation id than {}", id));
    }
    compare_parameters(parameters(before_, path_then, then), parameters(after_, path_now, now));
    compare_bodies(before_.resolve(in(then, "requestBody")),
                   after_.resolve(in(now, "requestBody")));
    compare_answers(members_of(in(then, "responses")), members_of(in(now, "responses")));
    compare_security(ways(before_, then), ways(after_, now));
  }

  static std::map<std::string, members> parameters(const contract& of, const members& path,
                                                   const members& operation) {
    std::map<std::string, members> all;
    for (const auto* from : {&path, &operation}) {
      for (const auto& item : items_of(in(*from, "parameters"))) {
        auto p = of.resolve(item.text);
        auto name = fmt::format("{} parameter {}", text_of(in(p, "in")), text_of(in(p, "name")));
        all[std::move(name)] = std::move(p);
      }
    }
    return all;
  }
  void compare_parameters(const std::map<std::string, members>& then,
                          const std::map<std::string, members>& now) {
    for (const auto& [name, p] : then) {
      const auto found = now.find(name);
      if (found == now.end()) {
        say(fmt::format("takes no {} any more", name));
        continue;
      }
      if (in(p, "required") != "true" && in(found->second, "required") == "true") {
        say(fmt::format("now requires the {}", name));
      }
      compare_schemas(in(p, "schema"), in(found->second, "schema"), name, direction::sent);
    }
    for (const auto& [name, p] : now) {
      if (!then.count(name) && in(p, "required") == "true") {
        say(fmt::format("requires a new {}", name));
      }
    }
  }

  void compare_bodies(const members& then, const members& now) {
    if (in(now, "required") == "true" && in(then, "required") != "true") {
      say("now requires a body");
    }
    if (then.empty()) return;
    if (now.empty()) return say("takes no body any more");
    compare_content(then, now, "body", direction::sent);
  }

  void compare_content(const members& then, const members& now, const std::string& what,
                       direction d) {
    const auto media_now = members_of(in(now, "content"));
    for (const auto& [type, media] : members_of(in(then, "content"))) {
      if (!media_now.count(type)) {
        say(fmt::format("its {} is no longer {}", what, type));
        continue;
      }
      compare_schemas(in(members_of(media.text), "schema"),
                      in(members_of(in(media_now, type)), "schema"), what, d);
    }
  }

  void compare_answers(const members& then, const members& now) {
    for (const auto& [status, answer] : then) {
      const bool is_success = status.front() == '2' || status.front() == '3';
      if (!now.count(status)) {
        if (is_success) say(fmt::format("no longer answers {}", status));
        continue;
      }
      compare_content(before_.resolve(answer.text), after_.resolve(in(now, status)),
                      "answer " + status, direction::answered);
    }
    for (const auto& [status, answer] : now) {
      if (status.front() == '2' && !then.count(status)) say(fmt::format("may answer {}", status));
    }
  }

  static std::set<std::string> ways(const contract& of, const members& operation) {
    const auto& own = in(operation, "security");
    std::set<std::string> all;
    for (const auto& way : items_of(own.empty() ? in(of.root(), "security") : own)) {
      std::string names;
      for (const auto& [name, scopes] : members_of(way.text)) names += name + scopes.text + " ";
      all.insert(names);
    }
    if (all.empty()) all.insert("");
    return all;
  }
  void compare_security(const std::set<std::string>& then, const std::set<std::string>& now) {
    if (now.count("")) return;  // anybody may ask
    for (const auto& way : then) {
      if (now.count(way)) continue;
      say(way.empty() ? "now asks who calls"
                      : "no longer lets in by " + way.substr(0, way.find('[')));
    }
  }

  void compare_schemas(const std::string& before, const std::string& after, const std::string& what,
                       direction d) {
    if (before == after && before.find("$ref") == before.npos) return;
    std::string name_then, name_now;
    const auto then = before_.resolve(before, &name_then);
    const auto now = after_.resolve(after, &name_now);
    if (!name_then.empty() && !name_now.empty()) {
      // Structs that hold themselves; and what several answers share is told at each of them.
      const auto pair = name_then + " " + name_now + (d == direction::sent ? "s" : "a");
      if (std::find(inside_.begin(), inside_.end(), pair) != inside_.end()) return;
      inside_.push_back(pair);
      compare_resolved(then, now, what, d);
      inside_.pop_back();
    } else {
      compare_resolved(then, now, what, d);
    }
  }

  void compare_resolved(const members& then, const members& now, const std::string& what,
                        direction d) {
    compare_types(then, now, what, d);
    compare_limits(d == direction::sent ? then : now, d == direction::sent ? now : then, what);
    compare_members(then, now, what, d);
    if (then.count("items")) {
      compare_schemas(in(then, "items"), in(now, "items"), "items of " + what, d);
    }
    if (then.count("additionalProperties") && in(then, "additionalProperties") != "false") {
      compare_schemas(in(then, "additionalProperties"), in(now, "additionalProperties"),
                      "members of " + what, d);
    }
    const auto then_any = items_of(in(then, "anyOf")), now_any = items_of(in(now, "anyOf"));
    if (then_any.size() != now_any.size()) return say(fmt::format("{} has other forms", what));
    for (std::size_t i = 0; i < then_any.size(); ++i) {
      compare_schemas(then_any[i].text, now_any[i].text, what, d);
    }
  }

  static std::set<std::string> types(const members& schema) {
    const auto& type = in(schema, "type");
    if (type.starts_with("[")) return texts_in(schema, "type");
    return type.empty() ? std::set<std::string>() : std::set<std::string>{text_of(type)};
  }

  // What is sent may become wider, what is answered narrower.
  void compare_types(const members& then, const members& now, const std::string& what,
                     direction d) {
    const auto &wide = d == direction::sent ? now : then,
               &narrow = d == direction::sent ? then : now;
    const auto allowed = types(wide), used = types(narrow);
    const bool fits =
        allowed.empty() ||
        (!used.empty() && std::all_of(used.begin(), used.end(), [&](const std::string& t) {
          return allowed.count(t) || (t == "integer" && allowed.count("number"));
        }));
    if (!fits) say(fmt::format("{} has another type", what));
    const auto values = texts_in(wide, "enum"), used_values = texts_in(narrow, "enum");
    if (!values.empty() &&
        (used_values.empty() ||
         !std::includes(values.begin(), values.end(), used_values.begin(), used_values.end()))) {
      say(fmt::format("{} {}", what,
                      d == direction::sent ? "takes fewer values" : "may have other values"));
    }
  }

  // `used` must lie within `allowed`.
  void compare_limits(const members& used, const members& allowed, const std::string& what) {
    for (const char* least : {"minimum", "minLength", "minItems", "minProperties"}) {
      const auto limit = number_in(allowed, least), was = number_in(used, least);
      if (limit && *limit > was.value_or(std::string_view(least) == "minimum" ? -1e300 : 0)) {
        say(fmt::format("{} has another {}", what, least));
      }
    }
    for (const char* most : {"maximum", "maxLength", "maxItems", "maxProperties"}) {
      const auto limit = number_in(allowed, most), was = number_in(used, most);
      if (limit && (!was || *limit < *was)) say(fmt::format("{} has another {}", what, most));
    }
    for (const char* word : {"pattern", "contentEncoding"}) {
      if (allowed.count(word) && in(allowed, word) != in(used, word)) {
        say(fmt::format("{} has another {}", what, word));
      }
    }
  }

  void compare_members(const members& then, const members& now, const std::string& what,
                       direction d) {
    const auto then_all = members_of(in(then, "properties")),
               now_all = members_of(in(now, "properties"));
    const auto then_needed = texts_in(then, "required"), now_needed = texts_in(now, "required");
    const auto inside = [&what](const std::string& name) { return what + "/" + name; };
    for (const auto& [name, schema] : then_all) {
      if (!now_all.count(name)) {
        if (d == direction::answered) say(fmt::format("{} is gone", inside(name)));
        else if (in(now, "additionalProperties") == "false") {
          say(fmt::format("{} is no longer taken", inside(name)));
        }
        continue;
      }
      compare_schemas(schema.text, in(now_all, name), inside(name), d);
    }
    const auto& more = d == direction::sent ? now_needed : then_needed;
    const auto& less = d == direction::sent ? then_needed : now_needed;
    for (const auto& name : more) {
      if (less.count(name) || (d == direction::answered && !now_all.count(name))) continue;
      say(fmt::format("{} {}", inside(name),
                      d == direction::sent ? "is now required" : "may be missing now"));
    }
  }

  const contract &before_, &after_;
  std::string where_, found_;
  std::vector<std::string> inside_;
};

}  // namespace

std::string breaking_changes(std::string_view before, std::string_view after) {
  const contract then(before, "before"), now(after, "after");
  return comparison(then, now).run();
}

std::string broken_contract(const std::string& file, std::string_view document) {
  std::ifstream in_file(file, std::ios::binary);
  if (!in_file) return {};
  const std::string promised{std::istreambuf_iterator<char>(in_file), {}};
  const auto broken = breaking_changes(promised, document);
  if (broken.empty()) return {};
  return "what " + file + " promised is broken:\n" + broken +
         "where that is meant, write the new document into the file\n";
}

}  // namespace aft

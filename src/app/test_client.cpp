#include <aft/test_client.hpp>

#include <algorithm>
#include <map>

#include <fmt/format.h>

namespace aft {
namespace {

constexpr std::size_t longest_shown = 500;

std::string shown(const std::string& body) {
  return body.size() <= longest_shown ? body : body.substr(0, longest_shown) + "...";
}

// The text of what stands at a JSON Pointer.
std::optional<std::string> find_json(const std::string& text, std::string_view pointer) {
  if (pointer.empty()) return text;
  const auto end = std::min(pointer.find('/', 1), pointer.size());
  std::string name;
  for (std::size_t i = 1; i < end; ++i) {
    if (pointer[i] == '~' && i + 1 < end) name += pointer[++i] == '1' ? '/' : '~';
    else name += pointer[i];
  }
  const auto rest = pointer.substr(end);
  if (const auto members = json::read<std::map<std::string, raw_json>>(text)) {
    const auto at = members->find(name);
    if (at == members->end()) return {};
    return find_json(at->second.text, rest);
  }
  if (const auto items = json::read<std::vector<raw_json>>(text)) {
    std::size_t index = 0;
    for (const char c : name) {
      if (c < '0' || c > '9') return {};
      index = index * 10 + std::size_t(c - '0');
    }
    if (name.empty() || index >= items->size()) return {};
    return find_json((*items)[index].text, rest);
  }
  return {};
}

std::string without_spaces(std::string_view text) {
  std::string out;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted && c == '\\') {
      out.append(text.substr(i++, 2));
      continue;
    }
    if (c == '"') quoted = !quoted;
    if (quoted || (c != ' ' && c != '\n' && c != '\r' && c != '\t')) out += c;
  }
  return out;
}

struct shown_error {
  std::string pointer;
};
struct shown_problem {
  std::vector<shown_error> errors;
};

}  // namespace

void checked_response::fail(const std::string& why, source_place place) const {
  throw expectation_failed(fmt::format("{}:{}: {}: {}; it answered {} {}", place.file, place.line,
                                       what_, why, response_.status, shown(response_.body)));
}

void checked_response::does_not_fit(const field_errors& errors, source_place place) const {
  std::string why = "the body does not fit:";
  for (const auto& e : errors) why += fmt::format(" {} {};", e.pointer, e.detail);
  fail(why, place);
}

const checked_response& checked_response::expect(int status, source_place place) const {
  if (response_.status != status) fail(fmt::format("expected {}", status), place);
  return *this;
}

const checked_response& checked_response::expect_header(std::string_view name,
                                                        source_place place) const {
  if (!response_.header(name)) fail(fmt::format("expected a header {}", name), place);
  return *this;
}

const checked_response& checked_response::expect_header(std::string_view name,
                                                        std::string_view value,
                                                        source_place place) const {
  const auto seen = response_.header(name);
  if (seen != value) {
    fail(fmt::format("expected {}: {}, seen {}", name, value, seen.value_or("none")), place);
  }
  return *this;
}

const checked_response& checked_response::expect_body(std::string_view body,
                                                      source_place place) const {
  if (response_.body != body) fail(fmt::format("expected the body {}", body), place);
  return *this;
}

const checked_response& checked_response::expect_json(std::string_view pointer,
                                                      std::string_view json,
                                                      source_place place) const {
  const auto seen = find_json(response_.body, pointer);
  if (!seen) fail(fmt::format("expected something at \"{}\"", pointer), place);
  if (without_spaces(*seen) != without_spaces(json)) {
    fail(fmt::format("expected {} at \"{}\", seen {}", json, pointer, *seen), place);
  }
  return *this;
}

const checked_response& checked_response::expect_error(std::string_view pointer,
                                                       source_place place) const {
  const auto p = json::read<shown_problem>(response_.body, {.ignore_unknown = true});
  if (!p || std::none_of(p->errors.begin(), p->errors.end(),
                         [&](const shown_error& e) { return e.pointer == pointer; })) {
    fail(fmt::format("expected a problem with an error at \"{}\"", pointer), place);
  }
  return *this;
}

namespace {

void set(checked_response::headers& all, std::string name, std::string value) {
  for (auto& [known, old] : all) {
    if (equal_ignoring_case(known, name)) {
      old = std::move(value);
      return;
    }
  }
  all.emplace_back(std::move(name), std::move(value));
}

}  // namespace

test_client& test_client::header(std::string name, std::string value) {
  set(headers_, std::move(name), std::move(value));
  return *this;
}

checked_response test_client::send(test_request request) {
  for (const auto& mine : headers_) {
    const bool own =
        std::any_of(request.headers.begin(), request.headers.end(),
                    [&mine](const auto& h) { return equal_ignoring_case(h.first, mine.first); });
    if (!own) request.headers.push_back(mine);
  }
  std::string cookies;
  for (const auto& [name, value] : cookies_) {
    cookies += fmt::format("{}{}={}", cookies.empty() ? "" : "; ", name, value);
  }
  if (!cookies.empty()) request.headers.emplace_back("Cookie", cookies);
  auto what = request.method + " " + request.target;
  auto answer = app_.handle(request);
  keep_cookies(answer);
  return {std::move(answer), std::move(what)};
}

checked_response test_client::send_json(const char* method, std::string target, std::string body) {
  return send({method, std::move(target), {{"Content-Type", "application/json"}}, std::move(body)});
}

void test_client::keep_cookies(const test_response& r) {
  for (const auto& [name, line] : r.headers) {
    if (!equal_ignoring_case(name, "Set-Cookie")) continue;
    const auto pair = line.substr(0, line.find(';'));
    const auto equals = pair.find('=');
    if (equals == pair.npos) continue;
    const auto cookie = pair.substr(0, equals);
    if (line.find("Max-Age=0") != line.npos) {
      cookies_.erase(std::remove_if(cookies_.begin(), cookies_.end(),
                                    [&](auto& c) { return c.first == cookie; }),
                     cookies_.end());
    } else {
      set(cookies_, cookie, pair.substr(equals + 1));
    }
  }
}

}  // namespace aft

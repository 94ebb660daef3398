#include <aft/ground/query_string.hpp>

#include "call.hpp"
#include "dispatcher.hpp"
#include "letters.hpp"
#include "route_list.hpp"

namespace aft::http {
namespace {

field_error in(std::string_view where, std::string_view name) {
  field_error error;
  error.in = where;
  error.pointer.append("/").append(name);
  return error;
}

// The raw value of a placeholder, decoded. False when it has been refused.
bool path_value(call& c, unsigned index, std::string_view& text) {
  const auto segment = c.match.value_at[index];
  if (!c.match.has_rest || index + 1 != c.match.value_count) {
    text = c.segments.text[segment];
    return true;
  }
  if (join_rest(c.segments, segment, c.decoded_rest, text)) return true;
  c.fail(400, "the path holds an encoded slash where it would be ambiguous");
  return false;
}

bool is_json_type(std::string_view content_type) {
  auto media = content_type.substr(0, content_type.find(';'));
  while (media.ends_with(' ')) media.remove_suffix(1);
  if (equal_ignoring_case(media, "application/json")) return true;
  const auto plus = media.rfind('+');
  return plus != media.npos && equal_ignoring_case(media.substr(plus), "+json");
}

void read_optional_text(call& c, std::optional<std::string_view> text, field_error&& error,
                        void* value, const type_info& type) {
  if (!text) {
    if (type.kind == type_kind::optional) return;
    error.code = "missing";
    error.detail = "is required";
    c.fail(400, std::move(error));
  } else if (!read_text(*text, value, type, nullptr, error)) {
    c.fail(400, std::move(error));
  }
}

}  // namespace

void read_path(call& c, unsigned index, void* value, const type_info& type) {
  std::string_view text;
  if (!path_value(c, index, text)) return;
  auto error = in("path", c.route->names[index]);
  if (!read_text(text, value, type, nullptr, error)) c.fail(400, std::move(error));
}

void read_path(call& c, unsigned index, std::string_view& value) {
  if (!path_value(c, index, value)) return;
  std::string checked;
  auto error = in("path", c.route->names[index]);
  if (!read_text(value, &checked, type_of<std::string>(), nullptr, error)) {
    c.fail(400, std::move(error));
  }
}

void read_query(call& c, void* value, const type_info& type) {
  field_errors errors;
  if (query_string::read(c.incoming.query(), value, type, errors)) return;
  for (auto& error : errors) c.fail(400, std::move(error));
}

void read_body(call& c, void* value, const type_info& type) {
  if (!c.head.has(known::content_type) || !is_json_type(c.head.value(known::content_type))) {
    return c.fail(415, "the body must be JSON, with Content-Type: application/json");
  }
  field_errors errors;
  if (json::read(c.incoming.body(), value, type, errors)) return;
  const int status = errors.front().code == "syntax" ? 400 : 422;
  for (auto& error : errors) {
    error.in = "body";
    c.fail(status, std::move(error));
  }
}

void read_body(call& c, std::string& value) { value = c.incoming.body(); }

void take_body(call& c, const body_taker& taker) { c.taker = taker; }

void read_header(call& c, std::string_view name, void* value, const type_info& type) {
  read_optional_text(c, c.incoming.header(name), in("header", name), value, type);
}

void read_cookie(call& c, std::string_view name, void* value, const type_info& type) {
  read_optional_text(c, c.incoming.cookie(name), in("cookie", name), value, type);
}

}  // namespace aft::http

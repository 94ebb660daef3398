#include <charconv>

#include <aft/ground/error.hpp>
#include <aft/ground/query_string.hpp>

#include "call.hpp"
#include "dispatcher.hpp"
#include "letters.hpp"

namespace aft::http {
namespace {

constexpr std::size_t long_enough_to_move = 4096;

bool is_header_value(std::string_view value) {
  for (char c : value) {
    const auto u = static_cast<unsigned char>(c);
    if ((u < 32 && c != '\t') || u == 127) return false;
  }
  return true;
}

void set_body(reply& r, std::string&& body) {
  if (body.size() >= long_enough_to_move) r.long_body = std::move(body);
  else r.body.append(body);
}

}  // namespace

void add_header(reply& r, std::string_view name, std::string_view value) {
  if (!is_token(name)) throw error("a response header with a malformed name");
  if (!is_header_value(value)) {
    throw error("the response header " + std::string(name) + " holds a control character");
  }
  if (equal_ignoring_case(name, "Content-Length") ||
      equal_ignoring_case(name, "Transfer-Encoding") || equal_ignoring_case(name, "Date")) {
    throw error("the response header " + std::string(name) + " is the server's own to send");
  }
  if (equal_ignoring_case(name, "Connection")) {
    r.closes = r.closes || equal_ignoring_case(value, "close");
    return;
  }
  if (equal_ignoring_case(name, "Content-Type")) {
    r.content_type_storage = value;
    r.content_type = r.content_type_storage;
    return;
  }
  char* at = r.headers.reserve(name.size() + value.size() + 4);
  std::memcpy(at, name.data(), name.size());
  at += name.size();
  *at++ = ':', *at++ = ' ';
  std::memcpy(at, value.data(), value.size());
  at += value.size();
  *at++ = '\r', *at++ = '\n';
  r.headers.stop_at(at);
}

void call::fail(int status, std::string detail) {
  if (failed) return;
  failed = true;
  failure = problem{status, std::move(detail)};
}

void call::fail(int status, field_error error) {
  if (!failed) {
    failed = true;
    failure = problem{status, "the request does not fit; see errors"};
  } else if (failure.errors.empty()) {
    return;  // failed for another reason
  }
  if (status > failure.status) failure.status = status;
  failure.errors.push_back(std::move(error));
}

const request& request_of(call& c) { return c.incoming; }
bool failed(const call& c) { return c.failed; }
void* find_resource(call& c, resource_key key) { return c.owner->find(key, c); }

void reply_json(call& c, int status, const void* value, const type_info& type) {
  c.answer.status = status;
  c.answer.content_type = json_type;
  json::write(c.answer.body, value, type);
}

void reply_created(call& c, const void* value, const type_info& type, const std::string& location) {
  reply_json(c, 201, value, type);
  if (!location.empty()) add_header(c.answer, "Location", location);
}

void reply_text(call& c, std::string_view text) {
  c.answer.status = 200;
  c.answer.content_type = text_type;
  c.answer.body.append(text);
}

void reply_text(call& c, std::string&& text) {
  c.answer.status = 200;
  c.answer.content_type = text_type;
  set_body(c.answer, std::move(text));
}

void reply_empty(call& c, int status) { c.answer.status = status; }

void reply_missing(call& c) { c.fail(404, "nothing was found there"); }

void reply_with(call& c, response&& r) {
  if (r.status < 200 || r.status > 599) {
    throw error("a response with the status " + std::to_string(r.status));
  }
  c.answer.status = r.status;
  if (!r.content_type.empty()) {
    if (!is_header_value(r.content_type)) throw error("a malformed content type in a response");
    c.answer.content_type_storage = std::move(r.content_type);
    c.answer.content_type = c.answer.content_type_storage;
  }
  for (const auto& [name, value] : r.headers) add_header(c.answer, name, value);
  set_body(c.answer, std::move(r.body));
}

void reply_problem(call& c, problem&& p) {
  if (p.status < 400 || p.status > 599) {
    throw error("a problem with the status " + std::to_string(p.status));
  }
  c.failed = true;
  c.failure = std::move(p);
}

}  // namespace aft::http

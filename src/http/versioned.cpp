#include <aft/http/versioned.hpp>

#include <aft/ground/digest.hpp>
#include <aft/ground/encoding.hpp>

#include "conditional.hpp"
#include "entity_tag.hpp"

namespace aft {

std::string http::etag_of_json(std::string_view json) {
  constexpr std::size_t enough = 16;  // bytes, that nobody makes two answers of one tag
  return '"' + to_hex(sha256(json).substr(0, enough)) + '"';
}

std::string etag_of(std::int64_t version) { return '"' + std::to_string(version) + '"'; }

// A client that took the answer compressed has the tag as a weak one, but it is of the same JSON: a
// tag is made from that, not from the bytes that were sent.
bool if_match::matches(std::string_view etag) const {
  std::string strong;
  for (std::size_t i = 0; i < header_.size(); ++i) {
    if (header_.compare(i, 3, "W/\"") == 0) ++i;
    else strong += header_[i];
  }
  const http::representation current{true, etag, {}};
  const http::request_conditions conditions{.if_match = strong};
  return http::check_conditions(method::put, current, conditions).verdict ==
         http::condition_verdict::proceed;
}

void if_match::require(std::string_view etag) const {
  if (matches(etag)) return;
  throw problem{.status = 412,
                .detail = "it has been changed since; read it again, and then change it",
                .code = "changed"};
}

result<if_match, problem> from_request<if_match>::from(line header) {
  if (header.value) return if_match(*header.value);
  return problem{.status = 428,
                 .detail =
                     "say by If-Match which version this is to change: the ETag it was read "
                     "with",
                 .code = "version_missing"};
}

optional_if_match from_request<optional_if_match>::from(line header) {
  if (!header.value) return optional_if_match(std::nullopt);
  return optional_if_match(if_match(*header.value));
}

namespace http {
namespace {

// Answers 304 where the client has it already; the tag stands in any case.
void answer_with_etag(call& c, std::string_view etag) {
  std::string values;
  for (const auto& line : c.incoming.headers()) {
    if (!equal_ignoring_case(line.name, "If-None-Match")) continue;
    values.append(values.empty() ? "" : ", ").append(line.value);
  }
  const bool is_known =
      !values.empty() &&
      check_conditions(c.head.method, {true, etag, {}}, {.if_none_match = values}).verdict ==
          condition_verdict::not_modified;
  if (is_known) {
    c.answer.body.clear();
    c.answer.long_body.clear();
    c.answer.content_type = {};
    c.answer.status = 304;
  }
  add_header(c.answer, "ETag", etag);
}

}  // namespace

void reply_versioned(call& c, const void* value, const type_info& type, std::string_view etag) {
  reply_json(c, 200, value, type);
  answer_with_etag(c, etag);
}

void add_etag(call& c) {
  const bool reads = c.head.method == method::get || c.head.method == method::head;
  const bool is_json = c.answer.content_type == json_type;
  if (!reads || !is_json || c.answer.status != 200 || c.answer.source) return;
  if (c.answer.headers.view().find("ETag: ") != std::string_view::npos) return;
  answer_with_etag(c, etag_of_json(c.answer.content()));
}

}  // namespace http
}  // namespace aft

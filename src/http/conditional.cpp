#include "conditional.hpp"

#include "http_date.hpp"
#include "letters.hpp"

namespace aft::http {
namespace {

enum class tag_comparison { strong, weak };
enum class tag_match { none, found, malformed };

// RFC 9110 section 8.8.3: the visible letters but '"', and whatever is not ASCII.
bool is_tag_letter(char c) {
  const auto u = static_cast<unsigned char>(c);
  return u >= 0x21 && u != '"' && u != 0x7f;
}

bool is_weak(std::string_view tag) { return tag.starts_with("W/"); }

bool same_tag(std::string_view a, std::string_view b, tag_comparison how) {
  if (how == tag_comparison::strong) return !is_weak(a) && a == b;
  if (is_weak(a)) a.remove_prefix(2);
  if (is_weak(b)) b.remove_prefix(2);
  return a == b;
}

// Takes an entity tag from the front of the text; empty where there is none.
std::string_view take_tag(std::string_view& text) {
  const auto begin = text;
  std::size_t size = is_weak(text) ? 2 : 0;
  if (size == text.size() || text[size++] != '"') return {};
  while (size < text.size() && is_tag_letter(text[size])) ++size;
  if (size == text.size() || text[size++] != '"') return {};
  text.remove_prefix(size);
  return begin.substr(0, size);
}

// A list of entity tags, or "*" for whatever exists.
tag_match find_tag(std::string_view list, const representation& current, tag_comparison how) {
  list = without_blanks(list);
  if (list == "*") return current.exists ? tag_match::found : tag_match::none;
  auto match = tag_match::malformed;  // while there is no tag
  for (bool separated = true; !list.empty(); list = without_blanks(list)) {
    if (list.front() == ',') {
      separated = true;
      list.remove_prefix(1);
      continue;
    }
    const auto tag = take_tag(list);
    if (tag.empty() || !separated) return tag_match::malformed;
    separated = false;
    const bool same = current.exists && !current.etag.empty() && same_tag(tag, current.etag, how);
    if (same) match = tag_match::found;
    else if (match == tag_match::malformed) match = tag_match::none;
  }
  return match;
}

bool is_read(aft::method method) { return method == method::get || method == method::head; }

// If-Match, or else If-Unmodified-Since.
bool still_as_expected(const representation& current, const request_conditions& conditions) {
  if (conditions.if_match) {
    return find_tag(*conditions.if_match, current, tag_comparison::strong) == tag_match::found;
  }
  if (!conditions.if_unmodified_since || !current.exists || !current.last_modified) return true;
  const auto date = read_http_date(*conditions.if_unmodified_since, conditions.now);
  return !date || *current.last_modified <= *date;
}

// If-None-Match, or else If-Modified-Since: whether the client has it already. A method that
// changes something knows the first alone.
bool is_known(aft::method method, const representation& current,
              const request_conditions& conditions) {
  if (conditions.if_none_match) {
    switch (find_tag(*conditions.if_none_match, current, tag_comparison::weak)) {
      case tag_match::none: return false;
      case tag_match::found: return true;
      case tag_match::malformed: return !is_read(method);
    }
  }
  if (!conditions.if_modified_since || !is_read(method)) return false;
  if (!current.exists || !current.last_modified) return false;
  const auto date = read_http_date(*conditions.if_modified_since, conditions.now);
  return date && *current.last_modified <= *date;
}

// If-Range: an entity tag, compared strongly, or the very date.
bool is_same_for_range(const representation& current, const request_conditions& conditions) {
  if (!conditions.if_range) return true;
  auto value = *conditions.if_range;
  if (const auto tag = take_tag(value); !tag.empty()) {
    return value.empty() && same_tag(tag, current.etag, tag_comparison::strong);
  }
  if (!current.last_modified) return false;
  return read_http_date(value, conditions.now) == current.last_modified;
}

}  // namespace

condition_outcome check_conditions(aft::method method, const representation& current,
                                   const request_conditions& conditions) {
  // Section 13.2.1: these select no representation.
  if (method == method::options || method == method::trace) return {};
  if (!still_as_expected(current, conditions)) return {condition_verdict::precondition_failed};
  if (is_known(method, current, conditions)) {
    return {is_read(method) ? condition_verdict::not_modified
                            : condition_verdict::precondition_failed};
  }
  return {condition_verdict::proceed,
          method == method::get && current.exists && is_same_for_range(current, conditions)};
}

}  // namespace aft::http

#pragma once
// The paths that routes are written with, checked when the program is compiled.
//
//   "/notes/{id}"        one whole segment, decoded
//   "/files/{rest...}"   all that follows, with its slashes; it may be nothing, or end in one
//
// A path is split at '/' first and each segment is percent-decoded once, so "%2F" is a letter of a
// value and never separates. Segments "." and ".." (also encoded), "%00" and malformed escapes are
// refused with 400, as is "%2F" inside {rest...}. An empty segment matches nothing: "//" is 404. A
// slash too many or too few at the end is answered 308 where the other spelling is a route.
// A literal segment is preferred to {name}, and {name} to {rest...}, whatever the order of
// registration; if the preferred way leads nowhere, the next is tried.

#include <cstddef>
#include <string_view>
#include <type_traits>

#include <aft/http/handler.hpp>

namespace aft {
namespace detail {

// These functions are never defined: a wrong pattern makes the compiler name one of them.
void ROUTE_must_start_with_a_slash();
void ROUTE_has_an_unclosed_brace();
void ROUTE_has_an_empty_segment();
void ROUTE_has_a_dot_segment();
void ROUTE_has_a_bad_character();
void ROUTE_placeholder_must_be_a_whole_segment();
void ROUTE_has_an_empty_or_bad_placeholder_name();
void ROUTE_repeats_a_placeholder_name();
void ROUTE_rest_placeholder_must_be_last();
void ROUTE_has_more_than_16_placeholders();
void ROUTE_has_MORE_placeholders_than_the_handler_has_path_values();
void ROUTE_has_FEWER_placeholders_than_the_handler_has_path_values();
void ROUTE_placeholder_name_differs_from_the_handlers_path_name();
void ROUTE_path_values_of_the_handler_must_come_first();

constexpr bool is_name_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}
// What may stand in a literal segment: RFC 3986's pchar without '%', and bytes of UTF-8.
constexpr bool is_literal_letter(char c) {
  return is_name_letter(c) || (c & 0x80) ||
         std::string_view("-.~!$&'()*+,;=:@").find(c) != std::string_view::npos;
}

struct pattern_scan {
  std::string_view names[16]{};
  unsigned count = 0;
  bool has_rest = false;
};

constexpr void scan_segment(std::string_view segment, bool last, pattern_scan& found) {
  if (segment.empty()) return ROUTE_has_an_empty_segment();
  const auto open = segment.find('{'), close = segment.find('}');
  if (open == segment.npos && close == segment.npos) {
    if (segment == "." || segment == "..") ROUTE_has_a_dot_segment();
    for (char c : segment) {
      if (!is_literal_letter(c)) ROUTE_has_a_bad_character();
    }
    return;
  }
  if (open == segment.npos || close == segment.npos) ROUTE_has_an_unclosed_brace();
  if (open != 0 || close + 1 != segment.size()) ROUTE_placeholder_must_be_a_whole_segment();
  auto name = segment.substr(1, segment.size() - 2);
  if (name.size() >= 3 && name.substr(name.size() - 3) == "...") {
    if (!last) ROUTE_rest_placeholder_must_be_last();
    name = name.substr(0, name.size() - 3);
    found.has_rest = true;
  }
  if (name.empty()) ROUTE_has_an_empty_or_bad_placeholder_name();
  for (char c : name) {
    if (!is_name_letter(c)) ROUTE_has_an_empty_or_bad_placeholder_name();
  }
  for (unsigned i = 0; i < found.count; ++i) {
    if (found.names[i] == name) ROUTE_repeats_a_placeholder_name();
  }
  if (found.count == 16) ROUTE_has_more_than_16_placeholders();
  found.names[found.count++] = name;
}

constexpr pattern_scan scan_pattern(std::string_view text) {
  pattern_scan found;
  if (text.empty() || text[0] != '/') ROUTE_must_start_with_a_slash();
  for (std::size_t begin = 1; begin < text.size();) {
    auto end = text.find('/', begin);
    if (end == text.npos) end = text.size();
    scan_segment(text.substr(begin, end - begin), end + 1 >= text.size(), found);
    begin = end + 1;
  }
  return found;
}

constexpr void check_handler(const pattern_scan& found, const argument_info* infos,
                             unsigned count) {
  unsigned paths = 0;
  for (unsigned i = 0; i < count; ++i) {
    if (infos[i].kind != argument_kind::path) continue;
    if (paths != i) ROUTE_path_values_of_the_handler_must_come_first();
    if (paths >= found.count) {
      ROUTE_has_FEWER_placeholders_than_the_handler_has_path_values();
    } else if (!infos[i].name.empty() && infos[i].name != found.names[paths]) {
      ROUTE_placeholder_name_differs_from_the_handlers_path_name();
    }
    ++paths;
  }
  if (found.count > paths) ROUTE_has_MORE_placeholders_than_the_handler_has_path_values();
}

}  // namespace detail

// Where in the program a route was written.
struct source_place {
  const char* file = "";
  unsigned line = 0;
  // As the default of a parameter: where the call stands.
  static constexpr source_place here(const char* file = __builtin_FILE(),
                                     unsigned line = __builtin_LINE()) {
    return {file, line};
  }
};

// A literal that fits a handler F, or the program does not compile.
template <class F>
class pattern {
 public:
  consteval pattern(const char* text, const char* file = __builtin_FILE(),
                    unsigned line = __builtin_LINE())
      : text_(text), place_{file, line} {
    using bound = detail::bind<F>;
    detail::check_handler(detail::scan_pattern(text_), bound::infos, bound::count);
  }
  std::string_view text() const { return text_; }
  source_place place() const { return place_; }

 private:
  std::string_view text_;
  source_place place_;
};

}  // namespace aft

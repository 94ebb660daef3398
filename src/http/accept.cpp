#include "accept.hpp"

#include <aft/http/message.hpp>

#include "letters.hpp"

namespace aft::http {
namespace {

// ---- RFC 9110 section 5.6: lists, parameters, quoted strings

// The length of a quoted string at the start of the text; 0 where it does not end.
std::size_t quoted_size(std::string_view text) {
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '\\') ++i;
    else if (text[i] == '"') return i + 1;
  }
  return 0;
}

// Takes what stands before the next `separator` that is not quoted, and that.
std::string_view take_part(std::string_view& text, char separator) {
  std::size_t size = 0;
  while (size < text.size() && text[size] != separator) {
    const auto quoted = text[size] == '"' ? quoted_size(text.substr(size)) : 1;
    size = quoted ? size + quoted : text.size();
  }
  const auto part = text.substr(0, size);
  text.remove_prefix(size < text.size() ? size + 1 : size);
  return without_blanks(part);
}

struct named_value {
  std::string_view name, value;
};

// "charset=utf-8" or "charset=\"utf-8\"".
std::optional<named_value> read_parameter(std::string_view text) {
  const auto equals = text.find('=');
  if (equals == text.npos) return {};
  const named_value p{text.substr(0, equals), text.substr(equals + 1)};
  const bool quoted = p.value.starts_with('"') && quoted_size(p.value) == p.value.size();
  if (!is_token(p.name) || !(quoted || is_token(p.value))) return {};
  return p;
}

// The next letter of a parameter's value, without its quotes and backslashes; 0 at the end.
char take_letter(std::string_view& value, bool quoted) {
  if (quoted && value.starts_with('\\')) value.remove_prefix(1);
  if (value.empty()) return 0;
  const char letter = value.front();
  value.remove_prefix(1);
  return lower(letter);
}

bool same_value(std::string_view a, std::string_view b) {
  const bool a_quoted = a.starts_with('"'), b_quoted = b.starts_with('"');
  if (a_quoted) a = a.substr(1, a.size() - 2);
  if (b_quoted) b = b.substr(1, b.size() - 2);
  while (!a.empty() && !b.empty()) {
    if (take_letter(a, a_quoted) != take_letter(b, b_quoted)) return false;
  }
  return a.empty() && b.empty();
}

// ---- quality values

constexpr int most_quality = 1000;  // in thousandths
constexpr int least_quality = 1;    // of what is acceptable at all

// RFC 9110 section 12.4.2: "0.5", to three places; -1 where it is none.
int read_quality(std::string_view text) {
  if (text.empty() || text.size() > 5 || (text[0] != '0' && text[0] != '1')) return -1;
  if (text.size() > 1 && text[1] != '.') return -1;
  int quality = text[0] == '1' ? most_quality : 0;
  int place = 100;
  for (char c : text.substr(text.size() > 1 ? 2 : 1)) {
    if (c < '0' || c > '9') return -1;
    quality += (c - '0') * place;
    place /= 10;
  }
  return quality <= most_quality ? quality : -1;
}

struct accepted {
  std::string_view value;       // "gzip", "text/html", "en-US", "*"
  std::string_view parameters;  // between it and the quality
  int quality = most_quality;
};

// What stands between two commas; nothing where it is malformed or empty.
std::optional<accepted> read_member(std::string_view text) {
  auto rest = text;
  accepted member{take_part(rest, ';'), {}};
  if (member.value.empty()) return {};
  const auto begin = rest;
  while (!rest.empty()) {
    const auto before = std::size_t(rest.data() - begin.data());
    const auto part = take_part(rest, ';');
    if (part.empty()) continue;
    const auto parameter = read_parameter(part);
    if (!parameter) return {};
    if (equal_ignoring_case(parameter->name, "q")) {
      member.quality = read_quality(parameter->value);
      member.parameters = begin.substr(0, before);
      return member.quality < 0 ? std::nullopt : std::optional(member);
    }
  }
  member.parameters = begin;
  return member;
}

// How well a member of the client's list fits an offer: the higher, the more specific; -1: not at
// all.
using fit_function = int (*)(const accepted& member, std::string_view offer);
constexpr int no_fit = -1;

// What the most specific member that fits says; of several as specific, the kindest.
std::optional<int> find_quality(std::string_view line, std::string_view offer, fit_function fit) {
  std::optional<int> quality;
  int best_fit = no_fit;
  while (!line.empty()) {
    const auto member = read_member(take_part(line, ','));
    if (!member) continue;
    const int f = fit(*member, offer);
    if (f == no_fit || f < best_fit) continue;
    if (f > best_fit || member->quality > *quality) quality = member->quality;
    best_fit = f;
  }
  return quality;
}

// `quality_of_unnamed` is for an offer that nothing in the line fits.
std::optional<std::size_t> choose_best(std::string_view line, offers offered, fit_function fit,
                                       int (*quality_of_unnamed)(std::string_view offer)) {
  std::optional<std::size_t> best;
  int best_quality = 0;
  for (std::size_t i = 0; i < offered.size(); ++i) {
    const auto named = find_quality(line, offered[i], fit);
    const int quality = named ? *named : quality_of_unnamed(offered[i]);
    if (quality <= best_quality) continue;
    best_quality = quality;
    best = i;
  }
  return best;
}

std::optional<std::size_t> first_of(offers offered) {
  return offered.empty() ? std::nullopt : std::optional<std::size_t>(0);
}

int not_acceptable(std::string_view) { return 0; }

// ---- Accept-Encoding

bool is_identity(std::string_view coding) { return equal_ignoring_case(coding, "identity"); }

int fit_encoding(const accepted& member, std::string_view offer) {
  auto name = member.value;
  if (name == "*") return 0;
  // RFC 9110 section 8.4.1: "x-gzip" and "x-compress" are the same without.
  if (equal_ignoring_case(name, "x-gzip") || equal_ignoring_case(name, "x-compress")) {
    name.remove_prefix(2);
  }
  return equal_ignoring_case(name, offer) ? 1 : no_fit;
}

// ---- Accept

struct type_parts {
  std::string_view type, subtype;
};

type_parts split_type(std::string_view media_type) {
  const auto slash = media_type.find('/');
  if (slash == media_type.npos) return {};
  return {media_type.substr(0, slash), media_type.substr(slash + 1)};
}

bool has_parameter(std::string_view parameters, const named_value& wanted) {
  while (!parameters.empty()) {
    const auto p = read_parameter(take_part(parameters, ';'));
    if (p && equal_ignoring_case(p->name, wanted.name) && same_value(p->value, wanted.value)) {
      return true;
    }
  }
  return false;
}

int fit_media_type(const accepted& member, std::string_view offer) {
  constexpr int per_part = 1 << 20;  // more than there are parameters in a line
  const auto range = split_type(member.value);
  const auto offered = split_type(take_part(offer, ';'));
  int fit = 0;
  if (!is_token(range.type) || !is_token(range.subtype)) return no_fit;
  if (range.type != "*") {
    if (!equal_ignoring_case(range.type, offered.type)) return no_fit;
    fit += per_part;
  }
  if (range.subtype != "*") {
    if (range.type == "*" || !equal_ignoring_case(range.subtype, offered.subtype)) return no_fit;
    fit += per_part;
  }
  for (auto rest = member.parameters; !rest.empty();) {
    const auto wanted = read_parameter(take_part(rest, ';'));
    if (!wanted) continue;  // between two semicolons
    if (!has_parameter(offer, *wanted)) return no_fit;
    ++fit;
  }
  return fit;
}

// ---- Accept-Language

// Whether the tag is the shorter one and something more: "en" and "en-GB".
bool extends(std::string_view tag, std::string_view shorter) {
  return tag.size() > shorter.size() && tag[shorter.size()] == '-' &&
         equal_ignoring_case(tag.substr(0, shorter.size()), shorter);
}

int fit_language(const accepted& member, std::string_view offer) {
  constexpr int longer = 1 << 20, same = 1 << 21;  // above the length of a tag
  const auto range = member.value;
  if (range == "*") return 0;
  if (equal_ignoring_case(range, offer)) return same;
  if (extends(offer, range)) return int(range.size());
  // Who refuses "en-US" has not refused "en".
  return extends(range, offer) && member.quality > 0 ? longer : no_fit;
}

// Whether the line has anything to say about such things.
bool is_heeded(std::string_view line, bool (*readable)(std::string_view value)) {
  while (!line.empty()) {
    const auto member = read_member(take_part(line, ','));
    if (member && readable(member->value)) return true;
  }
  return false;
}

bool is_media_range(std::string_view value) {
  const auto range = split_type(value);
  return is_token(range.type) && is_token(range.subtype) &&
         (range.type != "*" || range.subtype == "*");
}

}  // namespace

std::optional<std::size_t> choose_encoding(std::optional<std::string_view> line, offers offered) {
  if (!line) {
    for (std::size_t i = 0; i < offered.size(); ++i) {
      if (is_identity(offered[i])) return i;
    }
    return first_of(offered);
  }
  return choose_best(*line, offered, fit_encoding,
                     [](std::string_view offer) { return is_identity(offer) ? least_quality : 0; });
}

std::optional<std::size_t> choose_media_type(std::optional<std::string_view> line, offers offered) {
  if (!line || !is_heeded(*line, is_media_range)) return first_of(offered);
  return choose_best(*line, offered, fit_media_type, not_acceptable);
}

std::optional<std::size_t> choose_language(std::optional<std::string_view> line, offers offered) {
  if (!line || !is_heeded(*line, is_token)) return first_of(offered);
  return choose_best(*line, offered, fit_language, not_acceptable);
}

}  // namespace aft::http

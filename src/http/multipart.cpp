#include <aft/http/multipart.hpp>

#include <algorithm>
#include <utility>

#include <aft/ground/error.hpp>
#include <aft/ground/query_string.hpp>
#include <aft/http/message.hpp>

#include "../ground/utf8.hpp"
#include "letters.hpp"

namespace aft {
namespace {

// RFC 2046 section 5.1.1: bchars; a space must not be the last.
constexpr http::letter_set boundary_letters = http::make_letters("'()+_,-./:=? ");

// What clients leave unquoted: a token, and more of what a boundary may hold.
constexpr http::letter_set unquoted_letters = http::make_letters("!#$%&'*+-.^_`|~(),/:=?");

bool is_boundary(std::string_view text) {
  if (text.empty() || text.size() > 70 || text.back() == ' ') return false;
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return boundary_letters[static_cast<unsigned char>(c)]; });
}

bool is_part_text(std::string_view value) {
  return std::all_of(value.begin(), value.end(), [](char c) {
    return static_cast<unsigned char>(c) >= 32 ? c != 127 : c == '\t';
  });
}

struct part_parameter {
  std::string_view name;
  std::string value;
};

// Takes a quoted string from `rest`. A backslash escapes '"' and itself alone: in front of others
// it is a letter, of a path that an old browser sends.
bool take_quoted(std::string_view& rest, std::string& value) {
  for (std::size_t i = 1; i < rest.size(); ++i) {
    if (rest[i] == '"') {
      rest.remove_prefix(i + 1);
      return true;
    }
    if (rest[i] == '\\' && i + 1 < rest.size() && (rest[i + 1] == '"' || rest[i + 1] == '\\')) ++i;
    value += rest[i];
  }
  return false;
}

// Takes the next "; name=value" from `rest`; one without a name if there is none left.
std::optional<part_parameter> take_parameter(std::string_view& rest) {
  part_parameter found{};
  rest = http::without_blanks(rest);
  if (rest.empty()) return found;
  if (rest.front() != ';') return {};
  rest = http::without_blanks(rest.substr(1));
  if (rest.empty()) return found;

  const auto equals = rest.find('=');
  found.name = rest.substr(0, equals);
  if (equals == rest.npos || !http::is_token(found.name)) return {};
  rest.remove_prefix(equals + 1);
  if (rest.starts_with('"')) {
    if (!take_quoted(rest, found.value)) return {};
    return found;
  }
  const auto end = std::find_if_not(rest.begin(), rest.end(), [](char c) {
    return unquoted_letters[static_cast<unsigned char>(c)];
  });
  found.value.assign(rest.begin(), end);
  rest.remove_prefix(found.value.size());
  if (found.value.empty()) return {};
  return found;
}

// What browsers write for letters that would end the quotes or the line (WHATWG HTML, "multipart
// form data"). They leave '%' as it is, so nothing else may be decoded.
std::string undo_escapes(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto three = text.substr(i, 3);
    const char letter = three == "%22" ? '"' : three == "%0D" ? '\r' : three == "%0A" ? '\n' : '\0';
    out += letter ? letter : text[i];
    if (letter) i += 2;
  }
  return out;
}

// RFC 8187 section 3.2: UTF-8'language'text.
std::optional<std::string> read_extended(std::string_view value) {
  const auto charset = value.find('\'');
  const auto language = charset == value.npos ? charset : value.find('\'', charset + 1);
  if (language == value.npos || !equal_ignoring_case(value.substr(0, charset), "utf-8")) return {};
  std::string text;
  if (!percent_decode(value.substr(language + 1), text) || !detail::is_utf8(text)) return {};
  if (text.find('\0') != text.npos) return {};
  return text;
}

void drop_directory(std::string& filename) {
  const auto separator = filename.find_last_of("/\\");
  if (separator != filename.npos) filename.erase(0, separator + 1);
  if (filename == "." || filename == "..") filename.clear();
}

// Null, or why it is refused.
const char* read_disposition(std::string_view value, part_head& part) {
  const auto type = value.substr(0, value.find(';'));
  if (!equal_ignoring_case(http::without_blanks(type), "form-data")) {
    return "a Content-Disposition other than form-data";
  }
  auto rest = value.substr(type.size());
  std::optional<std::string> name, extended;
  while (true) {
    const auto parameter = take_parameter(rest);
    if (!parameter) return "a malformed Content-Disposition";
    if (parameter->name.empty()) break;
    if (equal_ignoring_case(parameter->name, "name")) {
      if (name) return "a part with two names";
      name = undo_escapes(parameter->value);
    } else if (equal_ignoring_case(parameter->name, "filename")) {
      if (part.filename) return "a part with two filenames";
      part.filename = undo_escapes(parameter->value);
    } else if (equal_ignoring_case(parameter->name, "filename*")) {
      if (extended) return "a part with two filenames";
      extended = read_extended(parameter->value);
      if (!extended) return "a malformed filename*";
    }
  }
  if (!name) return "a part without a name";
  part.name = std::move(*name);
  if (extended) part.filename = std::move(extended);
  if (part.filename) drop_directory(*part.filename);
  return nullptr;
}

// One line for each header. In place and not shorter, or a stranger's many folds cost their square.
void unfold(std::string& lines) {
  for (std::size_t at = 0; (at = lines.find("\r\n", at)) != lines.npos; at += 2) {
    const bool folds = at + 2 < lines.size() && (lines[at + 2] == ' ' || lines[at + 2] == '\t');
    if (folds) lines[at] = lines[at + 1] = ' ';
  }
}

// `lines` each end in CRLF; the last one is empty. Null, or why they are refused.
const char* read_part_head(std::string& lines, part_head& part) {
  if (!detail::is_utf8(lines)) return "a part's header that is not UTF-8";
  unfold(lines);
  bool has_disposition = false, has_type = false;
  std::string_view rest(lines);
  while (rest != "\r\n") {
    const auto line = rest.substr(0, rest.find("\r\n"));
    rest.remove_prefix(line.size() + 2);
    const auto colon = line.find(':');
    const auto name = line.substr(0, colon);
    if (colon == line.npos || !http::is_token(name)) return "a part's header without a name";
    const auto value = http::without_blanks(line.substr(colon + 1));
    if (!is_part_text(value)) return "a part's header with a control character";
    if (equal_ignoring_case(name, "content-disposition")) {
      if (std::exchange(has_disposition, true)) return "a part with two Content-Dispositions";
      if (const char* why = read_disposition(value, part)) return why;
    } else if (equal_ignoring_case(name, "content-type")) {
      if (std::exchange(has_type, true)) return "a part with two Content-Types";
      if (!value.empty()) part.content_type = value;
    }
  }
  return has_disposition ? nullptr : "a part without Content-Disposition";
}

}  // namespace

std::optional<std::string> multipart_boundary(std::string_view content_type) {
  const auto type = content_type.substr(0, content_type.find(';'));
  if (!equal_ignoring_case(http::without_blanks(type), "multipart/form-data")) return {};
  auto rest = content_type.substr(type.size());
  std::optional<std::string> boundary;
  while (true) {
    auto parameter = take_parameter(rest);
    if (!parameter) return {};
    if (parameter->name.empty()) return boundary;
    if (!equal_ignoring_case(parameter->name, "boundary")) continue;
    if (boundary || !is_boundary(parameter->value)) return {};
    boundary = std::move(parameter->value);
  }
}

multipart_reader::multipart_reader(std::string_view boundary, multipart_sink sink,
                                   multipart_limits limits)
    : sink_(std::move(sink)), limits_(limits), delimiter_("\r\n--") {
  if (!is_boundary(boundary)) {
    throw error("multipart_reader: \"" + std::string(boundary) +
                "\" cannot be a boundary. Take it from multipart_boundary().");
  }
  delimiter_ += boundary;
}

multipart_verdict multipart_reader::write(std::string_view bytes) {
  if (verdict_ != multipart_verdict::ok) return verdict_;
  (void)refuse(multipart_verdict::abandoned, "its reading was given up");  // if a callback throws
  const auto verdict = read(bytes);
  if (verdict == multipart_verdict::ok) why_ = {};
  return verdict_ = verdict;
}

multipart_verdict multipart_reader::finish() {
  if (verdict_ != multipart_verdict::ok || at_ == place::epilogue) return verdict_;
  return refuse(multipart_verdict::unfinished, "no closing boundary");
}

multipart_verdict multipart_reader::refuse(multipart_verdict verdict, std::string_view why) {
  why_ = why;
  return verdict_ = verdict;
}

multipart_verdict multipart_reader::read(std::string_view bytes) {
  while (!bytes.empty()) {
    auto verdict = multipart_verdict::ok;
    switch (at_) {
      case place::preamble:
      case place::content: verdict = seek_boundary(bytes); break;
      case place::boundary:
      case place::dash:
      case place::padding:
      case place::line_feed: verdict = read_boundary_line(bytes); break;
      case place::head: verdict = read_head(bytes); break;
      case place::epilogue: return verdict;
    }
    if (verdict != multipart_verdict::ok) return verdict;
  }
  return multipart_verdict::ok;
}

// The line break before a boundary belongs to it. It may be the one before the first byte: that of
// the request's head, or of the empty line that ends a part's head.
void multipart_reader::expect_boundary(place at) {
  at_ = at;
  matched_ = borrowed_ = 2;
}

// The delimiter has a CR at its beginning alone. So a match that fails contains no other's
// beginning, what was held back of it is known without keeping it, and the search (memchr for CR,
// then memcmp) is linear.
multipart_verdict multipart_reader::seek_boundary(std::string_view& bytes) {
  const std::string_view delimiter(delimiter_);
  if (matched_) {
    const auto next = bytes.substr(0, delimiter.size() - matched_);
    if (delimiter.substr(matched_, next.size()) == next) {
      matched_ += next.size();
      bytes.remove_prefix(next.size());
      if (matched_ == delimiter.size()) end_content();
      return multipart_verdict::ok;
    }
    const auto held_back = delimiter.substr(borrowed_, matched_ - borrowed_);
    matched_ = borrowed_ = 0;
    if (const auto v = hand_on(held_back); v != multipart_verdict::ok) return v;
  }
  const auto at = bytes.find(delimiter);
  if (at != bytes.npos) {
    if (const auto v = hand_on(bytes.substr(0, at)); v != multipart_verdict::ok) return v;
    bytes.remove_prefix(at + delimiter.size());
    end_content();
    return multipart_verdict::ok;
  }
  const auto last = bytes.substr(bytes.size() - std::min(bytes.size(), delimiter.size() - 1));
  const auto cr = last.rfind('\r');
  if (cr != last.npos && delimiter.starts_with(last.substr(cr))) matched_ = last.size() - cr;
  const auto data = bytes.substr(0, bytes.size() - matched_);
  bytes = {};
  return hand_on(data);
}

multipart_verdict multipart_reader::hand_on(std::string_view data) {
  if (at_ == place::preamble) return multipart_verdict::ok;
  const auto room = std::min(limits_.max_part_bytes - part_bytes_, limits_.max_bytes - bytes_);
  const auto taken = data.substr(0, room);
  part_bytes_ += taken.size();
  bytes_ += taken.size();
  if (!taken.empty() && sink_.on_data) sink_.on_data(taken);
  if (taken.size() == data.size()) return multipart_verdict::ok;
  return part_bytes_ == limits_.max_part_bytes
             ? refuse(multipart_verdict::part_too_large, "a larger part than allowed")
             : refuse(multipart_verdict::too_large, "more content than allowed");
}

void multipart_reader::end_content() {
  const bool ends_part = at_ == place::content;
  at_ = place::boundary;
  if (ends_part && sink_.on_part_end) sink_.on_part_end();
}

multipart_verdict multipart_reader::read_boundary_line(std::string_view& bytes) {
  const char c = bytes.front();
  bytes.remove_prefix(1);
  if (at_ == place::line_feed && c == '\n') {
    if (parts_ == limits_.max_parts) {
      return refuse(multipart_verdict::too_many_parts, "more parts than allowed");
    }
    ++parts_;
    head_.clear();
    line_ = 0;
    at_ = place::head;
  } else if (at_ == place::dash && c == '-') {
    at_ = place::epilogue;
  } else if (at_ == place::boundary && c == '-') {
    at_ = place::dash;
  } else if ((at_ == place::boundary || at_ == place::padding) && (c == ' ' || c == '\t')) {
    at_ = place::padding;
  } else if ((at_ == place::boundary || at_ == place::padding) && c == '\r') {
    at_ = place::line_feed;
  } else {
    return refuse(multipart_verdict::malformed, "a boundary that does not end its line");
  }
  return multipart_verdict::ok;
}

multipart_verdict multipart_reader::read_head(std::string_view& bytes) {
  const auto lf = bytes.find('\n');
  const auto piece = lf == bytes.npos ? bytes : bytes.substr(0, lf + 1);
  if (piece.size() > limits_.max_part_head - head_.size()) {
    return refuse(multipart_verdict::head_too_large, "longer headers of a part than allowed");
  }
  head_ += piece;
  bytes.remove_prefix(piece.size());
  if (lf == bytes.npos) return multipart_verdict::ok;

  const auto line = std::string_view(head_).substr(std::exchange(line_, head_.size()));
  if (!line.ends_with("\r\n")) {
    return refuse(multipart_verdict::malformed, "a part's header that does not end in CRLF");
  }
  if (line.size() > 2) return multipart_verdict::ok;

  part_head part;
  if (const char* why = read_part_head(head_, part)) {
    return refuse(multipart_verdict::malformed, why);
  }
  part_bytes_ = 0;
  expect_boundary(place::content);
  if (sink_.on_part) sink_.on_part(part);
  return multipart_verdict::ok;
}

}  // namespace aft

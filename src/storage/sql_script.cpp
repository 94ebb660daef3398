#include "sql_script.hpp"

#include <algorithm>

namespace aft::storage {
namespace {

char lower_letter(char c) { return c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c; }

bool is_digit_of_sql(char c) { return c >= '0' && c <= '9'; }

bool begins_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c & 0x80);
}

bool continues_word(char c) { return begins_word(c) || is_digit_of_sql(c) || c == '$'; }

// Each of these gets the place of a token's first letter and gives that behind its last.

std::size_t end_of_quoted(std::string_view s, std::size_t at, char quote, bool escapes) {
  for (auto i = at + 1; i < s.size(); ++i) {
    if (escapes && s[i] == '\\') ++i;
    else if (s[i] == quote && i + 1 < s.size() && s[i + 1] == quote) ++i;
    else if (s[i] == quote) return i + 1;
  }
  return s.size();
}

std::size_t end_of_word(std::string_view s, std::size_t at) {
  while (at < s.size() && continues_word(s[at])) ++at;
  return at;
}

// $$text$$ or $tag$text$tag$, as in PostgreSQL; 0: it is none.
std::size_t end_of_dollar_quoted(std::string_view s, std::size_t at) {
  auto tag_end = at + 1;
  if (tag_end < s.size() && is_digit_of_sql(s[tag_end])) return 0;
  while (tag_end < s.size() && continues_word(s[tag_end]) && s[tag_end] != '$') ++tag_end;
  if (tag_end >= s.size() || s[tag_end] != '$') return 0;
  const auto tag = s.substr(at, tag_end + 1 - at);
  const auto end = s.find(tag, tag_end + 1);
  return end == s.npos ? s.size() : end + tag.size();
}

sql_token token_at(std::string_view s, std::size_t at) {
  const char c = s[at];
  const char next = at + 1 < s.size() ? s[at + 1] : '\0';
  auto token = [&](token_kind kind, std::size_t end) {
    return sql_token{kind, s.substr(at, end - at)};
  };
  if (c == '-' && next == '-')
    return token(token_kind::comment, std::min(s.find('\n', at), s.size()));
  if (c == '/' && next == '*') {
    const auto end = s.find("*/", at + 2);
    return token(token_kind::comment, end == s.npos ? s.size() : end + 2);
  }
  if (c == '\'') return token(token_kind::string, end_of_quoted(s, at, '\'', false));
  if (c == '"' || c == '`') return token(token_kind::quoted_name, end_of_quoted(s, at, c, false));
  if ((c == 'e' || c == 'E') && next == '\'') {
    return token(token_kind::string, end_of_quoted(s, at + 1, '\'', true));
  }
  if (c == '$') {
    if (const auto end = end_of_dollar_quoted(s, at)) return token(token_kind::string, end);
    return token(token_kind::word, std::max(end_of_word(s, at), at + 1));
  }
  if (begins_word(c)) return token(token_kind::word, end_of_word(s, at));
  if (is_digit_of_sql(c)) {
    auto end = at;
    while (end < s.size() && (continues_word(s[end]) || s[end] == '.')) ++end;
    return token(token_kind::number, end);
  }
  return token(token_kind::symbol, at + 1);
}

// Semicolons between the begin and the end of a body do not end the statement.
class body_of_statement {
 public:
  void see(const std::vector<sql_token>& tokens) {
    const auto& last = tokens.back();
    if (depth_ && last.is("case")) ++depth_;
    else if (depth_ && last.is("end")) --depth_;
    else if (!depth_ && last.is("begin") && is_trigger(tokens)) depth_ = 1;
    else if (!depth_ && last.is("atomic") && tokens.size() > 1 && tokens.rbegin()[1].is("begin")) {
      depth_ = 1;
    }
  }
  bool is_open() const { return depth_ > 0; }

 private:
  static bool is_trigger(const std::vector<sql_token>& tokens) {
    if (!tokens[0].is("create")) return false;
    const auto end = tokens.begin() + std::ptrdiff_t(std::min<std::size_t>(tokens.size(), 4));
    return std::any_of(tokens.begin(), end, [](const auto& t) { return t.is("trigger"); });
  }
  int depth_ = 0;
};

}  // namespace

bool sql_token::is(std::string_view lower_case) const {
  if (kind != token_kind::word && kind != token_kind::symbol) return false;
  return std::equal(text.begin(), text.end(), lower_case.begin(), lower_case.end(),
                    [](char a, char b) { return lower_letter(a) == b; });
}

std::string sql_token::name() const {
  std::string out;
  if (kind != token_kind::quoted_name) {
    for (const char c : text) out += lower_letter(c);
    return out;
  }
  const char quote = text[0];
  for (std::size_t i = 1; i + 1 < text.size(); ++i) {
    out += text[i];
    if (text[i] == quote) ++i;
  }
  return out;
}

bool script_statement::starts_with(std::initializer_list<std::string_view> words) const {
  return words.size() <= tokens.size() &&
         std::equal(words.begin(), words.end(), tokens.begin(),
                    [](std::string_view word, const sql_token& t) { return t.is(word); });
}

std::vector<sql_token> read_tokens(std::string_view script) {
  std::vector<sql_token> tokens;
  for (std::size_t at = 0; at < script.size();) {
    if (std::string_view(" \t\r\n\f\v").find(script[at]) != std::string_view::npos) {
      ++at;
      continue;
    }
    tokens.push_back(token_at(script, at));
    at += tokens.back().text.size();
  }
  return tokens;
}

std::vector<script_statement> read_script(std::string_view script) {
  std::vector<script_statement> statements;
  script_statement current;
  body_of_statement body;
  int parentheses = 0;
  std::size_t counted_to = 0, line = 1;
  auto finish = [&] {
    if (!current.tokens.empty()) {
      const auto* begin = current.tokens.front().text.data();
      const auto& last = current.tokens.back().text;
      current.text = {begin, std::size_t(last.data() + last.size() - begin)};
      const auto at = std::size_t(begin - script.data());
      line += std::size_t(std::count(script.begin() + std::ptrdiff_t(counted_to),
                                     script.begin() + std::ptrdiff_t(at), '\n'));
      counted_to = at;
      current.line = line;
      statements.push_back(std::move(current));
    }
    current = {};
    body = {};
    parentheses = 0;
  };
  for (const auto& t : read_tokens(script)) {
    if (t.kind == token_kind::comment) {
      if (!current.tokens.empty()) current.with_comments.push_back(t);
      continue;
    }
    if (t.is("(")) ++parentheses;
    else if (t.is(")")) --parentheses;
    if (t.is(";") && parentheses <= 0 && !body.is_open()) {
      finish();
      continue;
    }
    current.tokens.push_back(t);
    current.with_comments.push_back(t);
    body.see(current.tokens);
  }
  finish();
  return statements;
}

std::string sql_string(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') out += c;
    out += c;
  }
  return out + "'";
}

}  // namespace aft::storage

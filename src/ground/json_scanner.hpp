#pragma once
// Walks over the text of a JSON document (RFC 8259): its tokens, and values that nobody wants.
// All inline, for json_read.cpp goes through it byte by byte.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "scan.hpp"
#include "utf8.hpp"

namespace aft::json {

// Every function that passes over something returns false only when the text is no JSON, and then
// scanning ends.
class scanner {
 public:
  scanner(std::string_view text, unsigned max_depth)
      : p_(text.data()), end_(p_ + text.size()), begin_(p_), max_depth_(max_depth) {}

  bool skip_document() { return skip() && at_end(); }

  // Why and at which byte the text is no JSON; null: it is, so far.
  const char* not_json() const { return not_json_; }
  std::ptrdiff_t byte() const { return p_ - begin_; }

 protected:
  bool at_end() {
    spaces();
    return p_ == end_ || syntax("text after the value");
  }
  bool syntax(const char* what) {
    not_json_ = what;
    return false;
  }

  // ---- tokens

  void spaces() {
    while (p_ < end_ && (*p_ == ' ' || *p_ == '\n' || *p_ == '\t' || *p_ == '\r')) ++p_;
  }
  bool next(char expected) {  // whether it is there; passes it
    if (p_ == end_ || *p_ != expected) return false;
    ++p_;
    return true;
  }
  bool literal(std::string_view word) {
    if (std::string_view(p_, std::size_t(end_ - p_)).starts_with(word)) {
      p_ += word.size();
      return true;
    }
    return syntax("no value");
  }
  bool enter() {
    ++p_;
    if (++depth_ > max_depth_) return syntax("nested too deeply");
    spaces();
    return true;
  }
  // After an item: true at a comma or at the closing bracket, which ends the container.
  bool separator(char close, bool& more) {
    spaces();
    if (p_ == end_) return syntax("unexpected end");
    if (*p_ == ',') {
      ++p_;
      more = true;
      return true;
    }
    if (*p_ != close) return syntax(close == '}' ? "expected ',' or '}'" : "expected ',' or ']'");
    ++p_;
    --depth_;
    more = false;
    return true;
  }
  bool key(std::string_view& name, std::string& storage) {
    spaces();
    if (!string(name, storage)) return false;
    spaces();
    return next(':') || syntax("expected ':'");
  }

  // The view is into the text when the string has no escapes, else into `storage`.
  bool string(std::string_view& out, std::string& storage) {
    if (!next('"')) return syntax("expected a string");
    const char* run = p_;
    bool copied = false;
    while (true) {
      p_ = detail::skip_plain<true>(p_, end_);
      if (p_ == end_) return syntax("unterminated string");
      const auto c = static_cast<unsigned char>(*p_);
      if (c == '"') break;
      if (c >= 0x80) {
        const unsigned length = detail::utf8_length(p_, end_);
        if (!length) return syntax("invalid UTF-8");
        p_ += length;
        continue;
      }
      if (c != '\\') return syntax("control character in a string");
      if (!copied) storage.clear();
      copied = true;
      storage.append(run, p_);
      ++p_;
      if (!escape(storage)) return false;
      run = p_;
    }
    if (copied) {
      storage.append(run, p_);
      out = storage;
    } else {
      out = {run, std::size_t(p_ - run)};
    }
    ++p_;
    return true;
  }
  bool escape(std::string& out) {
    if (p_ == end_) return syntax("unterminated string");
    switch (*p_++) {
      case '"': out += '"'; return true;
      case '\\': out += '\\'; return true;
      case '/': out += '/'; return true;
      case 'b': out += '\b'; return true;
      case 'f': out += '\f'; return true;
      case 'n': out += '\n'; return true;
      case 'r': out += '\r'; return true;
      case 't': out += '\t'; return true;
      case 'u': break;
      default: --p_; return syntax("invalid escape");
    }
    std::uint32_t character, low;
    if (!four_digits(character)) return false;
    if (character >= 0xDC00 && character <= 0xDFFF) return syntax("lone surrogate");
    if (character >= 0xD800 && character <= 0xDBFF) {
      if (!next('\\') || !next('u')) return syntax("lone surrogate");
      if (!four_digits(low)) return false;
      if (low < 0xDC00 || low > 0xDFFF) return syntax("lone surrogate");
      character = 0x10000 + ((character - 0xD800) << 10) + (low - 0xDC00);
    }
    detail::append_utf8(out, character);
    return true;
  }
  bool four_digits(std::uint32_t& value) {
    value = 0;
    for (int i = 0; i < 4; ++i, ++p_) {
      if (p_ == end_) return syntax("invalid \\u escape");
      const char c = *p_;
      value <<= 4;
      if (c >= '0' && c <= '9') value |= std::uint32_t(c - '0');
      else if (c >= 'a' && c <= 'f') value |= std::uint32_t(c - 'a' + 10);
      else if (c >= 'A' && c <= 'F') value |= std::uint32_t(c - 'A' + 10);
      else return syntax("invalid \\u escape");
    }
    return true;
  }
  bool some_digits(const char* why) {
    if (p_ == end_ || *p_ < '0' || *p_ > '9') return syntax(why);
    while (p_ < end_ && *p_ >= '0' && *p_ <= '9') ++p_;
    return true;
  }
  bool number(std::string_view& out, bool& integral) {
    const char* begin = p_;
    integral = true;
    next('-');
    if (!next('0') && !some_digits("not a value")) return false;
    if (next('.')) {
      integral = false;
      if (!some_digits("expected digits after '.'")) return false;
    }
    if (p_ < end_ && (*p_ == 'e' || *p_ == 'E')) {
      integral = false;
      ++p_;
      if (!next('+')) next('-');
      if (!some_digits("expected digits in the exponent")) return false;
    }
    out = {begin, std::size_t(p_ - begin)};
    return true;
  }
  bool starts_number() const { return *p_ == '-' || (*p_ >= '0' && *p_ <= '9'); }

  // ---- values

  bool skip() {
    spaces();
    if (p_ == end_) return syntax("unexpected end");
    std::string_view ignored;
    bool integral, more = true;
    switch (*p_) {
      case '{':
        if (!enter()) return false;
        if (next('}')) return --depth_, true;
        while (more) {
          if (!key(ignored, scratch_) || !skip() || !separator('}', more)) return false;
        }
        return true;
      case '[':
        if (!enter()) return false;
        if (next(']')) return --depth_, true;
        while (more) {
          if (!skip() || !separator(']', more)) return false;
        }
        return true;
      case '"': return string(ignored, scratch_);
      case 't': return literal("true");
      case 'f': return literal("false");
      case 'n': return literal("null");
      default: return number(ignored, integral);
    }
  }

  const char *p_, *end_;
  unsigned depth_ = 0;
  std::string scratch_{};  // of a string with escapes

 private:
  const char* begin_;
  unsigned max_depth_;
  const char* not_json_ = nullptr;
};

}  // namespace aft::json

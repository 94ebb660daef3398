#include "mail_text.hpp"

#include <algorithm>
#include <cstdint>

#include <aft/ground/encoding.hpp>

#include "../ground/utf8.hpp"
#include "../http/http_date.hpp"

namespace aft::client {
namespace {

constexpr std::size_t longest_line = 76;
// Of an encoded word, "=?UTF-8?B?" and "?=" with 4 characters for each 3 bytes between them.
constexpr std::size_t longest_word = 75, around_word = 12;

std::string fold(std::string_view text, std::size_t used) {
  std::string out;
  while (!text.empty()) {
    auto end = text.find(' ', 1);  // a piece is a word with the spaces before it
    while (end != text.npos && end + 1 < text.size() && text[end - 1] == ' ') {
      end = text.find(' ', end + 1);
    }
    const auto piece = text.substr(0, end);
    if (used > 1 && used + piece.size() > longest_line && piece.front() == ' ') {
      out += "\r\n";
      used = 0;
    }
    out += piece;
    used += piece.size();
    text = end == text.npos ? std::string_view() : text.substr(end);
  }
  return out;
}

}  // namespace

bool is_printable_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
}

std::string encode_words(std::string_view text, std::size_t used) {
  std::size_t word = 0, longest = 0;
  for (const char c : text) {
    word = c == ' ' ? 0 : word + 1;
    longest = std::max(longest, word);
  }
  const bool is_plain = is_printable_ascii(text) && text.find("=?") == text.npos &&
                        longest + used < longest_line && (text.empty() || text.front() != ' ') &&
                        (text.empty() || text.back() != ' ') && text.find("  ") == text.npos;
  if (is_plain) return fold(text, used);
  std::string out;
  auto room = longest_line - std::min(used, longest_line / 2) - around_word;
  const char *p = text.data(), *end = p + text.size();
  while (p < end) {
    const char* from = p;
    while (p < end) {
      const auto length = std::max(1u, detail::utf8_length(p, end));
      if (std::size_t(p - from) + length > room / 4 * 3) break;
      p += length;
    }
    if (!out.empty()) out += "\r\n ";
    out += "=?UTF-8?B?" + to_base64({from, std::size_t(p - from)}) + "?=";
    room = longest_word - around_word;
  }
  return out;
}

std::string to_quoted_printable(std::string_view text) {
  constexpr char digits[] = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size() + text.size() / 8);
  std::size_t used = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\r' || c == '\n') {
      if (c == '\r' && i + 1 < text.size() && text[i + 1] == '\n') ++i;
      out += "\r\n";
      used = 0;
      continue;
    }
    const bool ends_line = i + 1 == text.size() || text[i + 1] == '\r' || text[i + 1] == '\n';
    const bool is_space = c == ' ' || c == '\t';
    // A '.' alone or a "From " at the start of a line has a meaning to some on the way.
    const bool is_odd = used == 0 && (c == '.' || c == 'F');
    const bool plain = !is_odd && (is_space ? !ends_line : c > 0x20 && c < 0x7f && c != '=');
    const std::size_t needs = plain ? 1 : 3;
    if (used + needs > longest_line - 1) {
      out += "=\r\n";
      used = 0;
    }
    if (plain) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += {'=', digits[byte >> 4], digits[byte & 15]};
    }
    used += needs;
  }
  return out;
}

std::string to_base64_lines(std::string_view bytes) {
  const auto all = to_base64(bytes);
  std::string out;
  out.reserve(all.size() + all.size() / 38);
  for (std::size_t at = 0; at < all.size(); at += longest_line) {
    out.append(all, at, longest_line).append("\r\n");
  }
  return out;
}

std::string mail_date(std::int64_t unix_seconds) {
  char text[http::http_date_size];
  http::write_http_date(text, unix_seconds);
  std::string date(text, sizeof text);
  date.replace(date.size() - 3, 3, "+0000");
  return date;
}

}  // namespace aft::client

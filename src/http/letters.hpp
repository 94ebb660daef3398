#pragma once
// The characters that HTTP is written with, and their classes.

#include <array>
#include <cstdint>
#include <string_view>

namespace aft::http {

using letter_set = std::array<bool, 256>;

constexpr letter_set make_letters(std::string_view others) {
  letter_set set{};
  for (unsigned char c = '0'; c <= '9'; ++c) set[c] = true;
  for (unsigned char c = 'a'; c <= 'z'; ++c) set[c] = true;
  for (unsigned char c = 'A'; c <= 'Z'; ++c) set[c] = true;
  for (char c : others) set[static_cast<unsigned char>(c)] = true;
  return set;
}

// RFC 9110 section 5.6.2: token.
inline constexpr letter_set token_letters = make_letters("!#$%&'*+-.^_`|~");

// RFC 3986 section 3.2.2 and a port.
inline constexpr letter_set host_letters = make_letters("-._~!$&'()*+,;=:[]%");

constexpr bool is_token(std::string_view text) {
  for (char c : text) {
    if (!token_letters[static_cast<unsigned char>(c)]) return false;
  }
  return !text.empty();
}

// RFC 9110 section 5.6.3: OWS, the white space that may stand around the parts of a header's value.
constexpr bool is_blank(char c) { return c == ' ' || c == '\t'; }

constexpr std::string_view without_blanks(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? char(c + ('a' - 'A')) : c; }

}  // namespace aft::http

#include <aft/auth/password_rules.hpp>

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include <aft/ground/digest.hpp>
#include <aft/ground/encoding.hpp>

#include "common_passwords.hpp"

namespace aft::auth {
namespace {

constexpr std::string_view peppered = "peppered:";

std::size_t characters_of(std::string_view text) {
  return std::size_t(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c & 0x80); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string lower_case(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = char(c + 32);
  }
  return out;
}

// Signs and digits that are read as letters.
std::string read_as_letters(std::string_view text, char one) {
  std::string out(text);
  for (char& c : out) {
    switch (c) {
      case '0': c = 'o'; break;
      case '1':
      case '!':
      case '|': c = one; break;
      case '3': c = 'e'; break;
      case '4':
      case '@': c = 'a'; break;
      case '5':
      case '$': c = 's'; break;
      case '7':
      case '+': c = 't'; break;
      case '8': c = 'b'; break;
      case '9': c = 'g'; break;
      default: break;
    }
  }
  return out;
}

std::string_view without_ends(std::string_view text) {
  while (!text.empty() && !is_letter(text.front())) text.remove_prefix(1);
  while (!text.empty() && !is_letter(text.back())) text.remove_suffix(1);
  return text;
}

// One piece, over and over, perhaps cut at the end: "abcabcab", "aaaaaaaa".
std::string_view repeated_piece(std::string_view text) {
  for (std::size_t size = 1; size <= text.size() / 2; ++size) {
    const auto same = [&] {
      for (std::size_t i = size; i < text.size(); ++i) {
        if (text[i] != text[i - size]) return false;
      }
      return true;
    };
    if (same()) return text.substr(0, size);
  }
  return {};
}

// Along a row of the keyboard or the alphabet, either way, or a few such walks in a row.
bool is_walk(std::string_view text) {
  static constexpr std::string_view rows[] = {"abcdefghijklmnopqrstuvwxyz",
                                              "01234567890",
                                              "qwertyuiop[]",
                                              "asdfghjkl;'",
                                              "zxcvbnm,./",
                                              "qwertzuiop",
                                              "azertyuiop",
                                              "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik,",
                                              "zaq1xsw2cde3vfr4bgt5nhy6",
                                              "!@#$%^&*()",
                                              "qazwsxedcrfvtgbyhnujmikolp",
                                              "1q2w3e4r5t6y7u8i9o0p",
                                              "q1w2e3r4t5y6u7",
                                              "147258369",
                                              "741852963",
                                              "qsdfghjklm",
                                              "wxcvbn",
                                              "yxcvbnm"};
  if (text.size() < 3) return false;
  std::size_t at = 0, walks = 0;
  while (at < text.size()) {
    std::size_t longest = 0;
    for (const auto row : rows) {
      std::string back(row.rbegin(), row.rend());
      for (const std::string_view way : {row, std::string_view(back)}) {
        auto size = std::min(way.size(), text.size() - at);
        while (size > longest && way.find(text.substr(at, size)) == way.npos) --size;
        longest = std::max(longest, size);
      }
    }
    if (longest < 3) return false;
    at += longest;
    ++walks;
  }
  return walks <= 4;
}

// Digits alone tell too little: dates, telephone numbers, codes.
bool is_number(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return is_digit(c) || c == '-' || c == '.' || c == '/'; });
}

bool is_word(std::string_view text) {
  if (is_common_word(text) || is_walk(text)) return true;
  // Two or three of them in a row: "iloveyou", "dragonmaster".
  for (std::size_t cut = 2; cut + 2 <= text.size(); ++cut) {
    if (!is_common_word(text.substr(0, cut))) continue;
    const auto rest = text.substr(cut);
    if (is_common_word(rest)) return true;
    for (std::size_t next = 2; next + 2 <= rest.size(); ++next) {
      if (is_common_word(rest.substr(0, next)) && is_common_word(rest.substr(next))) return true;
    }
  }
  return false;
}

bool is_decorated_word(std::string_view text) {
  const auto core = without_ends(text);
  if (core.size() >= 3 && is_word(core)) return true;
  for (const char one : {'i', 'l'}) {
    // Decoration may be read as letters, or lie around them.
    for (const auto part :
         {text, core, text.substr(0, text.find_last_not_of("0123456789!.?") + 1)}) {
      const auto letters = read_as_letters(part, one);
      if (letters.size() >= 3 && is_word(letters)) return true;
    }
  }
  return false;
}

bool holds_only(std::string_view password, std::string_view word) {
  if (word.size() < 4) return false;
  for (const auto& form :
       {std::string(password), read_as_letters(password, 'i'), read_as_letters(password, 'l')}) {
    const auto at = form.find(word);
    // What is beside the word is too little to be guessed at.
    if (at != form.npos && form.size() - word.size() < 8) return true;
  }
  return false;
}

std::vector<std::string> pieces_of(std::string_view text) {
  std::vector<std::string> pieces{lower_case(text)};
  std::string piece;
  for (const char c : lower_case(text) + ".") {
    if (is_letter(c) || is_digit(c)) {
      piece += c;
    } else if (!piece.empty()) {
      pieces.push_back(std::exchange(piece, {}));
    }
  }
  return pieces;
}

std::string seasoned(std::string_view password, const pepper& p) {
  return to_base64(hmac_sha256(p.key.text(), password));
}

}  // namespace

std::string_view to_string(password_refusal r) {
  switch (r) {
    case password_refusal::too_short: return "too_short";
    case password_refusal::too_long: return "too_long";
    case password_refusal::common: return "common";
    case password_refusal::context: return "context";
  }
  return {};
}

std::string explain(password_refusal r, const password_rules& rules) {
  switch (r) {
    case password_refusal::too_short:
      return fmt::format("must have at least {} characters", rules.least);
    case password_refusal::too_long:
      return fmt::format("must have at most {} characters", rules.most);
    case password_refusal::common: return "is among those that are guessed first; take another";
    case password_refusal::context:
      return "is made of a name that is known here, which is guessed first; take another";
  }
  return {};
}

bool is_common_password(std::string_view password) {
  const auto text = lower_case(password);
  if (text.empty() || is_number(text)) return true;
  if (const auto piece = repeated_piece(text); !piece.empty()) {
    if (piece.size() <= 3 || is_number(piece) || is_decorated_word(piece)) return true;
  }
  return is_walk(text) || is_decorated_word(text) || is_leaked_password(text);
}

std::optional<password_refusal> judge_password(std::string_view password,
                                               const password_rules& rules,
                                               std::string_view email) {
  const auto size = characters_of(password);
  if (size < rules.least) return password_refusal::too_short;
  if (size > rules.most) return password_refusal::too_long;
  const auto text = lower_case(password);
  auto words = pieces_of(email);
  for (const auto& word : rules.context) {
    for (auto& piece : pieces_of(word)) words.push_back(std::move(piece));
  }
  for (const auto& word : words) {
    if (holds_only(text, word)) return password_refusal::context;
  }
  if (is_common_password(password)) return password_refusal::common;
  return {};
}

std::string store_password(std::string_view password, const pepper& p, password_cost cost) {
  if (p.key.empty()) return hash_password(password, cost);
  return std::string(peppered) + hash_password(seasoned(password, p), cost);
}

std::string decoy_password(const pepper& p, password_cost cost) {
  const std::string salt(22, 'A'), hash(43, 'A');
  return std::string(p.key.empty() ? std::string_view() : peppered) +
         "$argon2id$v=19$m=" + std::to_string(cost.memory_kib) +
         ",t=" + std::to_string(cost.passes) + ",p=1$" + salt + "$" + hash;
}

bool check_password(std::string_view stored, std::string_view password, const pepper& p) {
  if (!stored.starts_with(peppered)) return verify_password(stored, password);
  return verify_password(stored.substr(peppered.size()), seasoned(password, p)) && !p.key.empty();
}

bool needs_storing_anew(std::string_view stored, const pepper& p, password_cost cost) {
  const bool has_pepper = stored.starts_with(peppered);
  return has_pepper == p.key.empty() ||
         needs_rehash(has_pepper ? stored.substr(peppered.size()) : stored, cost);
}

}  // namespace aft::auth

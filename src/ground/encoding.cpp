#include <aft/ground/encoding.hpp>

#include <array>
#include <cstdint>

#include "hex.hpp"

namespace aft {
namespace {

constexpr std::string_view base64_alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view base64url_alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

constexpr std::array<std::int8_t, 256> digits_of(std::string_view alphabet) {
  std::array<std::int8_t, 256> table{};
  for (auto& value : table) value = -1;
  for (std::size_t i = 0; i < alphabet.size(); ++i) {
    table[static_cast<unsigned char>(alphabet[i])] = std::int8_t(i);
  }
  return table;
}
constexpr auto base64_digits = digits_of(base64_alphabet);
constexpr auto base64url_digits = digits_of(base64url_alphabet);

std::uint32_t byte_at(std::string_view bytes, std::size_t i) {
  return static_cast<unsigned char>(bytes[i]);
}

std::string encode64(std::string_view bytes, std::string_view alphabet, bool pad) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  std::size_t i = 0;
  auto put = [&](std::uint32_t group, int digits) {
    for (int d = 0; d < digits; ++d) out += alphabet[group >> (18 - 6 * d) & 63];
  };
  for (; i + 3 <= bytes.size(); i += 3) {
    put(byte_at(bytes, i) << 16 | byte_at(bytes, i + 1) << 8 | byte_at(bytes, i + 2), 4);
  }
  if (std::size_t rest = bytes.size() - i) {
    std::uint32_t group = byte_at(bytes, i) << 16;
    if (rest == 2) group |= byte_at(bytes, i + 1) << 8;
    put(group, int(rest) + 1);
    if (pad) out.append(3 - rest, '=');
  }
  return out;
}

// `text` without padding.
bool decode64(std::string_view text, const std::array<std::int8_t, 256>& digits, std::string& out) {
  out.clear();
  if (text.size() % 4 == 1) return false;
  out.reserve(text.size() / 4 * 3 + 2);
  std::uint32_t group = 0;
  int bits = 0;
  for (char c : text) {
    int digit = digits[static_cast<unsigned char>(c)];
    if (digit < 0) return false;
    group = group << 6 | std::uint32_t(digit);
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      out += char(group >> bits & 255);
    }
  }
  return (group & ((1u << bits) - 1)) == 0;
}

}  // namespace

std::string to_hex(std::string_view bytes) {
  constexpr std::string_view alphabet = "0123456789abcdef";
  std::string out;
  out.reserve(bytes.size() * 2);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    out += alphabet[byte_at(bytes, i) >> 4];
    out += alphabet[byte_at(bytes, i) & 15];
  }
  return out;
}

bool from_hex(std::string_view text, std::string& bytes) {
  bytes.clear();
  if (text.size() % 2) return false;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = detail::hex_digit(text[i]), low = detail::hex_digit(text[i + 1]);
    if (high < 0 || low < 0) return false;
    bytes += char(high << 4 | low);
  }
  return true;
}

std::string to_base64(std::string_view bytes) { return encode64(bytes, base64_alphabet, true); }

bool from_base64(std::string_view text, std::string& bytes) {
  bytes.clear();
  if (text.size() % 4) return false;
  for (int i = 0; i < 2 && !text.empty() && text.back() == '='; ++i) text.remove_suffix(1);
  return decode64(text, base64_digits, bytes);
}

std::string to_base64url(std::string_view bytes) {
  return encode64(bytes, base64url_alphabet, false);
}

bool from_base64url(std::string_view text, std::string& bytes) {
  return decode64(text, base64url_digits, bytes);
}

}  // namespace aft

#include "check.hpp"

#include <cstring>
#include <map>
#include <mutex>
#include <regex>

#include <fmt/format.h>

#include <aft/ground/error.hpp>
#include <aft/ground/text.hpp>

#include "utf8.hpp"

namespace aft::detail {
namespace {

// std::regex recurses once per character and more, so what it may see is bounded.
constexpr std::size_t longest_pattern_input = 1024;

const std::regex& compiled(std::string_view pattern) {
  static auto* mutex = new std::mutex;
  static auto* cache = new std::map<std::string_view, std::regex>;  // patterns are literals
  std::lock_guard lock(*mutex);
  auto found = cache->find(pattern);
  if (found == cache->end()) {
    found = cache->emplace(pattern, std::regex(pattern.data(), pattern.size())).first;
  }
  return found->second;
}

complaint below(auto minimum) { return {"range", fmt::format("must be at least {}", minimum)}; }
complaint above(auto maximum) { return {"range", fmt::format("must be at most {}", maximum)}; }

}  // namespace

complaint check_string(const constraints& rule, std::string_view value) {
  if (rule.min_length > 0 || rule.max_length >= 0) {
    auto wrong = check_count(rule, count_characters(value), "character");
    if (wrong) return wrong;
  }
  if (rule.check && !rule.check(value)) return {"format", std::string(rule.check_message)};
  if (!rule.pattern.empty()) {
    bool matches = value.size() <= longest_pattern_input &&
                   std::regex_match(value.begin(), value.end(), compiled(rule.pattern));
    if (!matches) return {"pattern", fmt::format("must match {}", rule.pattern)};
  }
  return {};
}

complaint check_count(const constraints& rule, std::int64_t count, const char* of_what) {
  auto plural = [](std::int64_t n) { return n == 1 ? "" : "s"; };
  if (count < rule.min_length) {
    if (rule.min_length == 1) return {"length", "must not be empty"};
    return {"length", fmt::format("must have at least {} {}{}", rule.min_length, of_what,
                                  plural(rule.min_length))};
  }
  if (rule.max_length >= 0 && count > rule.max_length) {
    return {"length", fmt::format("must have at most {} {}{}", rule.max_length, of_what,
                                  plural(rule.max_length))};
  }
  return {};
}

complaint check_integer(const constraints& rule, std::int64_t value) {
  if (rule.has_minimum && value < rule.integer_minimum) return below(rule.integer_minimum);
  if (rule.has_maximum && value > rule.integer_maximum) return above(rule.integer_maximum);
  return {};
}

complaint check_unsigned(const constraints& rule, std::uint64_t value) {
  if (value <= std::uint64_t(INT64_MAX)) return check_integer(rule, std::int64_t(value));
  if (rule.has_maximum) return above(rule.integer_maximum);
  return {};
}

complaint check_number(const constraints& rule, double value) {
  if (rule.has_minimum && value < rule.minimum) return below(rule.minimum);
  if (rule.has_maximum && value > rule.maximum) return above(rule.maximum);
  return {};
}

std::string one_of(const type_info& enumeration) {
  std::string text = "must be one of";
  for (std::uint32_t i = 0; i < enumeration.enumerator_count; ++i) {
    text.append(i ? ", " : " ").append(enumeration.enumerators[i].name);
  }
  return text;
}

namespace {
template <class T>
T load(const void* p) {
  T value;
  std::memcpy(&value, p, sizeof value);
  return value;
}
template <class T>
void store(void* p, T value) {
  std::memcpy(p, &value, sizeof value);
}
}  // namespace

std::int64_t load_integer(const void* value, unsigned width, bool is_signed) {
  switch (width) {
    case 1: return is_signed ? load<std::int8_t>(value) : load<std::uint8_t>(value);
    case 2: return is_signed ? load<std::int16_t>(value) : load<std::uint16_t>(value);
    case 4: return is_signed ? load<std::int32_t>(value) : std::int64_t(load<std::uint32_t>(value));
    default: return load<std::int64_t>(value);
  }
}

void store_integer(void* value, unsigned width, std::uint64_t number) {
  switch (width) {
    case 1: return store(value, std::uint8_t(number));
    case 2: return store(value, std::uint16_t(number));
    case 4: return store(value, std::uint32_t(number));
    default: return store(value, number);
  }
}

bool fits(std::int64_t number, unsigned width) {
  if (width == 8) return true;
  const std::int64_t limit = std::int64_t(1) << (width * 8 - 1);
  return number >= -limit && number < limit;
}

bool fits_unsigned(std::uint64_t number, unsigned width) {
  return width == 8 || number >> (width * 8) == 0;
}

std::string out_of_range(const type_info& integer) {
  const unsigned bits = integer.width * 8u;
  if (!integer.is_signed) {
    return fmt::format("must be an integer from 0 to {}", ~std::uint64_t(0) >> (64 - bits));
  }
  const auto most = std::int64_t(~std::uint64_t(0) >> (65 - bits));
  return fmt::format("must be an integer from {} to {}", -most - 1, most);
}

std::int64_t load_time(const void* value, const type_info& type) {
  const auto ticks = load<std::int64_t>(value);
  return std::int64_t(__int128(ticks) * type.tick_numerator * 1'000'000 / type.tick_denominator);
}

void store_time(void* value, const type_info& type, std::int64_t microseconds) {
  const auto scaled = __int128(microseconds) * type.tick_denominator;
  const auto unit = __int128(type.tick_numerator) * 1'000'000;
  auto ticks = scaled / unit;
  if (scaled % unit < 0) --ticks;  // towards the past, also before 1970
  store(value, std::int64_t(ticks));
}

// ---- what text.hpp declares

void require(const constraints& rule, std::string_view text) {
  if (!is_utf8(text)) throw error("a constrained text is not valid UTF-8");
  if (auto wrong = check_string(rule, text)) throw error("a constrained text " + wrong.detail);
}

void require(const constraints& rule, double value, std::int64_t integer) {
  auto wrong = double(integer) == value ? check_integer(rule, integer) : check_number(rule, value);
  if (wrong) throw error("a bounded number " + wrong.detail);
}

namespace {

bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_domain(std::string_view domain) {
  if (domain.empty() || domain.size() > 253) return false;
  while (true) {
    const auto dot = domain.find('.');
    const auto label = domain.substr(0, dot);
    if (label.empty() || label.size() > 63) return false;
    if (!is_alphanumeric(label.front()) || !is_alphanumeric(label.back())) return false;
    for (char c : label) {
      if (!is_alphanumeric(c) && c != '-') return false;
    }
    if (dot == domain.npos) return true;
    domain.remove_prefix(dot + 1);
  }
}

}  // namespace

// https://html.spec.whatwg.org/multipage/input.html#valid-e-mail-address
bool is_email(std::string_view text) {
  const auto at = text.find('@');
  if (at == text.npos || at == 0 || at > 64) return false;
  for (char c : text.substr(0, at)) {
    if (!is_alphanumeric(c) && std::string_view(".!#$%&'*+/=?^_`{|}~-").find(c) == text.npos) {
      return false;
    }
  }
  return is_domain(text.substr(at + 1));
}

bool is_slug(std::string_view text) {
  if (text.empty() || text.front() == '-' || text.back() == '-') return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '-' ? text[i - 1] == '-' : !(is_alphanumeric(c) && !(c >= 'A' && c <= 'Z'))) {
      return false;
    }
  }
  return true;
}

bool is_web_url(std::string_view text) {
  for (std::string_view scheme : {"https://", "http://"}) {
    if (!text.starts_with(scheme)) continue;
    const auto rest = text.substr(scheme.size());
    const auto host = rest.substr(0, rest.find_first_of("/?#"));
    if (host.empty() || host.front() == ':') return false;
    for (char c : rest) {
      if (static_cast<unsigned char>(c) <= ' ' || c == 127 || c == '"' || c == '<' || c == '>') {
        return false;
      }
    }
    return true;
  }
  return false;
}

}  // namespace aft::detail

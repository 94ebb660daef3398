#pragma once
// Checks values against their constraints; the same for JSON, query strings and paths.

#include <cstdint>
#include <string>
#include <string_view>

#include <aft/ground/type.hpp>

namespace aft::detail {

struct complaint {
  const char* code = nullptr;  // null: the value is right
  std::string detail{};
  explicit operator bool() const { return code != nullptr; }
};

complaint check_string(const constraints& rule, std::string_view value);  // valid UTF-8
complaint check_count(const constraints& rule, std::int64_t count, const char* of_what);
complaint check_integer(const constraints& rule, std::int64_t value);
complaint check_unsigned(const constraints& rule, std::uint64_t value);
complaint check_number(const constraints& rule, double value);

// "must be one of red, green, blue"
std::string one_of(const type_info& enumeration);

// Integers of 1, 2, 4 or 8 bytes in memory.
std::int64_t load_integer(const void* value, unsigned width, bool is_signed);
void store_integer(void* value, unsigned width, std::uint64_t number);
bool fits(std::int64_t number, unsigned width);  // as a signed integer
bool fits_unsigned(std::uint64_t number, unsigned width);

std::string out_of_range(const type_info& integer);  // "must be an integer from -128 to 127"

// Time points as microseconds since 1970.
std::int64_t load_time(const void* value, const type_info& type);
void store_time(void* value, const type_info& type, std::int64_t microseconds);

}  // namespace aft::detail

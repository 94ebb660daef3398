#pragma once
// The tables of types: what JSON, query strings, SQL rows and JSON Schema are read and written by.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace aft {

namespace reflect {
struct enumerator;
}

struct type_info;

enum class type_kind : std::uint8_t {
  boolean,
  integer,
  number,
  string,
  bytes,        // std::vector<std::byte>; base64 in JSON, a blob in SQL
  enumeration,  // its enumerators' names
  time,         // aft::time_point, or a std::chrono time point of 64 bits; RFC 3339 in JSON
  object,       // a plain struct
  array,        // std::vector and what has its shape
  map,          // from std::string
  optional,
  codec,     // written as another type, see aft::codec
  raw_json,  // any JSON value, kept as its text
};

// What a value must satisfy beyond its type. All of it also stands in the JSON Schema.
struct constraints {
  std::int64_t min_length = 0;   // characters of a string, bytes of a blob, items of an array
  std::int64_t max_length = -1;  // -1: no limit
  bool has_minimum = false, has_maximum = false;
  double minimum = 0, maximum = 0;
  std::int64_t integer_minimum = 0, integer_maximum = 0;
  std::string_view format{};                  // JSON Schema's "format": "email", "uri"
  std::string_view pattern{};                 // ECMAScript regular expression, matched whole
  std::string_view description{};             // for the API document
  std::string_view example{};                 // for it too: JSON, but strings without quotes
  bool (*check)(std::string_view) = nullptr;  // of a string
  std::string_view check_message{};           // "must be an e-mail address"
  bool restricts() const {
    return min_length > 0 || max_length >= 0 || has_minimum || has_maximum || !pattern.empty() ||
           check;
  }
};

struct field_info {
  std::string_view name{};      // in JSON, in SQL, in query strings
  std::string_view json_key{};  // quoted, with its colon: "name":
  const type_info* type = nullptr;
  std::uint32_t offset = 0;
  bool required = true;     // false for std::optional
  bool restricted = false;  // rule.restricts()
  bool is_secret = false;   // not shown with other settings, see aft/ground/settings.hpp
  constraints rule{};
};

// A check over the fields of one object, see rules<T>::check.
struct object_check {
  std::uint32_t field;  // the error is reported at this field
  std::string_view message;
  void (*predicate)();  // really bool (*)(const T&)
  bool (*call)(void (*predicate)(), const void* object);
};

struct type_info {
  type_kind kind = type_kind::object;
  std::uint8_t width = 0;  // of integers, numbers and enumerations, in bytes
  bool is_signed = false;
  bool restricted = false;
  bool ignores_unknown = false;
  bool is_secret = false;   // of a codec: what it writes is not the value, see aft::secret
  std::uint32_t size = 0;   // sizeof(T)
  std::string_view name{};  // structs and enumerations, unqualified
  std::string_view qualified_name{};  // with namespaces
  constraints rule{};
  const type_info* element =
      nullptr;  // of arrays, maps, optionals; of a codec what it is written as

  const field_info* fields = nullptr;
  std::uint32_t field_count = 0;
  const object_check* checks = nullptr;
  std::uint32_t check_count = 0;
  std::string_view description{}, example{};  // of structs; JSON
  const reflect::enumerator* enumerators = nullptr;
  std::uint32_t enumerator_count = 0;
  std::int64_t tick_numerator = 1, tick_denominator = 1;  // of a time point: seconds per tick

  // Arrays.
  std::size_t (*count)(const void*) = nullptr;
  const void* (*items)(const void*) = nullptr;  // contiguous
  void* (*push)(void*) = nullptr;               // appends a default item
  // Maps.
  void* (*insert)(void*, std::string&& key) = nullptr;  // null when the key is there already
  void (*each)(const void*, void* context,
               void (*visit)(void* context, std::string_view key, const void* value)) = nullptr;
  // Optionals.
  const void* (*get)(const void*) = nullptr;  // null when empty
  void* (*emplace)(void*) = nullptr;
  // Arrays, maps, optionals.
  void (*clear)(void*) = nullptr;
  // Codecs.
  bool (*decode)(void* value, void* context, bool (*read)(void* context, void* written_as),
                 std::string& why) = nullptr;
  void (*encode)(const void* value, void* context,
                 void (*write)(void* context, const void* written_as)) = nullptr;
};

// The table of T, made on first use; lives as long as the program. Any thread.
template <class T>
const type_info& type_of();

// How a type that is not a plain struct is written and read: as another type.
//   template <>
//   struct aft::codec<colour> {
//     using written_as = std::string;
//     static std::string encode(const colour& c);
//     // Empty, with a sentence in `why`, where the text is no colour.
//     static std::optional<colour> decode(std::string&& text, std::string& why);
//   };
template <class T>
struct codec;

// Any JSON value, kept as its text.
struct raw_json {
  std::string text = "null";
  friend bool operator==(const raw_json&, const raw_json&) = default;
};

}  // namespace aft

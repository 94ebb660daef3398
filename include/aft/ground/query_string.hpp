#pragma once
// application/x-www-form-urlencoded, and single values written as text, into C++ types.

#include <string>
#include <string_view>

#include <aft/ground/json.hpp>
#include <aft/ground/type.hpp>

namespace aft {

// Decodes %XX once; with `plus_is_space` also '+'. False on a malformed escape.
bool percent_decode(std::string_view text, std::string& out, bool plus_is_space = false);

// Encodes everything but unreserved characters (RFC 3986 section 2.3).
std::string percent_encode(std::string_view text);

// Reads one value written as text: a number, boolean (true, false, 1, 0), enumerator, time, string
// or constrained type, or an optional of one. On failure `error` has code and detail. The text is
// taken as it is, not percent-decoded; it must be UTF-8.
bool read_text(std::string_view text, void* value, const type_info& type, const constraints* rule,
               field_error& error);

namespace query_string {

// Reads "a=1&b=2" into a struct: scalars, optionals, and arrays of scalars by repeating the name.
// A field that is absent keeps its default initialiser. Unknown names are errors unless the struct
// ignores them; so is a name given twice that is no array.
bool read(std::string_view text, void* value, const type_info& type, field_errors& errors);

template <class T>
result<T, field_errors> read(std::string_view text) {
  T value{};
  field_errors errors;
  if (!read(text, &value, type_of<T>(), errors)) return errors;
  return value;
}

// Writes a struct of such fields; empty optionals are left out.
std::string write(const void* value, const type_info& type);

template <class T>
std::string write(const T& value) {
  return write(&value, type_of<T>());
}

}  // namespace query_string
}  // namespace aft
